// What `weft topo` says of a fabric: counts per tier, ports in use, parts, bisection, failures in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabric/topology.h"
#include "topologies/cabling.h"
#include "topologies/parts.h"

namespace weft {

struct SwitchTier {
  NodeKind kind = NodeKind::kLeaf;
  std::uint32_t count = 0;              // over all planes
  std::uint32_t radix = 0;              // ports that a switch of this tier has
  std::uint32_t ports_used = 0;         // of the fullest switch
  std::uint32_t fewest_ports_used = 0;  // of the emptiest
  std::uint32_t down = 0, up = 0;       // of the fullest switch: towards the hosts, and away from them or sideways
  std::uint32_t unreachable = 0;        // switches with no live cable
};

struct CableTier {
  LinkTier tier = LinkTier::kHost;
  std::uint32_t count = 0, dead = 0, degraded = 0;
  Rate rate{};       // of the fastest cable
  Duration delay{};  // of the longest
};

struct FabricSummary {
  std::vector<SwitchTier> switches;         // leaf, spine, core: those that the fabric has
  std::vector<CableTier> cables;            // scale-up, host, leaf-spine, spine-core: those that the fabric has
  std::vector<std::string> failures;        // cables that are dead or degraded, at most kMaxNamedFailures
  std::vector<std::string> timed_failures;  // cables that fail for a time, likewise
  std::size_t timed_failure_count = 0;
  PartsList parts;
};
inline constexpr std::size_t kMaxNamedFailures = 20;

[[nodiscard]] Expected<FabricSummary> summarize(const Topology& topology);

[[nodiscard]] std::string summary_text(const Topology& topology, const FabricSummary& summary);
// Schema "weft-topology-1"; keys in a fixed order. `wiring` may be null.
[[nodiscard]] std::string summary_json(const Topology& topology, const FabricSummary& summary,
                                       const WiringReport* wiring);

}  // namespace weft
