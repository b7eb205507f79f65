// The tree of a fabric file -> FabricSpec.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"
#include "fabric/spec.h"
#include "topologies/spec_keys.h"
#include "topologies/yaml_tree.h"

namespace weft {

// The deepest node on the dotted path that exists; `whole` says whether that is the whole path.
struct TreePlace {
  const YamlNode* node = nullptr;
  bool whole = false;
};
[[nodiscard]] TreePlace find_place(const YamlNode& root, std::string_view path);

// Keys are known, given once, and maps, lists and plain values stand where they belong. An Error's place holds
// line and column; its file is `sources[node.source]`.
[[nodiscard]] Expected<void> check_keys(const YamlNode& root, const SpecKey& keys,
                                        const std::vector<std::string>& sources);

// Fills a FabricSpec; derives the defaults that depend on other fields. REQUIRES: check_keys passed.
[[nodiscard]] Expected<FabricSpec> read_spec(const YamlNode& root, const std::vector<std::string>& sources);

// An input error at `node`.
[[nodiscard]] tl::unexpected<Error> error_at_node(const YamlNode& node, const std::vector<std::string>& sources,
                                                  std::string message, std::string item, std::string way_out);

}  // namespace weft
