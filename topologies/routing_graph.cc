#include "topologies/routing_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace weft {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Expected<std::unique_ptr<Router>> GraphRouter::create(const Topology& topology, std::uint64_t seed) {
  const std::uint32_t switches = topology.switch_count(NodeKind::kLeaf) + topology.switch_count(NodeKind::kSpine) +
                                 topology.switch_count(NodeKind::kCore);
  if (switches > kMaxSwitches) {
    return input_error("too many switches to route an explicit fabric", fmt::format("{}", switches),
                       fmt::format("the limit is {}; describe a regular fabric by its generator", kMaxSwitches));
  }
  return std::unique_ptr<Router>(new GraphRouter(topology, seed, dead_cables(topology)));
}

GraphRouter::GraphRouter(const Topology& topology, std::uint64_t seed, CableSet dead)
    : EndpointRouter(topology, seed, std::move(dead)),
      leaves_(topology.switch_count(NodeKind::kLeaf)),
      spines_(topology.switch_count(NodeKind::kSpine)),
      switches_(leaves_ + spines_ + topology.switch_count(NodeKind::kCore)),
      distances_(new Distances[switches_]) {
  collect_edges();
  if (topology.spec().routing.kind == RoutingKind::kAdaptive) loads_.resize(topology.link_count());
}

CableSet GraphRouter::dead_cables(const Topology& topology) {
  CableSet dead;
  for (std::uint32_t link = 0; link < topology.link_count(); link += 2) {
    if (topology.rate(LinkId{link}).bits_per_second == 0) dead.insert(link / 2);
  }
  return dead;
}

std::uint32_t GraphRouter::switch_id(NodeRef node) const {
  switch (node.kind) {
    case NodeKind::kLeaf:
      return node.index;
    case NodeKind::kSpine:
      return leaves_ + node.index;
    case NodeKind::kCore:
      return leaves_ + spines_ + node.index;
    case NodeKind::kGpu:
    case NodeKind::kScaleUpSwitch:
    case NodeKind::kNicPort:
      return kNone;
  }
  return kNone;
}

void GraphRouter::collect_edges() {
  port_switch_.assign(topology().port_count(), kNone);
  for (std::uint32_t p = 0; p < topology().port_count(); ++p) {
    const std::uint32_t at = switch_id(topology().ends(topology().host_link(PortId{p}, false)).to);
    port_switch_[p] = at < switches_ ? at : kNone;
  }
  std::vector<std::pair<std::uint32_t, Edge>> all;
  for (std::uint32_t link = topology().first_fabric_link(); link < topology().link_count(); ++link) {
    const LinkEnds ends = topology().ends(LinkId{link});
    all.push_back({switch_id(ends.from), {LinkId{link}, switch_id(ends.to)}});
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  first_edge_.assign(switches_ + 1, 0);
  for (const auto& [from, edge] : all) {
    WEFT_CHECK(from < switches_ && edge.to < switches_);
    ++first_edge_[from + 1];
    edges_.push_back(edge);
  }
  for (std::uint32_t s = 0; s < switches_; ++s) first_edge_[s + 1] += first_edge_[s];
}

std::vector<std::uint16_t> GraphRouter::search(std::uint32_t destination, bool live_only) const {
  std::vector<std::uint16_t> distance(switches_, kFar);
  std::vector<std::uint32_t> queue{destination};
  distance[destination] = 0;
  for (std::size_t head = 0; head < queue.size(); ++head) {
    const std::uint32_t at = queue[head];
    for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
      // Cables are alive or dead both ways, so the search may follow them backwards.
      const Edge& edge = edges_[e];
      if (distance[edge.to] != kFar || (live_only && dead().contains(edge.link.value / 2))) continue;
      distance[edge.to] = static_cast<std::uint16_t>(distance[at] + 1);
      queue.push_back(edge.to);
    }
  }
  return distance;
}

const GraphRouter::Distances& GraphRouter::distances(std::uint32_t destination) const {
  Distances& d = distances_[destination];
  std::call_once(d.once, [&] {
    d.built = search(destination, false);
    d.live = dead().empty() ? d.built : search(destination, true);
  });
  return d;
}

bool GraphRouter::joined(PortId from, PortId to) const {
  const std::uint32_t a = switch_of(from), b = switch_of(to);
  return a != kNone && b != kNone && distances(b).built[a] != kFar;
}

bool GraphRouter::aligned(PortId from, PortId to) const {
  return topology().rail_of(from) == topology().rail_of(to) && joined(from, to);
}

bool GraphRouter::reachable(PortId from, PortId to) const {
  const std::uint32_t a = switch_of(from), b = switch_of(to);
  return a != kNone && b != kNone && distances(b).live[a] != kFar;
}

Duration GraphRouter::hop_delay(LinkId link) const {
  return topology().delay(link) + topology().spec().switches.latency;
}

bool GraphRouter::network(const Flow& flow, Route& out) {
  if (!reachable(flow.from, flow.to)) return false;
  const LinkId host_up = topology().host_link(flow.from, false), host_down = topology().host_link(flow.to, true);
  append(host_up, flow.share, out);
  out.delay = out.delay + hop_delay(host_up);
  const Distances& to = distances(switch_of(flow.to));
  if (weighted()) {
    spray(switch_of(flow.from), to, flow, out);
  } else {
    for (std::uint32_t at = switch_of(flow.from); at != switch_of(flow.to);) {
      const Edge edge = next_hop(at, to, flow);
      append(edge.link, 1, out);
      out.delay = out.delay + hop_delay(edge.link);
      at = edge.to;
    }
  }
  append(host_down, flow.share, out);
  out.delay = out.delay + topology().delay(host_down);
  return true;
}

GraphRouter::Edge GraphRouter::next_hop(std::uint32_t at, const Distances& to, const Flow& flow) {
  std::vector<Edge> live;
  for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
    if (is_live(edges_[e], to.live, at)) live.push_back(edges_[e]);
  }
  WEFT_CHECK(!live.empty());
  if (loads_.empty()) return pick(live, at, to, flow);
  const std::size_t first = hash()(flow.digest, at) % live.size();
  std::rotate(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(first), live.end());
  const Edge best = *std::min_element(live.begin(), live.end(), [&](const Edge& a, const Edge& b) {
    return loads_[a.link.value] < loads_[b.link.value];
  });
  ++loads_[best.link.value];
  return best;
}

GraphRouter::Edge GraphRouter::pick(const std::vector<Edge>& live, std::uint32_t at, const Distances& to,
                                    const Flow& flow) const {
  if (topology().spec().routing.kind == RoutingKind::kStatic) return live[flow.to.value % live.size()];
  const std::uint32_t h = hash()(flow.digest, at);
  if (dead().empty() || !topology().spec().routing.resilient) return live[h % live.size()];
  // Resilient: the group as built keeps its size, and only what a dead member carried is hashed again.
  std::vector<Edge> built;
  for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
    if (to.built[edges_[e].to] + 1 == to.built[at]) built.push_back(edges_[e]);
  }
  const Edge choice = built[h % built.size()];
  if (is_live(choice, to.live, at)) return choice;
  return live[hash()(mix64(flow.digest), at) % live.size()];
}

void GraphRouter::spray(std::uint32_t from, const Distances& to, const Flow& flow, Route& out) const {
  std::vector<std::pair<std::uint32_t, double>> layer{{from, flow.share}};  // switches at one distance and their share
  Duration delay{};
  while (to.live[layer.front().first] > 0) {
    std::vector<std::pair<std::uint32_t, double>> next;
    Duration slowest{};
    for (const auto& [at, share] : layer) {
      std::uint32_t members = 0;
      for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
        members += is_live(edges_[e], to.live, at) ? 1U : 0U;
      }
      for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
        if (!is_live(edges_[e], to.live, at)) continue;
        append(edges_[e].link, share / members, out);
        slowest = std::max(slowest, hop_delay(edges_[e].link));
        next.emplace_back(edges_[e].to, share / members);
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
