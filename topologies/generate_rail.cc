// Rails: NICs of one number share leaves (NVIDIA DGX SuperPOD reference architecture; Wang et al., "Rail-only",
// HotI'24; Qian et al., "Alibaba HPN", SIGCOMM'24).
#include <fmt/format.h>

#include <algorithm>

#include "topologies/generate.h"

namespace weft {
namespace {

struct RailPlan {
  RailJoin join = RailJoin::kSpine;
  std::uint32_t planes = 1;
  std::uint32_t unit_hosts = 0;                  // 0: what a leaf holds
  std::optional<std::uint32_t> units_per_block;  // default: what the spines' ports allow
};

Expected<void> check_rails(const HostsSpec& h) {
  if (h.rails != 0 && h.nics % h.rails == 0) return {};
  return input_error("hosts.rails: does not divide the NICs of a host", std::to_string(h.rails),
                     fmt::format("a divisor of hosts.nics {}", h.nics));
}

// Units (sets of hosts that share leaves) and the leaves that they take.
void add_units(const FabricSpec& spec, const RailPlan& plan, TierPorts leaf, ClosShape& shape) {
  const HostsSpec& h = spec.hosts;
  shape.by_rail = true;
  shape.planes = plan.planes;
  shape.rails = h.rails;
  shape.rail_ports = h.nics / h.rails * (h.ports_per_nic / plan.planes);
  shape.leaf_down = leaf.down;
  std::uint32_t hosts = plan.unit_hosts != 0 ? plan.unit_hosts : std::max(1U, leaf.down / shape.rail_ports);
  hosts = std::min(hosts, h.count);
  shape.unit_hosts = hosts;
  shape.unit_leaves = static_cast<std::uint32_t>(divide_up(std::uint64_t{hosts} * shape.rail_ports, leaf.down));
}

// Divides `units` over blocks. `spine_down`: leaves that one block can hold.
Expected<void> add_blocks(std::uint32_t units, const RailPlan& plan, std::uint32_t spine_down, ClosShape& shape) {
  shape.rail_blocks = shape.tiers == 1 || plan.join != RailJoin::kSpine;
  const std::uint32_t unit_leaves = shape.unit_leaves * (shape.rail_blocks ? 1 : shape.rails);  // of one block
  const std::uint32_t sets = shape.rail_blocks ? shape.rails : 1;                               // blocks a pod
  std::uint32_t per_block = units;
  if (shape.tiers == 1) per_block = 1;
  if (shape.tiers == 3) {
    per_block = plan.units_per_block.value_or(spine_down / unit_leaves);
    if (per_block == 0) {
      return input_error(fmt::format("topology: one unit has {} leaves, more than the {} ports down of a spine",
                                     unit_leaves, spine_down),
                         "join", "topology.join: core, or spines of more ports");
    }
    per_block = std::min(per_block, units);
  }
  shape.units_per_block = per_block;
  shape.leaves_per_block = per_block * unit_leaves;
  shape.full_blocks = units / per_block * sets;
  shape.last_leaves = units % per_block * unit_leaves;
  shape.blocks = shape.full_blocks + (shape.last_leaves > 0 ? sets : 0);
  shape.core_domains = shape.tiers == 3 && plan.join == RailJoin::kNever ? shape.rails : 1;
  return {};
}

Expected<ClosShape> rail_shape(const FabricSpec& spec, const SwitchPorts& ports, const RailPlan& plan,
                               std::uint32_t tiers) {
  const auto leaf = divide_leaf(spec, ports, tiers);
  if (!leaf) return tl::unexpected(leaf.error());
  const auto spine = divide_spine(spec, ports, tiers);
  if (!spine) return tl::unexpected(spine.error());
  ClosShape shape;
  shape.tiers = tiers;
  add_units(spec, plan, *leaf, shape);
  const auto units = static_cast<std::uint32_t>(divide_up(spec.hosts.count, shape.unit_hosts));
  if (tiers == 1 && (units > 1 || shape.unit_leaves > 1)) {
    return input_error(fmt::format("topology.tiers: one leaf a rail holds {} hosts", leaf->down / shape.rail_ports),
                       fmt::format("{} hosts", spec.hosts.count), "topology.tiers: 2 or 3");
  }
  if (auto added = add_blocks(units, plan, spine->down, shape); !added) return tl::unexpected(added.error());
  if (auto added = add_upper_tiers(spec, ports, *leaf, *spine, shape); !added) return tl::unexpected(added.error());
  return shape;
}

// leaves_per_pod counts the leaves of all rails.
Expected<std::optional<std::uint32_t>> units_of_pod(const FabricSpec& spec, std::uint32_t unit_leaves) {
  const auto leaves = spec.topology.leaves_per_pod;
  if (!leaves) return std::nullopt;
  if (*leaves == 0 || *leaves % unit_leaves != 0) {
    return input_error(fmt::format("topology.leaves_per_pod: a unit has {} leaves", unit_leaves),
                       std::to_string(*leaves), fmt::format("a multiple of {}", unit_leaves));
  }
  return *leaves / unit_leaves;
}

Expected<ClosShape> generate_rails(const FabricSpec& spec, RailPlan plan, std::uint32_t fewest_tiers) {
  if (auto checked = check_rails(spec.hosts); !checked) return tl::unexpected(checked.error());
  const auto ports = switch_ports(spec, false);
  if (!ports) return tl::unexpected(ports.error());
  if (spec.topology.hosts_per_unit == 0U)
    return input_error("topology.hosts_per_unit: a unit has at least one host", "0");
  plan.unit_hosts = spec.topology.hosts_per_unit.value_or(0);
  return with_tiers(spec, fewest_tiers, [&](std::uint32_t tiers) -> Expected<ClosShape> {
    if (tiers < 3 && plan.join == RailJoin::kCore) {
      return input_error("topology.join: rails that meet at the core need cores", "core", "topology.tiers: 3");
    }
    auto shape = rail_shape(spec, *ports, plan, tiers);
    if (!shape || tiers < 3 || !spec.topology.leaves_per_pod) return shape;
    const auto units = units_of_pod(spec, shape->unit_leaves * shape->rails);
    if (!units) return tl::unexpected(units.error());
    RailPlan with_pods = plan;
    with_pods.units_per_block = *units;
    return rail_shape(spec, *ports, with_pods, tiers);
  });
}

}  // namespace

Expected<ClosShape> generate_rail_optimized(const FabricSpec& spec) {
  return generate_rails(spec, {.join = spec.topology.join, .units_per_block = {}}, 2);
}

Expected<ClosShape> generate_rail_only(const FabricSpec& spec) {
  return generate_rails(spec, {.join = RailJoin::kNever, .units_per_block = {}}, 1);
}

Expected<ClosShape> generate_dual_tor(const FabricSpec& spec) {
  const HostsSpec& h = spec.hosts;
  const TopologySpec& t = spec.topology;
  if (auto checked = check_rails(h); !checked) return tl::unexpected(checked.error());
  if (h.ports_per_nic != 2) {
    return input_error("hosts.ports_per_nic: dual_tor plugs the two ports of a NIC into two ToRs",
                       std::to_string(h.ports_per_nic), "2");
  }
  if (t.segment_hosts == 0) return input_error("topology.segment_hosts: a segment has at least one host", "0");
  if (t.segments_per_pod == 0) return input_error("topology.segments_per_pod: a pod has at least one segment", "0");
  const auto ports = switch_ports(spec, false);
  if (!ports) return tl::unexpected(ports.error());
  // A ToR serves one rail of one segment and keeps ports for spare hosts.
  FabricSpec tor = spec;
  const std::uint64_t needed = std::uint64_t{t.segment_hosts} * (h.nics / h.rails) + t.backup_ports;
  if (!tor.topology.leaf_down)
    tor.topology.leaf_down = static_cast<std::uint32_t>(std::min<std::uint64_t>(needed, UINT32_MAX));
  if (*tor.topology.leaf_down < needed) {
    return input_error("topology.leaf_down: below segment_hosts and backup_ports", std::to_string(*t.leaf_down),
                       fmt::format("at least {}", needed));
  }
  return with_tiers(spec, 2, [&](std::uint32_t tiers) {
    const RailPlan plan{RailJoin::kSpine, 2, t.segment_hosts, t.segments_per_pod};
    return rail_shape(tor, *ports, plan, tiers);
  });
}

}  // namespace weft
