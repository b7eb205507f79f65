// A small generator whose sequence is the same on every platform, unlike std::shuffle's.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace weft {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  // In [0, bound), by multiplication: the bias is below bound / 2^64. REQUIRES: bound > 0.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

 private:
  std::uint64_t state_;
};

// A uniformly random order of [0, count) (Fisher-Yates).
[[nodiscard]] inline std::vector<std::uint32_t> random_order(std::uint32_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  SplitMix64 random(seed);
  for (std::uint32_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

// A uniformly random cyclic permutation: nobody maps to itself where count > 1 (Sattolo 1986).
[[nodiscard]] inline std::vector<std::uint32_t> random_cycle(std::uint32_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> target(count);
  for (std::uint32_t i = 0; i < count; ++i) target[i] = i;
  SplitMix64 random(seed);
  for (std::uint32_t i = count; i > 1; --i) std::swap(target[i - 1], target[random.below(i - 1)]);
  return target;
}

}  // namespace weft
