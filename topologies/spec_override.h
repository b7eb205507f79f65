// `--set key.path=value`: changes to a fabric file's tree before it is read.
#pragma once

#include <cstdint>
#include <string>

#include "topologies/yaml_tree.h"

namespace weft {

// Puts the value at the path, making maps on the way; marks what it adds with `source`. Errors leave the place to
// the caller.
[[nodiscard]] Expected<void> apply_override(YamlNode& root, const std::string& text, std::uint32_t source);

}  // namespace weft
