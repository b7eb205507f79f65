// Bytes, rates and times as types. Conversions are named; text carries its unit.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "fabric/error.h"

namespace weft {

// A count of octets.
struct Bytes {
  std::int64_t count = 0;
  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes o) const { return {count + o.count}; }
  constexpr Bytes operator-(Bytes o) const { return {count - o.count}; }
  constexpr Bytes operator*(std::int64_t k) const { return {count * k}; }
};

// Data rate in bits per second.
struct Rate {
  std::int64_t bits_per_second = 0;
  constexpr auto operator<=>(const Rate&) const = default;
  constexpr Rate operator*(std::int64_t k) const { return {bits_per_second * k}; }
  [[nodiscard]] constexpr double bytes_per_second() const { return static_cast<double>(bits_per_second) / 8.0; }
  [[nodiscard]] constexpr double gigabits_per_second() const { return static_cast<double>(bits_per_second) / 1e9; }
  static constexpr Rate gbps(std::int64_t g) { return {g * 1'000'000'000}; }
};

// A span of time in picoseconds; int64 reaches 106 days.
struct Duration {
  std::int64_t picoseconds = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration o) const { return {picoseconds + o.picoseconds}; }
  constexpr Duration operator-(Duration o) const { return {picoseconds - o.picoseconds}; }
  constexpr Duration operator*(std::int64_t k) const { return {picoseconds * k}; }
  [[nodiscard]] constexpr double seconds() const { return static_cast<double>(picoseconds) * 1e-12; }
  [[nodiscard]] constexpr double microseconds() const { return static_cast<double>(picoseconds) * 1e-6; }
  static constexpr Duration ns(std::int64_t n) { return {n * 1'000}; }
  static constexpr Duration us(std::int64_t n) { return {n * 1'000'000}; }
  // Rounds up; saturates at the largest Duration. REQUIRES: s >= 0 and not NaN.
  static Duration from_seconds(double s);
};

// A point in simulated time, from the start of the operation.
struct Time {
  Duration since_start{};
  constexpr auto operator<=>(const Time&) const = default;
};

// Time to send `bytes` at `rate`, rounded up to a picosecond. REQUIRES: rate > 0 and bytes >= 0.
[[nodiscard]] Duration operator/(Bytes bytes, Rate rate);

// "400Gbps", "1.6Tbps", "100Mbps", "8bps": decimal prefixes, fraction allowed, unit required, > 0.
[[nodiscard]] Expected<Rate> parse_rate(std::string_view text);
// "64B", "4KB" = 4000, "1MiB" = 2^20: decimal and binary prefixes, unit required.
[[nodiscard]] Expected<Bytes> parse_bytes(std::string_view text);
// "300ns", "1.5us", "2ms", "1s", "10ps": unit required.
[[nodiscard]] Expected<Duration> parse_duration(std::string_view text);
// nccl-tests sizes: "8", "64K", "1G"; K, M, G, T are binary here and only here.
[[nodiscard]] Expected<Bytes> parse_nccl_size(std::string_view text);

// The shortest text that parses back to the same value: "400Gbps", "1MiB", "300ns".
[[nodiscard]] std::string to_text(Rate rate);
[[nodiscard]] std::string to_text(Bytes bytes);
[[nodiscard]] std::string to_text(Duration duration);

}  // namespace weft
