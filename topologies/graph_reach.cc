#include "topologies/graph_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weft {

Expected<std::unique_ptr<GraphReach>> GraphReach::create(const Topology& topology) {
  const std::uint32_t switches = topology.switch_count(NodeKind::kLeaf) + topology.switch_count(NodeKind::kSpine) +
                                 topology.switch_count(NodeKind::kCore);
  if (switches > kMaxSwitches) {
    return input_error("too many switches to route an explicit fabric", fmt::format("{}", switches),
                       fmt::format("the limit is {}; describe a regular fabric by its generator", kMaxSwitches));
  }
  return std::unique_ptr<GraphReach>(new GraphReach(topology, switches));
}

GraphReach::GraphReach(const Topology& topology, std::uint32_t switches) : topology_(&topology), switches_(switches) {
  for (std::uint32_t link = 0; link < topology.link_count(); link += 2) {
    if (topology.rate(LinkId{link}).bits_per_second == 0) dead_.insert(link / 2);
  }
  collect_edges();
  forget();
}

void GraphReach::forget() {
  targets_.reset(new Target[switches_]);
  shared_.assign(switches_, {});
}

void GraphReach::set_cable(std::uint32_t cable, bool alive) {
  const bool changed = alive ? dead_.erase(cable) : dead_.insert(cable);
  if (changed && 2 * cable >= topology_->first_fabric_link()) forget();
}

std::uint32_t GraphReach::switch_id(NodeRef node) const {
  const std::uint32_t leaves = topology_->switch_count(NodeKind::kLeaf);
  switch (node.kind) {
    case NodeKind::kLeaf:
      return node.index;
    case NodeKind::kSpine:
      return leaves + node.index;
    case NodeKind::kCore:
      return leaves + topology_->switch_count(NodeKind::kSpine) + node.index;
    case NodeKind::kGpu:
    case NodeKind::kScaleUpSwitch:
    case NodeKind::kNicPort:
      return kNone;
  }
  return kNone;
}

void GraphReach::collect_edges() {
  port_switch_.assign(topology_->port_count(), kNone);
  for (std::uint32_t p = 0; p < topology_->port_count(); ++p) {
    const std::uint32_t at = switch_id(topology_->ends(topology_->host_link(PortId{p}, false)).to);
    port_switch_[p] = at < switches_ ? at : kNone;
  }
  std::vector<std::pair<std::uint32_t, Edge>> all;
  for (std::uint32_t link = topology_->first_fabric_link(); link < topology_->link_count(); ++link) {
    const LinkEnds ends = topology_->ends(LinkId{link});
    all.push_back({switch_id(ends.from), {LinkId{link}, switch_id(ends.to)}});
    link_to_.push_back(switch_id(ends.to));
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

std::uint32_t GraphReach::next_switch(LinkId link) const {
  const std::uint32_t first_fabric = topology_->first_fabric_link();
  if (link.value >= first_fabric) return link_to_[link.value - first_fabric];
  WEFT_DCHECK(link.value >= topology_->first_host_link() && link.value % 2 == 0);
  return port_switch_[(link.value - topology_->first_host_link()) / 2];
}

std::vector<std::uint16_t> GraphReach::search(std::uint32_t destination, bool live_only) const {
  std::vector<std::uint16_t> distance(switches_, kFar);
  std::vector<std::uint32_t> queue{destination};
  distance[destination] = 0;
  for (std::size_t head = 0; head < queue.size(); ++head) {
    const std::uint32_t at = queue[head];
    for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
      // Cables are alive or dead both ways, so the search may follow them backwards.
      const Edge& edge = edges_[e];
      if (distance[edge.to] != kFar || (live_only && !alive(edge.link.value / 2))) continue;
      distance[edge.to] = static_cast<std::uint16_t>(distance[at] + 1);
      queue.push_back(edge.to);
    }
  }
  return distance;
}

GraphReach::Group GraphReach::make_group(std::uint32_t at, const std::vector<std::uint16_t>& built,
                                         const std::vector<std::uint16_t>& live) const {
  Group group;
  for (const bool as_built : {true, false}) {
    for (std::uint32_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) {
      const Edge& edge = edges_[e];
      const bool member = built[edge.to] + 1 == built[at];
      const bool lives = live[edge.to] + 1 == live[at] && alive(edge.link.value / 2);
      if (member != as_built || (!member && !lives)) continue;
      group.links.push_back(edge.link);
      group.live.push_back(lives);
      if (!member || !lives) group.suspect = true;
    }
    if (as_built) group.built = static_cast<std::uint32_t>(group.links.size());
  }
  return group;
}

const GraphReach::Target& GraphReach::target(std::uint32_t destination) const {
  Target& t = targets_[destination];
  std::call_once(t.once, [&] {
    const std::vector<std::uint16_t> built = search(destination, false);
    const std::vector<std::uint16_t> live = dead().empty() ? built : search(destination, true);
    t.groups.reserve(switches_);
    const std::lock_guard lock(sharing_);
    for (std::uint32_t at = 0; at < switches_; ++at) {
      t.groups.push_back(&*shared_[at].insert(make_group(at, built, live)).first);
    }
  });
  return t;
}

bool GraphReach::joined(PortId from, PortId to) const {
  const std::uint32_t a = switch_of(from), b = switch_of(to);
  return a != kNone && b != kNone && (a == b || group(a, b).built > 0);
}

bool GraphReach::aligned(PortId from, PortId to) const {
  return topology_->rail_of(from) == topology_->rail_of(to) && joined(from, to);
}

bool GraphReach::reachable(PortId from, PortId to) const {
  const std::uint32_t a = switch_of(from), b = switch_of(to);
  if (a == kNone || b == kNone) return false;
  if (a == b) return true;
  const Group& hops = group(a, b);
  return std::find(hops.live.begin(), hops.live.end(), true) != hops.live.end();
}

}  // namespace weft
