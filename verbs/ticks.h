// The processor's own clock: read in a few instructions, where a system call's clock costs fifty.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace weft::verbs {

[[nodiscard]] inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Nanoseconds of a tick, measured against the steady clock over 20 ms.
class TickRate {
 public:
  TickRate() {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t first = ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::uint64_t last = ticks();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    nanoseconds_ = last > first ? took.count() / static_cast<double>(last - first) : 1;
  }
  [[nodiscard]] std::uint64_t nanoseconds(std::uint64_t span) const {
    return static_cast<std::uint64_t>(static_cast<double>(span) * nanoseconds_ + 0.5);
  }
  [[nodiscard]] std::uint64_t ticks_of(std::chrono::nanoseconds span) const {
    return static_cast<std::uint64_t>(static_cast<double>(span.count()) / nanoseconds_);
  }

 private:
  double nanoseconds_ = 1;
};

}  // namespace weft::verbs
