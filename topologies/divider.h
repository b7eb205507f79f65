// Division of 32-bit numbers by one that is known only at run time, by multiplication.
#pragma once

#include <cstdint>
#include <limits>

namespace weft {

// Exact for every 32-bit dividend: D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct computation", 2019.
class Divider {
 public:
  Divider() = default;
  // 0 divides as 1 does, for shapes without that tier.
  explicit Divider(std::uint32_t divisor)
      : magic_(divisor <= 1 ? 0 : std::numeric_limits<std::uint64_t>::max() / divisor + 1) {}
  [[nodiscard]] std::uint32_t quotient(std::uint32_t a) const {
    if (magic_ == 0) return a;
    return static_cast<std::uint32_t>((static_cast<unsigned __int128>(magic_) * a) >> 64);
  }

 private:
  std::uint64_t magic_ = 0;
};

}  // namespace weft
