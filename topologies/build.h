// FabricSpec -> Topology.
#pragma once

#include <memory>

#include "fabric/topology.h"

namespace weft {

// Errors: kInput where the numbers give no fabric (radix too small for the hosts, uplinks that do not
// divide, disconnected explicit graph), naming the field and what would be right.
[[nodiscard]] Expected<std::unique_ptr<Topology>> build_topology(const FabricSpec& spec);

}  // namespace weft
