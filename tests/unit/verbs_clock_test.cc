// Clocks of other hosts: the truth lies within the stated error, whatever the delays are.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "verbs/clock_offset.h"

namespace weft::verbs {
namespace {

constexpr std::int64_t kMicrosecond = 1000, kSecond = 1'000'000'000;

// A host whose clock stands `offset` ahead at our time 0 and gains `ppm`.
struct Host {
  std::int64_t offset = 0;
  double ppm = 0;
  [[nodiscard]] std::int64_t clock(std::int64_t here) const {
    return here + offset + std::llround(ppm * 1e-6 * static_cast<double>(here));
  }
  [[nodiscard]] ClockSample ask(std::int64_t at, std::int64_t out, std::int64_t held, std::int64_t home) const {
    return {at, clock(at + out), clock(at + out + held), at + out + held + home};
  }
};

TEST(VerbsClock, EvenWaysGiveTheOffsetExactly) {
  ClockFilter filter;
  filter.add(Host{12345}.ask(1000, 50, 10, 50));
  ASSERT_TRUE(filter.best());
  EXPECT_EQ(filter.best()->offset, 12345);
  EXPECT_EQ(filter.best()->error, 50);
}

TEST(VerbsClock, TruthIsWithinTheErrorForAnyDelays) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    std::exponential_distribution<double> queue(1.0 / (100.0 * kMicrosecond));
    const Host host{std::uniform_int_distribution<std::int64_t>(-kSecond * 1'000'000, kSecond * 1'000'000)(random)};
    ClockFilter filter;
    for (int i = 0; i < 32; ++i) {
      const auto delay = [&] { return 20 * kMicrosecond + std::llround(queue(random)); };
      filter.add(host.ask(i * kSecond / 100, delay(), delay(), delay()));
    }
    ASSERT_TRUE(filter.best());
    EXPECT_LE(std::abs(filter.best()->offset - host.offset), filter.best()->error) << seed;
    EXPECT_LT(filter.best()->error, 100 * kMicrosecond) << seed;  // the mean way is twice 120 us
  }
}

TEST(VerbsClock, ShortestWayWins) {
  ClockFilter filter;
  const Host host{777};
  filter.add(host.ask(0, 5000, 0, 50));
  filter.add(host.ask(10000, 60, 0, 60));
  filter.add(host.ask(20000, 50, 0, 9000));
  EXPECT_EQ(filter.best()->offset, 777);
  EXPECT_EQ(filter.samples(), 3u);
}

TEST(VerbsClock, ContradictionsAndExtremesAreRefused) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  ClockFilter filter;
  for (const ClockSample& sample :
       {ClockSample{100, 0, 0, 50}, ClockSample{0, 10, 500, 100}, ClockSample{0, 500, 10, 100},
        ClockSample{0, kMost, kMost, 100}, ClockSample{0, -kMost, -kMost, 100}, ClockSample{-kMost, 0, 0, kMost}})
    filter.add(sample);
  EXPECT_FALSE(filter.best());
  EXPECT_EQ(filter.refused(), 6u);
}

TEST(VerbsClock, DriftIsALineBetweenBeforeAndAfter) {
  const Host host{5 * kSecond, 40};  // a poor quartz
  const auto estimate = [&](std::int64_t at) {
    ClockFilter filter;
    filter.add(host.ask(at, 10 * kMicrosecond, 0, 10 * kMicrosecond));
    return *filter.best();
  };
  ClockRelation relation(estimate(0));
  EXPECT_FALSE(relation.drift_ppm());
  relation.close(estimate(60 * kSecond));
  EXPECT_NEAR(*relation.drift_ppm(), 40, 0.1);
  for (std::int64_t t = 0; t <= 60 * kSecond; t += kSecond) {
    EXPECT_NEAR(static_cast<double>(relation.there(t) - host.clock(t)), 0, 10) << t;
    EXPECT_NEAR(static_cast<double>(relation.here(host.clock(t)) - t), 0, 10) << t;
  }
}

TEST(VerbsClock, DriftWithinTheErrorIsNotClaimed) {
  ClockRelation relation(ClockOffset{1000, 500, 0});
  relation.close(ClockOffset{1900, 500, kSecond});
  EXPECT_FALSE(relation.drift_ppm());
}

TEST(VerbsClock, CommonStartIsLaterThanTheSlowestWay) {
  EXPECT_EQ(common_start(1000, {{0, 50, 0}, {9, 400, 0}}, 100), 1000 + 800 + 100);
  EXPECT_EQ(common_start(1000, {}, 100), 1100);
}

}  // namespace
}  // namespace weft::verbs
