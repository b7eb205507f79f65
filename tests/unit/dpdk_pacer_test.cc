#include <gtest/gtest.h>

#include <cmath>

#include "dpdk/pacer.h"

namespace weft::dpdk {
namespace {

const Clock kClock(1e9);  // a tick is a nanosecond

RateProfile at(double packets_per_second) {
  RateProfile profile;
  profile.packets_per_second = packets_per_second;
  return profile;
}

// Packet k of a steady rate r goes at k / r, however late those before went.
TEST(Pacer, DeadlinesAreAbsolute) {
  Pacer pacer(at(1e6), kClock);
  pacer.start(5'000);
  std::uint64_t sent = 0;
  for (std::uint64_t now = 0; now < 10'000'000; now += 1 + now % 3777) {  // asked at odd times
    const std::uint32_t due = pacer.due(5'000 + now, 1'000'000);
    pacer.sent(due);
    sent += due;
    EXPECT_EQ(sent, now / 1000 + 1);
  }
  EXPECT_EQ(pacer.given_up(), 0U);
}

TEST(Pacer, NoRateMeansAsManyAsOneWants) {
  Pacer pacer({}, kClock);
  EXPECT_EQ(pacer.due(0, 32), 32U);
}

TEST(Pacer, BurstsKeepTheMean) {
  RateProfile profile = at(1e6);
  profile.burst = 10;
  const Pacer pacer(profile, kClock);
  EXPECT_EQ(pacer.scheduled(0), 10U);
  EXPECT_EQ(pacer.scheduled(9.9e-6), 10U);
  EXPECT_EQ(pacer.scheduled(10.1e-6), 20U);
  EXPECT_EQ(pacer.scheduled(1.00000005), 1'000'010U);
}

// From a to b in T: the integral is a t + (b - a) t^2 / 2T, then b a second more.
TEST(Pacer, RampIsTheIntegralOfItsRate) {
  RateProfile profile = at(1e6);
  profile.ramp_from = 2e5;
  profile.ramp = Duration::us(2'000'000);
  const Pacer pacer(profile, kClock);
  for (const double t : {0.0, 0.5, 1.0, 2.0, 3.5}) {
    const double in = std::min(t, 2.0);
    const double expected = 2e5 * in + 8e5 * in * in / 4 + 1e6 * (t - in);
    EXPECT_NEAR(static_cast<double>(pacer.scheduled(t)), expected + 1, 1) << t;
  }
}

TEST(Pacer, OnAndOff) {
  RateProfile profile = at(1e6);
  profile.on = Duration::us(1000);
  profile.off = Duration::us(9000);
  const Pacer pacer(profile, kClock);
  EXPECT_NEAR(static_cast<double>(pacer.scheduled(0.0005)), 501, 1);
  EXPECT_NEAR(static_cast<double>(pacer.scheduled(0.0099)), 1001, 1);
  EXPECT_NEAR(static_cast<double>(pacer.scheduled(0.0105)), 1501, 1);
  EXPECT_NEAR(static_cast<double>(pacer.scheduled(1)), 100'001, 1);
}

TEST(Pacer, CatchesUpInBoundsAndSaysWhatItGaveUp) {
  Pacer pacer(at(1e6), kClock, Duration::us(100));
  EXPECT_EQ(pacer.due(1'000'000, 5000), 164U);  // 100 us and a burst, of the 1001 that are due
  EXPECT_EQ(pacer.given_up(), 1001U - 164U);
  pacer.sent(164);
  EXPECT_EQ(pacer.due(1'001'000, 5000), 1U);  // and on schedule again
}

TEST(Pacer, RefusesWhatIsNoRate) {
  EXPECT_FALSE(check(at(-1)));
  EXPECT_FALSE(check(at(std::nan(""))));
  RateProfile profile = at(1e6);
  profile.ramp = profile.off = profile.on = Duration::us(1);
  EXPECT_FALSE(check(profile));
  profile = {};
  profile.burst = 2;
  EXPECT_FALSE(check(profile));
  EXPECT_TRUE(check(at(1e6)));
}

TEST(Clock, AgreesWithItselfAndIsOfThisBoot) {
  const double first = Clock::calibrate().ticks_per_second();
  EXPECT_NEAR(Clock::calibrate().ticks_per_second() / first, 1, 1e-4);
  EXPECT_GT(first, 1e8);
  EXPECT_EQ(clock_epoch(), clock_epoch());
}

}  // namespace
}  // namespace weft::dpdk
