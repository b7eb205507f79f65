// Traffic priorities (IEEE 802.1p, 0 to 7) as a fabric file writes them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "fabric/error.h"

namespace weft {

inline constexpr std::uint32_t kPriorities = 8;

// A set of priorities, bit p for priority p.
struct PrioritySet {
  std::uint8_t bits = 0;
  constexpr bool operator==(const PrioritySet&) const = default;
  [[nodiscard]] constexpr bool has(std::uint32_t priority) const { return (bits >> priority & 1U) != 0; }
  [[nodiscard]] constexpr std::uint32_t size() const {
    std::uint32_t n = 0;
    for (std::uint32_t p = 0; p < kPriorities; ++p) n += has(p) ? 1 : 0;
    return n;
  }
};

// "3" or "3,4"; empty text is the empty set. Spaces are allowed around numbers. Errors: kInput with the offending
// piece.
[[nodiscard]] Expected<PrioritySet> parse_priorities(std::string_view text);

// DWRR weights "3=4,5=1", each 1 to 1000; priorities not named have 1. Errors: kInput with the offending piece.
using PriorityWeights = std::array<std::uint32_t, kPriorities>;
inline constexpr std::uint32_t kMaxWeight = 1000;
[[nodiscard]] Expected<PriorityWeights> parse_weights(std::string_view text);

}  // namespace weft
