// Half of what scripts/bench packet asks for: a machine that does other work at the same time passes, an engine that
// has become slow does not. The best of some runs, each in a process of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "bench/packet_apart.h"
#include "bench/packet_loads.h"
#include "emulator/packet/frame.h"
#include "emulator/packet/port.h"
#include "emulator/packet/qp.h"

namespace weft {
namespace {

using bench::LoadResult;
using bench::PacketLoad;

constexpr int kRuns = 5;

std::optional<LoadResult> fastest(const PacketLoad& load) {
  std::optional<LoadResult> best;
  for (int i = 0; i < kRuns; ++i) {
    const auto run = bench::apart<LoadResult>([&] { return bench::run_load(load); });
    if (run && run->finished && (!best || run->rate() > best->rate())) best = run;
  }
  return best;
}

void expect_rate(const PacketLoad& load, double packet_hops_a_second) {
#ifndef NDEBUG
  GTEST_SKIP() << "speed is measured in release builds";
#endif
  const auto best = fastest(load);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->drops, 0U);
  EXPECT_GE(best->rate(), packet_hops_a_second);
}

TEST(PacketSpeed, Permutation1024HostsIsHalfOfTheLimitAtLeast) {
  expect_rate({bench::fat_tree(16, 3, 1024), bench::permutation(1024, 1), 1'000'000}, 2e6 / 2);
}

TEST(PacketSpeed, Permutation128HostsIsHalfOfTheLimitAtLeast) {
  expect_rate({bench::fat_tree(8, 3, 128), bench::permutation(128, 1), 1'000'000, 4}, 4e6 / 2);
}

TEST(PacketMemory, APortAndAQpTakeAtMost256BytesAndAFrameOneCacheLine) {
  EXPECT_LE(sizeof(packet::Port), 256U);
  EXPECT_LE(sizeof(packet::Qp), 256U);
  EXPECT_EQ(sizeof(packet::Frame), 64U);
}

// A quarter of what 8,192 hosts may take.
TEST(PacketMemory, EightThousandHostsTakeLessThanHalfAGibibyte) {
  PacketLoad load{bench::fat_tree(32, 3, 8192), bench::permutation(8192, 1), 1'000'000};
  load.until = 60e-6;
  const auto run = bench::apart<LoadResult>([&] { return bench::run_load(load); });
  ASSERT_TRUE(run);
  EXPECT_LE(run->peak_bytes, 0x1p29);
}

}  // namespace
}  // namespace weft
