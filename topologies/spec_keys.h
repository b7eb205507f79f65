// The fabric file's keys as data, taken from the one description that the parser and the writer follow
// (spec_fields.h): the JSON Schema, docs/spec.md and the tests cannot drift from what is accepted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

enum class ValueType : std::uint8_t {
  kText,
  kChoice,    // one of `choices`
  kFlag,      // true or false
  kWhole,     // minimum..maximum
  kReal,      // minimum..maximum
  kRate,      // "400Gbps"
  kSize,      // "64MB"
  kDuration,  // "600ns"
  kLength,    // "30m", of fibre
  kMap,
  kList,  // of maps with these children
};

struct SpecKey {
  std::string name;
  ValueType type = ValueType::kMap;
  std::string doc;           // one line, with the source of the default
  std::string default_text;  // as written in YAML; empty: none
  std::vector<std::string> choices;
  double minimum = 0, maximum = 0;
  bool required = false;
  bool whole_too = false;  // a map that may also be one whole number, meant for all its keys
  std::vector<SpecKey> children;

  [[nodiscard]] const SpecKey* find(std::string_view child) const;
};

// The root; its children are the top-level keys in canonical order.
[[nodiscard]] SpecKey spec_keys();

// Dotted paths of every key below `root`, elements of lists as "failures[].count".
[[nodiscard]] std::vector<std::string> key_paths(const SpecKey& root);

// JSON Schema (draft 2020-12) of the fabric file, for editors: topologies/fabric.schema.json is this text.
[[nodiscard]] std::string spec_json_schema();

// The field tables of docs/spec.md, one Markdown table for each top-level key.
[[nodiscard]] std::string spec_key_tables();

}  // namespace weft
