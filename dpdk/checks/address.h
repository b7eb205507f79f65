// An IP address of either version, in 16 bytes: IPv4 as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "fabric/error.h"

namespace weft::dpdk {

class Address {
 public:
  constexpr Address() = default;       // none, and not ::
  constexpr Address(std::uint32_t v4)  // NOLINT(google-explicit-constructor): 0 is none
      : bytes_{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, byte(v4 >> 24), byte(v4 >> 16), byte(v4 >> 8), byte(v4)} {
    if (v4 == 0) bytes_ = {};
  }
  constexpr explicit Address(const std::array<std::uint8_t, 16>& v6) : bytes_(v6) {}

  [[nodiscard]] constexpr bool is_none() const { return bytes_ == std::array<std::uint8_t, 16>{}; }
  [[nodiscard]] constexpr bool is_v4() const {
    return std::all_of(bytes_.begin(), bytes_.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
           bytes_[10] == 0xFF && bytes_[11] == 0xFF;
  }
  // REQUIRES: is_v4(), or none: 0.
  [[nodiscard]] constexpr std::uint32_t v4() const {
    return std::uint32_t{bytes_[12]} << 24 | std::uint32_t{bytes_[13]} << 16 | std::uint32_t{bytes_[14]} << 8 |
           bytes_[15];
  }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& v6() const { return bytes_; }
  constexpr auto operator<=>(const Address&) const = default;

 private:
  static constexpr std::uint8_t byte(std::uint32_t value) { return static_cast<std::uint8_t>(value); }
  std::array<std::uint8_t, 16> bytes_{};
};

[[nodiscard]] std::string address_text(const Address& address);
// Errors: kInput.
[[nodiscard]] Expected<Address> parse_address(const std::string& text);

}  // namespace weft::dpdk
