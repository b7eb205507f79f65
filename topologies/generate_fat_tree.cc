// Fat tree (Al-Fares et al., SIGCOMM'08): any radix, oversubscription and filling; NIC ports fill leaves in host order.
// Also the fabrics of several planes whose planes are fat trees.
#include <fmt/format.h>

#include <algorithm>

#include "topologies/generate.h"

namespace weft {
namespace {

// One plane holding `ports` NIC ports.
Expected<ClosShape> fat_tree_plane(const FabricSpec& spec, const SwitchPorts& ports, std::uint64_t nic_ports,
                                   std::uint32_t tiers, ClosShape shape) {
  const auto leaf = divide_leaf(spec, ports, tiers);
  if (!leaf) return tl::unexpected(leaf.error());
  const auto spine = divide_spine(spec, ports, tiers);
  if (!spine) return tl::unexpected(spine.error());

  const std::uint64_t leaves = divide_up(nic_ports, leaf->down);
  std::uint64_t per_block = leaves;
  if (tiers >= 3) {
    per_block = spec.topology.leaves_per_pod.value_or(spine->down);
    if (per_block == 0) return input_error("topology.leaves_per_pod: a pod has at least one leaf", "0");
    per_block = std::min(per_block, leaves);
  }
  shape.tiers = tiers;
  shape.leaf_down = leaf->down;
  shape.leaves_per_block = static_cast<std::uint32_t>(per_block);
  shape.full_blocks = static_cast<std::uint32_t>(leaves / per_block);
  shape.last_leaves = static_cast<std::uint32_t>(leaves % per_block);
  shape.blocks = shape.full_blocks + (shape.last_leaves > 0 ? 1 : 0);
  if (auto added = add_upper_tiers(spec, ports, *leaf, *spine, shape); !added) return tl::unexpected(added.error());
  return shape;
}

std::uint64_t all_ports(const HostsSpec& h) { return std::uint64_t{h.count} * h.nics * h.ports_per_nic; }

}  // namespace

Expected<ClosShape> generate_fat_tree(const FabricSpec& spec) {
  const auto ports = switch_ports(spec, false);
  if (!ports) return tl::unexpected(ports.error());
  return with_tiers(spec, 2, [&](std::uint32_t tiers) {
    return fat_tree_plane(spec, *ports, all_ports(spec.hosts), tiers, ClosShape{});
  });
}

Expected<ClosShape> generate_multi_plane(const FabricSpec& spec) {
  const TopologySpec& t = spec.topology;
  const HostsSpec& h = spec.hosts;
  if (t.planes == 0) return input_error("topology.planes: a fabric has at least one plane", "0");
  if (t.split == PlaneSplit::kPort && t.planes != h.ports_per_nic) {
    return input_error("topology.planes: split: port puts port j of each NIC on plane j", std::to_string(t.planes),
                       fmt::format("{} planes, or hosts.ports_per_nic: {}", h.ports_per_nic, t.planes));
  }
  if (t.split == PlaneSplit::kNic && h.nics % t.planes != 0) {
    return input_error("topology.planes: split: nic divides the NICs of a host over the planes",
                       std::to_string(t.planes), fmt::format("a divisor of hosts.nics {}", h.nics));
  }
  const auto ports = switch_ports(spec, t.split == PlaneSplit::kPort);
  if (!ports) return tl::unexpected(ports.error());
  ClosShape planes;
  planes.planes = t.planes;
  planes.split = t.split;
  return with_tiers(spec, 2, [&](std::uint32_t tiers) {
    return fat_tree_plane(spec, *ports, all_ports(h) / t.planes, tiers, planes);
  });
}

}  // namespace weft
