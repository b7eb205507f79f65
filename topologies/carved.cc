#include "topologies/carved.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace weft {
namespace {

FabricSpec part_of(const Topology& whole, std::span<const CarvedTopology::Cable> cables) {
  FabricSpec spec = whole.spec();
  const auto is_host = [&](const CarvedTopology::Cable& c) {
    return whole.tier(LinkId{2 * c.cable}) == LinkTier::kHost;
  };
  spec.hosts.nic_rate = spec.port_rate();
  spec.hosts.count = static_cast<std::uint32_t>(std::count_if(cables.begin(), cables.end(), is_host));
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.ports_per_nic = spec.hosts.rails = 1;
  spec.hosts.scale_up.domain_gpus = 1;
  spec.topology = {};
  spec.topology.kind = TopologyKind::kExplicit;
  spec.failures.clear();
  if (spec.routing.kind != RoutingKind::kSpray) spec.routing.kind = RoutingKind::kEcmp;
  return spec;
}

}  // namespace

CarvedTopology::CarvedTopology(const Topology& whole, std::span<const Cable> cables)
    : Topology(part_of(whole, cables)), whole_(whole) {
  std::vector<Cable> sorted(cables.begin(), cables.end());
  std::sort(sorted.begin(), sorted.end(), [](const Cable& a, const Cable& b) { return a.cable < b.cable; });
  std::unordered_map<std::uint32_t, std::uint32_t> places[6];
  const auto place = [&](NodeRef node) {
    auto& of_kind = places[static_cast<std::size_t>(node.kind)];
    const auto [at, fresh] = of_kind.emplace(node.index, static_cast<std::uint32_t>(of_kind.size()));
    if (fresh) nodes(node.kind).push_back(node);
    return at->second;
  };
  cables_.reserve(sorted.size());
  carved_.reserve(sorted.size());
  for (const Cable& c : sorted) {
    const LinkEnds ends = whole.ends(LinkId{2 * c.cable});
    WEFT_CHECK(ends.from.kind != NodeKind::kGpu);
    const bool fresh = carved_.emplace(c.cable, static_cast<std::uint32_t>(cables_.size())).second;
    WEFT_CHECK(fresh);
    const std::uint32_t low = place(ends.from);
    cables_.push_back({c.cable, low, place(ends.to), c.rate_factor});
  }
}

Rate CarvedTopology::rate(LinkId link) const {
  const Rate full = whole_.rate(whole(link));
  const double factor = cables_[link.value / 2].rate_factor;
  return factor == 1 ? full : Rate{std::llround(static_cast<double>(full.bits_per_second) * factor)};
}

LinkEnds CarvedTopology::ends(LinkId link) const {
  const Piece& piece = cables_[link.value / 2];
  const LinkEnds whole = whole_.ends(LinkId{2 * piece.whole});
  const LinkEnds up{{whole.from.kind, piece.low}, {whole.to.kind, piece.high}};
  return link.value % 2 == 0 ? up : LinkEnds{up.to, up.from};
}

std::uint32_t CarvedTopology::switch_count(NodeKind kind) const {
  const bool is_switch = kind == NodeKind::kLeaf || kind == NodeKind::kSpine || kind == NodeKind::kCore;
  return is_switch ? static_cast<std::uint32_t>(nodes(kind).size()) : 0;
}

std::string CarvedTopology::name(NodeRef node) const {
  const NodeKind kind = node.kind == NodeKind::kGpu ? NodeKind::kNicPort : node.kind;  // one GPU a port
  return whole_.name(whole(NodeRef{kind, node.index}));
}

std::optional<LinkId> CarvedTopology::find_link(std::string_view name) const {
  const auto found = whole_.find_link(name);
  return found && has(*found) ? std::optional(carved(*found)) : std::nullopt;
}

std::optional<NodeRef> CarvedTopology::find_node(std::string_view name) const {
  const auto found = whole_.find_node(name);
  if (!found) return std::nullopt;
  const std::vector<NodeRef>& all = nodes(found->kind);
  const auto at = std::find(all.begin(), all.end(), *found);
  if (at == all.end()) return std::nullopt;
  return NodeRef{found->kind, static_cast<std::uint32_t>(at - all.begin())};
}

}  // namespace weft
