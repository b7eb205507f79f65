// The only place that sees yaml-cpp: text in, a small tree with places out. Hostile text is refused within
// bounds on size, depth, values and look-ahead, so that no input takes minutes or gigabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"

namespace weft {

inline constexpr std::size_t kMaxSpecBytes = 16U << 20;  // a whole fabric file
inline constexpr std::size_t kMaxYamlLookahead = 1U
                                                 << 20;  // yaml-cpp queues about 150 bytes per token of an open [ or {
inline constexpr std::uint32_t kMaxYamlDepth = 8;        // the deepest field, topology.links[].a, stands at 4
inline constexpr std::uint32_t kMaxYamlValues = 4'000'000;  // about half a million explicit links

// One value. `line` and `column` count from 1, columns in bytes; `source` is 0 for the file and i + 1 for
// override i.
struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kMap, kList };
  Kind kind = Kind::kNull;
  bool quoted = false;  // a quoted scalar is text, never a number
  std::uint32_t source = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text;             // of a scalar
  std::vector<YamlNode> items;  // of a list; of a map: key, value, key, value, ...

  // The value of the first entry `key` of a map; nullptr when absent or when this is no map.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  [[nodiscard]] YamlNode* find(std::string_view key);
};

// Parses one YAML 1.2 document of UTF-8 text. Anchors, aliases and tags are refused (they let ten lines stand
// for a billion values). Errors: kInput with line and column; `place.file` is left to the caller.
[[nodiscard]] Expected<YamlNode> parse_yaml(std::string_view text);

// `text` as it may stand in an error: control characters escaped, at most about 60 bytes.
[[nodiscard]] std::string quote_for_error(std::string_view text);

}  // namespace weft
