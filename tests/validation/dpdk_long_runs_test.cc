// Runs that take a while or measure time.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/dpdk_traffic.h"

namespace weft::dpdk {
namespace {

using testing::looped;
using testing::run;

TEST(LongRun, TenMillionPacketsWithoutAWrongIcrc) {
  TrafficOptions options = looped(0, 2500);  // FIRST, MIDDLE and LAST
  options.streams[0].qps = 1000;
  options.streams[0].count = 10'000'000;
  options.streams[0].start_psn = 0xFFF000;
  const TrafficResult result = run(options);
  EXPECT_EQ(result.judged.icrc_checked, 10'000'000U);
  EXPECT_EQ(result.judged.icrc_bad, 0U);
  EXPECT_EQ(result.judged.requests, 10'000'000U);
  EXPECT_EQ(result.judged.lost + result.judged.duplicates + result.judged.reordered, 0U);
}

// The schedule is absolute: what was not given up was sent, to 1 %.
TEST(LongRun, MeanRateIsTheRateAsked) {
  for (const double rate : {1e4, 2e5}) {
    TrafficOptions options = looped(0, 64);
    options.streams[0].rate.packets_per_second = rate;
    options.duration = Duration::us(3'000'000);
    const TrafficResult result = run(options);
    const double sent = static_cast<double>(result.sent[0].packets + result.sent[0].given_up);
    EXPECT_NEAR(sent / result.send_seconds / rate, 1, 0.01) << rate;
    if (static_cast<double>(result.sent[0].given_up) > 0.01 * sent)
      GTEST_SKIP() << "the machine took the processor away for more than 10 ms at a time";
    EXPECT_NEAR(static_cast<double>(result.sent[0].packets) / result.send_seconds / rate, 1, 0.01) << rate;
  }
}

TEST(RoundTrip, DelayOfTheReflectorShowsAndNoShorterOne) {
  TrafficOptions options = looped(4'000);
  options.streams[0].rate.packets_per_second = 20'000;
  options.judging.reflect = options.judging.round_trips = true;
  options.reflecting.delay = Duration::us(5'000);
  const TrafficResult result = run(options);
  EXPECT_EQ(result.judged.returned, 4'000U);
  const LatencySummary round_trip = result.judged.round_trip.summary();
  EXPECT_GE(round_trip.min, Duration::us(5'000));
  EXPECT_LT(round_trip.p50, Duration::us(10'000));
  EXPECT_LT(result.judged.latency.summary().p50, round_trip.p50);  // one way, without the reflector
}

}  // namespace
}  // namespace weft::dpdk
