// build_topology with the place in the fabric file that an error is about.
#pragma once

#include <memory>
#include <string>

#include "fabric/topology.h"

namespace weft {

// `path`: the file that `spec` was read from. Errors: those of build_topology, with file:line:column of the key that
// they name, where the file has it.
[[nodiscard]] Expected<std::unique_ptr<Topology>> build_fabric(const FabricSpec& spec, const std::string& path);

}  // namespace weft
