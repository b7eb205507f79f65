#include "topologies/build.h"

#include <fmt/format.h>

#include "topologies/clos.h"
#include "topologies/explicit.h"
#include "topologies/generate.h"

namespace weft {
namespace {

// Index arithmetic is 32 bits; a link id takes two of a cable.
constexpr std::uint32_t kMaxRadix = 4096;  // a chip has 512 today, a chassis a few times that
constexpr std::uint64_t kMaxParts = std::uint64_t{1} << 30;

struct Positive {
  const char* field;
  std::uint32_t value;
};

Expected<void> check_hosts(const FabricSpec& spec) {
  const HostsSpec& h = spec.hosts;
  for (const Positive& p : {Positive{"hosts.count", h.count},
                            {"hosts.gpus", h.gpus},
                            {"hosts.nics", h.nics},
                            {"hosts.ports_per_nic", h.ports_per_nic},
                            {"hosts.scale_up.domain_gpus", h.scale_up.domain_gpus}}) {
    if (p.value == 0) return input_error(fmt::format("{}: must be above zero", p.field), "0", "at least 1");
    if (p.value > kMaxParts) {
      return input_error(fmt::format("{}: too many", p.field), std::to_string(p.value),
                         fmt::format("at most {}", kMaxParts));
    }
  }
  if (h.gpus % h.nics != 0 && h.nics % h.gpus != 0) {
    return input_error("hosts.nics: GPUs and NICs of a host must divide one another", std::to_string(h.nics),
                       fmt::format("a divisor or a multiple of hosts.gpus {}", h.gpus));
  }
  for (const Positive& p : {Positive{"switch.radix.leaf", spec.switches.leaf_radix},
                            {"switch.radix.spine", spec.switches.spine_radix},
                            {"switch.radix.core", spec.switches.core_radix}}) {
    if (p.value >= 1 && p.value <= kMaxRadix) continue;
    return input_error(fmt::format("{}: impossible radix", p.field), std::to_string(p.value),
                       fmt::format("1 to {} ports", kMaxRadix));
  }
  const std::uint64_t nics = std::uint64_t{h.count} * h.nics;
  if (nics > kMaxParts || nics * h.ports_per_nic > kMaxParts || std::uint64_t{h.count} * h.gpus > kMaxParts) {
    return input_error("hosts.count: too many GPUs or NIC ports", std::to_string(h.count),
                       fmt::format("at most {} of each", kMaxParts));
  }
  if (spec.port_rate().bits_per_second <= 0) return input_error("hosts.nic_rate: a port needs a rate above zero");
  return {};
}

}  // namespace

Expected<std::unique_ptr<Topology>> build_topology(const FabricSpec& spec) {
  if (auto checked = check_hosts(spec); !checked) return tl::unexpected(checked.error());
  if (spec.topology.kind == TopologyKind::kExplicit) {
    auto graph = ExplicitTopology::create(spec);
    if (!graph) return tl::unexpected(std::move(graph.error()));
    return std::unique_ptr<Topology>(std::move(*graph));
  }
  Expected<ClosShape> shape = [&]() -> Expected<ClosShape> {
    switch (spec.topology.kind) {
      case TopologyKind::kFatTree:
        return generate_fat_tree(spec);
      case TopologyKind::kRailOptimized:
        return generate_rail_optimized(spec);
      case TopologyKind::kRailOnly:
        return generate_rail_only(spec);
      case TopologyKind::kMultiPlane:
        return generate_multi_plane(spec);
      case TopologyKind::kDualTor:
        return generate_dual_tor(spec);
      case TopologyKind::kExplicit:
        break;
    }
    return input_error("topology.kind: unknown");
  }();
  if (!shape) return tl::unexpected(shape.error());
  auto topology = ClosTopology::create(spec, *shape);
  if (!topology) return tl::unexpected(std::move(topology.error()));
  return std::unique_ptr<Topology>(std::move(*topology));
}

}  // namespace weft
