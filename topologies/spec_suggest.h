// The nearest right word for a wrong one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft {

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours (Damerau 1964),
// in bytes. O(|a| |b|) time.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, the first of equals; empty when none is within a third of the word's length
// (at least 2 edits), or when the word is longer than any key. Upper and lower case count as equal.
[[nodiscard]] std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace weft
