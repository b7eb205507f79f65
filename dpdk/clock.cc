#include "dpdk/clock.h"

#include <chrono>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>

namespace weft::dpdk {
namespace {

struct Reading {
  std::uint64_t ticks;
  double seconds;
};

// Of several, the one whose two counters were read closest together.
Reading read() {
  Reading best{};
  std::uint64_t narrowest = ~std::uint64_t{0};
  for (int i = 0; i < 16; ++i) {
    std::timespec now{};
    const std::uint64_t before = ticks();
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    const std::uint64_t after = ticks();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {before + narrowest / 2, static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec)};
  }
  return best;
}

}  // namespace

Clock Clock::calibrate(Duration span) {
  const Reading start = read();
  std::this_thread::sleep_for(std::chrono::nanoseconds(span.picoseconds / 1000));
  const Reading end = read();
  return Clock(static_cast<double>(end.ticks - start.ticks) / (end.seconds - start.seconds));
}

std::uint32_t clock_epoch() {
  static const std::uint32_t epoch = [] {
    std::string boot;
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::getline(file, boot);
    std::uint32_t hash = 2'166'136'261;  // FNV-1a
    for (const char c : boot) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
    return hash;
  }();
  return epoch;
}

}  // namespace weft::dpdk
