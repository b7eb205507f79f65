// From FabricSpec to ClosShape: one generator a topology kind, over shared arithmetic for tiers of switches.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fabric/error.h"
#include "fabric/spec.h"
#include "topologies/clos.h"

namespace weft {

[[nodiscard]] Expected<ClosShape> generate_fat_tree(const FabricSpec& spec);
[[nodiscard]] Expected<ClosShape> generate_rail_optimized(const FabricSpec& spec);
[[nodiscard]] Expected<ClosShape> generate_rail_only(const FabricSpec& spec);
[[nodiscard]] Expected<ClosShape> generate_multi_plane(const FabricSpec& spec);
[[nodiscard]] Expected<ClosShape> generate_dual_tor(const FabricSpec& spec);

// --- shared by the generators ---

// Ports of a switch towards the hosts and away from them.
struct TierPorts {
  std::uint32_t down = 0, up = 0;
};

// Switches of the spec with the rates of the links that they serve.
struct SwitchPorts {
  std::uint32_t leaf_radix = 0, spine_radix = 0, core_radix = 0;
  Rate host, leaf_spine, spine_core;
};
// Errors: a radix of 0 or one whose ports exceed switch.capacity (`cap_radix`: lowered to what the capacity feeds).
[[nodiscard]] Expected<SwitchPorts> switch_ports(const FabricSpec& spec, bool cap_radix);

// Divides a leaf or spine at the asked oversubscription (never a worse one) or as overridden.
// One tier: every port of a leaf faces hosts.
[[nodiscard]] Expected<TierPorts> divide_leaf(const FabricSpec& spec, const SwitchPorts& ports, std::uint32_t tiers);
[[nodiscard]] Expected<TierPorts> divide_spine(const FabricSpec& spec, const SwitchPorts& ports, std::uint32_t tiers);

// Fills spines, trunk, cores, core_trunk and group_spines once blocks and leaves are known: as few switches
// as have the ports, every uplink in use.
[[nodiscard]] Expected<void> add_upper_tiers(const FabricSpec& spec, const SwitchPorts& ports, TierPorts leaf,
                                             TierPorts spine, ClosShape& shape);

// Runs `generate(tiers)` with topology.tiers, or with the fewest tiers of [fewest, 3] that hold the hosts where tiers
// is 0.
template <typename Generate>
[[nodiscard]] Expected<ClosShape> with_tiers(const FabricSpec& spec, std::uint32_t fewest, Generate generate) {
  const std::uint32_t asked = spec.topology.tiers;
  if (asked != 0) {
    if (asked >= fewest && asked <= 3) return generate(asked);
    return input_error("topology.tiers: this kind does not have so many", std::to_string(asked),
                       "from " + std::to_string(fewest) + " to 3, or 0 for as few as the hosts need");
  }
  for (std::uint32_t tiers = fewest; tiers < 3; ++tiers) {
    if (auto shape = generate(tiers)) return shape;
  }
  return generate(3);
}

// Divisors of n, ascending.
[[nodiscard]] std::vector<std::uint32_t> divisors(std::uint32_t n);

[[nodiscard]] inline std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

}  // namespace weft
