// Contents of messages that can be told apart: each message has a key, each byte depends on it and on its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace weft::verbs {

// splitmix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit of the input.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

[[nodiscard]] constexpr std::uint64_t message_key(std::uint64_t size, std::uint64_t qp, std::uint64_t message) {
  return mixed(mixed(size ^ qp << 32U) ^ message);
}

inline void fill(std::span<std::byte> bytes, std::uint64_t key) {
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = mixed(key + i);
    std::memcpy(bytes.data() + i, &word, bytes.size() - i < 8 ? bytes.size() - i : 8);
  }
}

[[nodiscard]] inline bool holds(std::span<const std::byte> bytes, std::uint64_t key) {
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = mixed(key + i);
    if (std::memcmp(bytes.data() + i, &word, bytes.size() - i < 8 ? bytes.size() - i : 8) != 0) return false;
  }
  return true;
}

}  // namespace weft::verbs
