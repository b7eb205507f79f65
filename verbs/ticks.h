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

// Nanoseconds of a tick, measured against the steady clock over 30 ms.
class TickRate {
 public:
  TickRate() {
    const Pair start = read_both();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    const Pair end = read_both();
    const std::chrono::duration<double, std::nano> took = end.time - start.time;
    nanoseconds_ = end.ticks > start.ticks ? took.count() / static_cast<double>(end.ticks - start.ticks) : 1;
  }
  [[nodiscard]] std::uint64_t nanoseconds(std::uint64_t span) const {
    return static_cast<std::uint64_t>(static_cast<double>(span) * nanoseconds_ + 0.5);
  }
  [[nodiscard]] std::uint64_t ticks_of(std::chrono::nanoseconds span) const {
    return static_cast<std::uint64_t>(static_cast<double>(span.count()) / nanoseconds_);
  }

 private:
  struct Pair {
    std::chrono::steady_clock::time_point time;
    std::uint64_t ticks;
  };
  // Both clocks at one moment: of several tries the one that nothing came between.
  static Pair read_both() {
    Pair best{};
    auto closest = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 10; ++i) {
      const auto before = std::chrono::steady_clock::now();
      const std::uint64_t at = ticks();
      const auto after = std::chrono::steady_clock::now();
      if (after - before >= closest) continue;
      closest = after - before;
      best = {before + closest / 2, at};
    }
    return best;
  }

  double nanoseconds_ = 1;
};

}  // namespace weft::verbs
