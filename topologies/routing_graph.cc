#include "topologies/routing_graph.h"

#include <algorithm>
#include <utility>

namespace weft {

Expected<std::unique_ptr<Router>> GraphRouter::create(const Topology& topology, std::uint64_t seed) {
  auto reach = GraphReach::create(topology);
  if (!reach) return tl::unexpected(reach.error());
  return std::unique_ptr<Router>(new GraphRouter(topology, seed, std::move(*reach)));
}

GraphRouter::GraphRouter(const Topology& topology, std::uint64_t seed, std::unique_ptr<GraphReach> reach)
    : EndpointRouter(topology, *reach, seed), reach_(std::move(reach)), hops_(*reach_, seed) {
  if (stateful()) loads_.resize(topology.link_count());
}

Duration GraphRouter::hop_delay(LinkId link) const {
  return topology().delay(link) + topology().spec().switches.latency;
}

bool GraphRouter::network(const Flow& flow, Route& out) {
  if (!reach_->reachable(flow.from, flow.to)) return false;
  const LinkId host_up = topology().host_link(flow.from, false), host_down = topology().host_link(flow.to, true);
  append(host_up, flow.share, out);
  out.delay = out.delay + hop_delay(host_up);
  const std::uint32_t from = reach_->switch_of(flow.from), to = reach_->switch_of(flow.to);
  if (weighted()) {
    spray(from, to, flow, out);
  } else {
    for (std::uint32_t at = from; at != to;) {
      const LinkId link = next_hop(at, flow);
      append(link, 1, out);
      out.delay = out.delay + hop_delay(link);
      at = reach_->next_switch(link);
    }
  }
  append(host_down, flow.share, out);
  out.delay = out.delay + topology().delay(host_down);
  return true;
}

LinkId GraphRouter::next_hop(std::uint32_t at, const Flow& flow) {
  const NextHops hops = hops_.next_hops(at, flow.to);
  std::uint32_t c = kNoChoice;
  if (loads_.empty()) {
    c = hops_.choice(hops, flow.digest);
  } else {
    c = choose_least_loaded(
        hops, hops_.hash(), flow.digest, [&](std::uint32_t i) { return hops_.alive(hops, i); },
        [&](std::uint32_t i) { return loads_[hops.link(i).value]; });
  }
  WEFT_CHECK(c != kNoChoice);  // the source's switch reaches the destination, so each on the way does
  const LinkId link = hops.link(c);
  if (!loads_.empty()) ++loads_[link.value];
  return link;
}

void GraphRouter::spray(std::uint32_t from, std::uint32_t to, const Flow& flow, Route& out) const {
  std::vector<std::pair<std::uint32_t, double>> layer{{from, flow.share}};  // switches at one distance and their share
  Duration delay{};
  while (layer.front().first != to) {
    std::vector<std::pair<std::uint32_t, double>> next;
    Duration slowest{};
    for (const auto& [at, share] : layer) {
      const GraphReach::Group& group = reach_->group(at, to);
      const auto members = std::count(group.live.begin(), group.live.end(), true);
      for (std::size_t c = 0; c < group.links.size(); ++c) {
        if (!group.live[c]) continue;
        const double of_link = share / static_cast<double>(members);
        append(group.links[c], of_link, out);
        slowest = std::max(slowest, hop_delay(group.links[c]));
        next.emplace_back(reach_->next_switch(group.links[c]), of_link);
      }
    }
    delay = delay + slowest;
    std::sort(next.begin(), next.end());
    layer.clear();
    for (const auto& [at, share] : next) {
      if (!layer.empty() && layer.back().first == at) {
        layer.back().second += share;
      } else {
        layer.emplace_back(at, share);
      }
    }
  }
  out.delay = out.delay + delay;
}

}  // namespace weft
