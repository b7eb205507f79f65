// The processor's time stamp counter, calibrated: what EAL says of its rate can be off by a thousandth.
#pragma once

#include <cstdint>

#include "fabric/units.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <ctime>
#endif

namespace weft::dpdk {

// Ticks since some start that all processes of this machine share.
[[nodiscard]] inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  std::timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

class Clock {
 public:
  // Against CLOCK_MONOTONIC_RAW, for that long.
  [[nodiscard]] static Clock calibrate(Duration span = Duration{50'000'000'000});
  explicit Clock(double ticks_per_second) : per_second_(ticks_per_second) {}

  [[nodiscard]] double ticks_per_second() const { return per_second_; }
  [[nodiscard]] double seconds(std::uint64_t elapsed_ticks) const {
    return static_cast<double>(elapsed_ticks) / per_second_;
  }
  [[nodiscard]] std::uint64_t to_ticks(Duration d) const {
    return static_cast<std::uint64_t>(d.seconds() * per_second_);
  }

 private:
  double per_second_;
};

// The same for all processes of a running system, another on other systems: stamps of one are comparable.
[[nodiscard]] std::uint32_t clock_epoch();

}  // namespace weft::dpdk
