// The rule that turns components into an interval, by hand (docs/verify.md).
#include "emulator/verify_interval.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft {
namespace {

VerifiedComponent component(double fluid, double packet, double grown_packet = 0, bool random = false) {
  VerifiedComponent c;
  c.random = random;
  c.full_seconds = c.fluid_seconds = fluid;
  c.packet_seconds = packet;
  if (grown_packet > 0) {
    c.grown_fluid_seconds = fluid;
    c.grown_packet_seconds = grown_packet;
  }
  return c;
}

Verification of(std::vector<VerifiedComponent> components) {
  Verification v;
  v.step_seconds = v.longest_seconds = 1;
  v.components = std::move(components);
  v.unplayed.assign(64, 0);
  return v;
}

// Student's t of two looks is 4.303.
TEST(VerifyInterval, EnginesThatAgreeLeaveTheLeastSpread) {
  const RatioInterval i = ratio_interval(of({component(1, 1, 1), component(0.8, 0.8, 0.8)}));
  EXPECT_NEAR(i.low, std::exp(-4.303 * kLeastSpread), 1e-6);
  EXPECT_NEAR(i.high, std::exp(4.303 * kLeastSpread), 1e-6);
}

TEST(VerifyInterval, StandsAroundTheLongestPacketTimeByTheChangeWhenGrown) {
  const RatioInterval i = ratio_interval(of({component(1, 1.3, 1.5), component(0.9, 1.35, 1.35)}));  // ratios 1.5
  const double s = std::log(1.5 / 1.3) / std::sqrt(2.0 * 2);  // root mean square of (log 1.5/1.3, 0), over sqrt 2
  EXPECT_NEAR(i.low, 1.5 * std::exp(-4.303 * s), 1e-6);
  EXPECT_NEAR(i.high, 1.5 * std::exp(4.303 * s), 1e-6);
}

TEST(VerifyInterval, RatiosThatLieApartWidenIt) {
  const RatioInterval i = ratio_interval(of({component(1, 1.1, 1.1), component(0.9, 1.17, 1.17)}));  // 1.1 and 1.3
  const double s = std::log(1.3 / 1.1) / std::sqrt(2.0);
  EXPECT_NEAR(i.low, 1.17 * std::exp(-4.303 * s), 1e-6);
  EXPECT_NEAR(i.high, 1.17 * std::exp(4.303 * s), 1e-6);
}

TEST(VerifyInterval, AShorterBottleneckMayEndTheStep) {
  const RatioInterval i = ratio_interval(of({component(1, 1.0, 1.0), component(0.7, 1.6, 1.6)}));
  EXPECT_NEAR(std::sqrt(i.low * i.high), 1.6, 1e-6);
}

TEST(VerifyInterval, RandomOnesBringRatiosButNoSpread) {
  Verification v = of({component(1, 1.1, 1.1), component(1, 1.1, 1.1), component(0.6, 0.6, 1.2, true)});
  EXPECT_NEAR(ratio_interval(v).high, 1.2 * std::exp(4.303 * kLeastSpread), 1e-6);  // 0.6 x 2 is longer
  v.components[2] = component(0.4, 0.4, 0.8, true);
  EXPECT_NEAR(ratio_interval(v).high, 1.1 * std::exp(4.303 * kLeastSpread), 1e-6);
}

TEST(VerifyInterval, BottlenecksNotPlayedMayHaveTheLargestRatio) {
  Verification v = of({component(1, 1.0, 1.0), component(0.6, 0.9, 0.9)});
  v.unplayed[47] = 5;  // up to 48/64 = 0.75 of the longest; 0.75 x 1.5 = 1.125
  const RatioInterval i = ratio_interval(v);
  EXPECT_NEAR(i.high, 1.125 * std::exp(4.303 * kLeastSpread), 1e-6);
  EXPECT_NEAR(i.low, std::exp(-4.303 * kLeastSpread), 1e-6);
}

TEST(VerifyInterval, ManyTiedRivalsRaiseTheUpperEndOnly) {
  Verification v = of({component(1, 1.2, 1.2), component(1, 1.3, 1.3)});
  const RatioInterval few = ratio_interval(v);
  v.unplayed[63] = 1'000'000;
  const RatioInterval many = ratio_interval(v);
  EXPECT_EQ(many.low, few.low);
  EXPECT_GT(many.high, few.high * 1.2);
  EXPECT_LT(many.high, few.high * 2);
}

// 12.706 is Student's t of one degree of freedom; the random one is another kind of bottleneck.
TEST(VerifyInterval, WithoutGrowthTheContendedRatiosAreTheSpread) {
  const RatioInterval i =
      ratio_interval(of({component(1, 1.8), component(0.95, 1.8 * 0.95), component(0.8, 0.5, 0, true)}));
  EXPECT_NEAR(i.low, 1.8 * std::exp(-12.706 * kLeastSpread), 1e-6);
}

TEST(VerifyInterval, OneComponentAloneIsTakenWithCare) {
  const RatioInterval i = ratio_interval(of({component(1, 1.2)}));
  EXPECT_LT(i.low, 1.2 * 0.95);
  EXPECT_GT(i.high, 1.2 * 1.05);
  EXPECT_EQ(ratio_interval(of({})).high, 0);
  EXPECT_EQ(ratio_interval(of({component(1, 0)})).high, 0);  // it did not end
}

}  // namespace
}  // namespace weft
