// How evenly flows spread over next hops: the measures that fabrics are judged by.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::dpdk {

struct Spread {
  std::uint64_t flows = 0;
  std::size_t paths = 0;   // that could carry them
  std::size_t used = 0;    // that do
  double jain = 0;         // (sum x)^2 / (n sum x^2): 1 even, 1/n all on one (Jain, Chiu, Hawe 1984)
  double max_mean = 0;     // MMR: fullest over mean
  double chi_square = 0;   // against even, paths - 1 degrees of freedom
  double p_value = 1;      // chance of this or worse where the hash is even
  bool polarized = false;  // paths lie idle that an even hash would have used, all but once in a million
  [[nodiscard]] bool even() const { return p_value >= 0.001 && !polarized; }
};

// Of flows counted on each path; those without any are in it as 0. REQUIRES: counts is not empty.
[[nodiscard]] Spread spread_of(std::span<const std::uint64_t> counts);

// P(X >= chi_square), X chi-square distributed: the upper regularised incomplete gamma function Q(k/2, x/2).
[[nodiscard]] double chi_square_tail(double chi_square, std::size_t degrees);

// Chance that an even hash of `flows` leaves at least `idle` of `paths` without any, at most: the union bound
// C(paths, idle) (1 - idle/paths)^flows.
[[nodiscard]] double idle_chance(std::uint64_t flows, std::size_t paths, std::size_t idle);

}  // namespace weft::dpdk
