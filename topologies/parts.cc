#include "topologies/parts.h"

#include <algorithm>

#include "topologies/clos.h"
#include "topologies/failures.h"

namespace weft {
namespace {

// Bandwidth of each switch of a tier towards the hosts and away from them, bits/s.
struct SwitchBandwidth {
  std::vector<std::int64_t> down, up;
};

struct Sums {
  TierBandwidth tiers[4];  // by LinkTier
  SwitchBandwidth leaf, spine;
};

void add_line(PartsList& list, const char* part, std::uint64_t count, const std::optional<PartPrice>& price) {
  if (count == 0) return;
  PartLine line{part, count, std::nullopt, std::nullopt, {}};
  if (price) {
    line.dollars = price->dollars * static_cast<double>(count);
    line.watts = price->watts * static_cast<double>(count);
    line.source = price->source;
    list.dollars += *line.dollars;
    list.watts += *line.watts;
  } else {
    list.all_priced = false;
  }
  list.lines.push_back(std::move(line));
}

Sums sum_bandwidth(const Topology& t) {
  Sums sums;
  for (SwitchBandwidth* tier : {&sums.leaf, &sums.spine}) {
    const std::uint32_t n = t.switch_count(tier == &sums.leaf ? NodeKind::kLeaf : NodeKind::kSpine);
    tier->down.assign(n, 0);
    tier->up.assign(n, 0);
  }
  for (std::uint32_t cable = t.first_host_link() / 2; cable < t.link_count() / 2; ++cable) {
    const LinkId link{2 * cable};
    const LinkEnds e = t.ends(link);
    const std::int64_t rate = t.rate(link).bits_per_second;
    TierBandwidth& tier = sums.tiers[static_cast<int>(t.tier(link))];
    ++tier.links;
    tier.one_way.bits_per_second += rate;
    if (e.from.kind == e.to.kind) continue;  // sideways: neither down nor up
    if (e.from.kind == NodeKind::kLeaf) sums.leaf.up[e.from.index] += rate;
    if (e.from.kind == NodeKind::kSpine) sums.spine.up[e.from.index] += rate;
    if (e.to.kind == NodeKind::kLeaf) sums.leaf.down[e.to.index] += rate;
    if (e.to.kind == NodeKind::kSpine) sums.spine.down[e.to.index] += rate;
  }
  return sums;
}

std::optional<double> worst_oversubscription(const SwitchBandwidth& tier) {
  std::optional<double> worst;
  for (std::size_t i = 0; i < tier.down.size(); ++i) {
    if (tier.up[i] == 0 || tier.down[i] == 0) continue;  // dead, or nothing above it by intent
    const double ratio = static_cast<double>(tier.down[i]) / static_cast<double>(tier.up[i]);
    worst = std::max(worst.value_or(0.0), ratio);
  }
  return worst;
}

// The tiers that traffic between two halves of the hosts cannot avoid.
bool crossed(const Topology& t, LinkTier tier) {
  const auto* clos = dynamic_cast<const ClosTopology*>(&t);
  if (clos == nullptr) return true;
  const ClosShape& s = clos->shape();
  if (tier == LinkTier::kLeafSpine) return s.leaves() > 1;
  if (tier == LinkTier::kSpineCore) return s.blocks > (s.rail_blocks ? s.rails : 1);
  return true;
}

}  // namespace

PartsList list_parts(const Topology& topology) {
  Sums sums = sum_bandwidth(topology);
  const PartsSpec& prices = topology.spec().parts;
  const auto& tiers = sums.tiers;
  PartsList list;
  add_line(list, "nic", std::uint64_t{topology.host_count()} * topology.spec().hosts.nics, prices.nic);
  add_line(list, "host_link", tiers[static_cast<int>(LinkTier::kHost)].links, prices.host_link);
  add_line(list, "leaf_switch", topology.switch_count(NodeKind::kLeaf), prices.leaf_switch);
  add_line(list, "leaf_spine_link", tiers[static_cast<int>(LinkTier::kLeafSpine)].links, prices.leaf_spine_link);
  add_line(list, "spine_switch", topology.switch_count(NodeKind::kSpine), prices.spine_switch);
  add_line(list, "spine_core_link", tiers[static_cast<int>(LinkTier::kSpineCore)].links, prices.spine_core_link);
  add_line(list, "core_switch", topology.switch_count(NodeKind::kCore), prices.core_switch);

  sums.tiers[static_cast<int>(LinkTier::kLeafSpine)].oversubscription = worst_oversubscription(sums.leaf);
  sums.tiers[static_cast<int>(LinkTier::kSpineCore)].oversubscription = worst_oversubscription(sums.spine);
  const std::int64_t host = tiers[static_cast<int>(LinkTier::kHost)].one_way.bits_per_second;
  std::int64_t narrowest = host;
  for (const LinkTier tier : {LinkTier::kHost, LinkTier::kLeafSpine, LinkTier::kSpineCore}) {
    TierBandwidth& bandwidth = sums.tiers[static_cast<int>(tier)];
    if (bandwidth.links == 0) continue;
    bandwidth.tier = tier;
    list.tiers.push_back(bandwidth);
    if (crossed(topology, tier)) narrowest = std::min(narrowest, bandwidth.one_way.bits_per_second);
  }
  list.full_bisection = Rate{host / 2};
  list.bisection = Rate{narrowest / 2};
  return list;
}

}  // namespace weft
