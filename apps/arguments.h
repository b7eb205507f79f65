// What CLI11 leaves to its user: whole numbers without surprises, and messages that say what would be right.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace weft {

// Digits only, `minimum` to `maximum`: CLI11 takes -1 for 2^64 - 1.
[[nodiscard]] CLI::Validator whole_number(std::uint64_t maximum, std::uint64_t minimum = 0);

// Prints "weft: error: ..." for what the parser refused, or the help that was asked for. Returns the exit code.
[[nodiscard]] int report_parse_error(CLI::App& app, const CLI::ParseError& error);

}  // namespace weft
