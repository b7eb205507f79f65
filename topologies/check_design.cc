// check_wiring of the design itself.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "topologies/cabling.h"
#include "topologies/clos.h"

namespace weft {
namespace {

constexpr NodeKind kTiers[] = {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore};
constexpr int kFirstTier = static_cast<int>(NodeKind::kLeaf);

int tier_index(NodeKind kind) { return static_cast<int>(kind) - kFirstTier; }
bool is_switch(NodeKind kind) { return tier_index(kind) >= 0; }

std::uint32_t radix_of(const FabricSpec& spec, NodeKind kind) {
  if (kind == NodeKind::kLeaf) return spec.switches.leaf_radix;
  return kind == NodeKind::kSpine ? spec.switches.spine_radix : spec.switches.core_radix;
}

// Switches joined by cables, over all tiers.
class Components {
 public:
  explicit Components(const Topology& t) {
    std::uint32_t n = 0;
    for (const NodeKind kind : kTiers) {
      first_[tier_index(kind)] = n;
      n += t.switch_count(kind);
    }
    parent_.resize(n);
    std::iota(parent_.begin(), parent_.end(), 0U);
  }
  void join(NodeRef a, NodeRef b) { parent_[find(dense(a))] = find(dense(b)); }
  std::uint32_t of(NodeRef node) { return find(dense(node)); }

 private:
  std::uint32_t dense(NodeRef node) const { return first_[tier_index(node.kind)] + node.index; }
  std::uint32_t find(std::uint32_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  std::uint32_t first_[3]{};
  std::vector<std::uint32_t> parent_;
};

// Ports in use by number, and the bandwidth that they add up to.
class PortUse {
 public:
  PortUse(const Topology& t, WiringReport& report) : t_(t), report_(report) {
    for (const NodeKind kind : kTiers) {
      auto& tier = tiers_[tier_index(kind)];
      tier.radix = radix_of(t.spec(), kind);
      tier.used.assign(std::size_t{t.switch_count(kind)} * tier.radix, false);
      tier.bandwidth.assign(t.switch_count(kind), 0);
    }
  }
  void plug(PlugEnd end, Rate rate) {
    if (!is_switch(end.node.kind)) return;
    auto& tier = tiers_[tier_index(end.node.kind)];
    tier.bandwidth[end.node.index] += rate.bits_per_second;
    if (end.port >= tier.radix) {
      report_.add_problem(
          fmt::format("{} port {} does not exist: the switch has {} ports", t_.name(end.node), end.port, tier.radix));
      return;
    }
    auto used = tier.used[std::size_t{end.node.index} * tier.radix + end.port];
    if (used) report_.add_problem(fmt::format("{} port {} has two cables", t_.name(end.node), end.port));
    used = true;
  }
  void check_capacity() {
    const auto capacity = t_.spec().switches.capacity;
    if (!capacity) return;
    for (const NodeKind kind : kTiers) {
      const auto& bandwidth = tiers_[tier_index(kind)].bandwidth;
      for (std::uint32_t i = 0; i < bandwidth.size(); ++i) {
        if (bandwidth[i] <= capacity->bits_per_second) continue;
        report_.add_problem(fmt::format("the ports of {} add up to {}, more than the capacity of {}",
                                        t_.name(NodeRef{kind, i}), to_text(Rate{bandwidth[i]}), to_text(*capacity)));
      }
    }
  }

 private:
  struct Tier {
    std::uint32_t radix = 0;
    std::vector<bool> used;
    std::vector<std::int64_t> bandwidth;
  };
  const Topology& t_;
  WiringReport& report_;
  Tier tiers_[3];
};

Rate healthy_rate(const Topology& t, std::uint32_t cable) {
  const LinksSpec& l = t.spec().links;
  const Rate port = t.spec().port_rate();
  if (dynamic_cast<const ClosTopology*>(&t) == nullptr) return t.rate(LinkId{2 * cable});
  switch (t.tier(LinkId{2 * cable})) {
    case LinkTier::kHost:
      return l.host.rate.value_or(port);
    case LinkTier::kLeafSpine:
      return l.leaf_spine.rate.value_or(port);
    case LinkTier::kSpineCore:
      return l.spine_core.rate.value_or(port);
    case LinkTier::kScaleUp:
      break;
  }
  return Rate{};
}

// Ports that ought to reach one another: those of one plane, and of one rail where rails never join.
void check_reach(const Topology& t, Components& components, WiringReport& report) {
  const auto* clos = dynamic_cast<const ClosTopology*>(&t);
  const std::uint32_t planes = t.plane_count();
  bool rails_apart = false;
  if (clos != nullptr) {
    const ClosShape& s = clos->shape();
    rails_apart = s.rail_blocks && s.rails > 1 && (s.tiers < 3 || s.core_domains > 1);
  }
  const std::uint32_t rails = rails_apart ? clos->shape().rails : 1;
  constexpr std::uint32_t kNone = ~0U;
  std::vector<std::uint32_t> component(std::size_t{planes} * rails, kNone);
  std::vector<PortId> first(component.size());
  for (std::uint32_t p = 0; p < t.port_count(); ++p) {
    const NodeRef leaf = t.ends(t.host_link(PortId{p}, false)).to;
    const std::uint32_t plane = leaf.index / (t.switch_count(NodeKind::kLeaf) / planes);
    const std::size_t group = std::size_t{plane} * rails + (rails_apart ? t.rail_of(PortId{p}) % rails : 0);
    const std::uint32_t at = components.of(leaf);
    if (component[group] == kNone) {
      component[group] = at;
      first[group] = PortId{p};
    } else if (component[group] != at) {
      report.add_problem(fmt::format("no path from {} to {}", t.name(NodeRef{NodeKind::kNicPort, first[group].value}),
                                     t.name(NodeRef{NodeKind::kNicPort, p})));
    }
  }
  if (planes > 1) report.notes.push_back(fmt::format("{} planes are separate: no switch joins them", planes));
  if (rails_apart) {
    report.notes.push_back(fmt::format("{} rails never join: traffic between them crosses the scale-up domain", rails));
  }
}

}  // namespace

void WiringReport::add_problem(std::string text) {
  ++problem_count;
  if (problems.size() < kMaxFindings) problems.push_back(std::move(text));
}

WiringReport check_wiring(const Topology& topology) {
  WiringReport report;
  Components components(topology);
  PortUse use(topology, report);
  for (std::uint32_t cable = topology.first_host_link() / 2; cable < topology.link_count() / 2; ++cable) {
    const CablePlugs plugs = plugs_of(topology, cable);
    const LinkEnds up = topology.ends(LinkId{2 * cable}), down = topology.ends(LinkId{2 * cable + 1});
    if (up.from != down.to || up.to != down.from) {
      report.add_problem(fmt::format("the two directions of cable {} disagree", topology.name(LinkId{2 * cable})));
    }
    const Rate rate = healthy_rate(topology, cable);
    use.plug(plugs.from, rate);
    use.plug(plugs.to, rate);
    if (is_switch(up.from.kind)) components.join(up.from, up.to);
  }
  use.check_capacity();
  check_reach(topology, components, report);
  return report;
}

}  // namespace weft
