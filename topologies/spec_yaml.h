// fabric.yaml -> FabricSpec. docs/spec.md describes the file; spec_fields.h is the list of its fields.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fabric/error.h"
#include "fabric/spec.h"

namespace weft {

// Reads, parses and validates the fabric file at `path`.
// overrides: "hosts.count=128", "switch.radix.leaf=32", "failures.0.count=2": a dotted path and a YAML value, put
// into the file's tree in order before validation; an index equal to a list's length appends to it.
// Errors: kInput, with file:line:column of the offending value, or the override in place of the file.
[[nodiscard]] Expected<FabricSpec> load_spec(const std::string& path, std::span<const std::string> overrides = {});

// The same from text; `file_name` only names the place in errors.
[[nodiscard]] Expected<FabricSpec> parse_spec(std::string_view text, std::string file_name,
                                              std::span<const std::string> overrides = {});

// Where a dotted key stands in the file at `path`, or its nearest enclosing key that does; line 0 where none does or
// the file cannot be read. For errors found after parsing, by what builds from a spec.
[[nodiscard]] SourcePlace locate_key(const std::string& path, std::string_view key);

// Canonical text: every field in fixed order, fields that are unset left out. parse_spec(to_yaml(x)) == x for
// every x that parse_spec gives, as long as the text stays below the limit of a file (16 MiB).
[[nodiscard]] std::string to_yaml(const FabricSpec& spec);

// 64-bit FNV-1a of the canonical text, 16 hexadecimal digits: names a spec in reports.
[[nodiscard]] std::string spec_digest(const FabricSpec& spec);

}  // namespace weft
