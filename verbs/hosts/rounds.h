// Who sends to whom, and when: rounds of flows that run at once, one round after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"

namespace weft::verbs {

enum class Shape : std::uint8_t {
  kMatrix,     // every pair, each host in one flow at a time
  kShift,      // every pair, each host sends one flow and receives one at a time
  kOneToMany,  // the hub to all others at once
  kManyToOne,  // all others to the hub at once: incast
  kBisection,  // the first half to the second half, one host each
  kRing,       // each host to the next one
  kAllAtOnce   // every pair, all at once
};

struct HostFlow {
  std::uint32_t from = 0, to = 0;
  auto operator<=>(const HostFlow&) const = default;
};
using Rounds = std::vector<std::vector<HostFlow>>;

constexpr std::uint32_t kMostHosts = 4096;
constexpr std::size_t kMostFlows = 1U << 20U;  // in a plan

// With `both_ways` a flow carries traffic back as well, so that each pair of hosts is there once; else once for each
// direction, in rounds of their own where the shape keeps a host to one flow.
// Matrix: circle method, n - 1 rounds for even n, n for odd n, with a host idle in each; twice as many without
// `both_ways`. Shift: round r sends from i to i + r, n - 1 rounds. Errors: kInput: fewer than two hosts, too many, no
// such hub.
[[nodiscard]] Expected<Rounds> make_rounds(Shape shape, std::uint32_t hosts, bool both_ways, std::uint32_t hub = 0);

[[nodiscard]] const char* to_text(Shape shape);
// Errors: kInput with the list of names.
[[nodiscard]] Expected<Shape> parse_shape(std::string_view text);

}  // namespace weft::verbs
