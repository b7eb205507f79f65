// Pictures of small fabrics: Graphviz DOT, and SVG laid out by tiers without Graphviz.
#pragma once

#include <cstdint>
#include <string>

#include "fabric/topology.h"

namespace weft {

inline constexpr std::uint32_t kMaxDrawnNodes = 512;  // hosts and switches; beyond, nobody can read it

// Hosts (all NIC ports in one box), leaves, spines, cores. One edge a pair of neighbours, labelled "xN" where N cables
// run in parallel; dead cables are red and dashed, degraded ones orange.
// Errors: kInput above kMaxDrawnNodes.
[[nodiscard]] Expected<std::string> draw_dot(const Topology& topology);
[[nodiscard]] Expected<std::string> draw_svg(const Topology& topology);

}  // namespace weft
