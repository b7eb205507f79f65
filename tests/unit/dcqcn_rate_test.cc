// DCQCN's rate machine by the formulas of SIGCOMM'15, section 3.1: equation (1) and figure 7. What ConnectX's
// parameters change has its tests at the packet engine's gate (congestion_dcqcn_test.cc).
#include <gtest/gtest.h>

#include <cmath>

#include "fabric/dcqcn.h"

namespace weft {
namespace {

constexpr double kLine = 12.5e9;  // 100 Gb/s
constexpr DcqcnRate::Ps kUs = 1'000'000;

// The paper's: R_T = R_C at each cut, g 1/256, K and T 55 us, B 10 MB, F 5, R_AI 40 Mb/s.
DcqcnSpec paper() {
  DcqcnSpec spec;
  spec.g = 1.0 / 256;
  spec.dce_tcp_rtt = spec.rpg_time_reset = Duration::us(55);
  spec.rpg_byte_reset = Bytes{10'000'000};
  spec.rpg_threshold = 5;
  spec.rpg_ai_rate = Rate{40'000'000};
  spec.rpg_hai_rate = Rate{400'000'000};
  spec.clamp_tgt_rate = true;
  spec.initial_alpha = 1;
  return spec;
}

DcqcnRate started(const DcqcnSpec& spec) {
  DcqcnRate qp;
  qp.start(spec, kLine);
  return qp;
}

TEST(DcqcnRate, NeverCutItHasNoTimerAndNoByteCounter) {
  const DcqcnSpec spec = paper();
  DcqcnRate qp = started(spec);
  EXPECT_EQ(qp.due(spec), DcqcnRate::kNever);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(qp.spend(4'000'000'000));
  EXPECT_EQ(qp.rate, kLine);
}

TEST(DcqcnRate, CutIsEquationOne) {
  const DcqcnSpec spec = paper();
  DcqcnRate qp = started(spec);
  qp.on_cnp(spec, kLine, 0);
  EXPECT_DOUBLE_EQ(qp.rate, kLine / 2);
  EXPECT_DOUBLE_EQ(qp.target, kLine);
  EXPECT_DOUBLE_EQ(qp.alpha, 1);
  qp.on_cnp(spec, kLine, 50 * kUs);  // no timer has run out
  EXPECT_DOUBLE_EQ(qp.rate, kLine / 4);
  EXPECT_DOUBLE_EQ(qp.target, kLine / 2);
}

TEST(DcqcnRate, AlphaDecaysByOneMinusGEachPeriod) {
  DcqcnSpec spec = paper();
  spec.rpg_time_reset = {};  // no increase between the two
  spec.rpg_byte_reset = {};
  DcqcnRate qp = started(spec);
  qp.on_cnp(spec, kLine, 0);
  qp.on_cnp(spec, kLine, 7 * 55 * kUs + 1);
  const double alpha = std::pow(1 - spec.g, 7);
  EXPECT_DOUBLE_EQ(qp.rate, kLine / 2 * (1 - alpha / 2));
  EXPECT_DOUBLE_EQ(qp.alpha, (1 - spec.g) * alpha + spec.g);
}

// After k of F steps the distance to R_T is 2^-k of what it was; then R_T grows by R_AI each step.
TEST(DcqcnRate, FastRecoveryThenAdditiveIncrease) {
  const DcqcnSpec spec = paper();
  DcqcnRate qp = started(spec);
  qp.on_cnp(spec, kLine, 0);
  qp.on_cnp(spec, kLine, kUs * 10);
  const double target = qp.target, cut = qp.rate;
  for (int step = 1; step <= 5; ++step) {
    qp.run_timers(spec, kLine, kUs * (10 + 55 * step));
    EXPECT_NEAR(target - qp.rate, (target - cut) * std::pow(0.5, step), 1e-9 * kLine) << step;
    EXPECT_DOUBLE_EQ(qp.target, target);
  }
  const double before = qp.rate;
  qp.run_timers(spec, kLine, kUs * (10 + 55 * 6));
  EXPECT_DOUBLE_EQ(qp.target, target + 40e6 / 8);
  EXPECT_DOUBLE_EQ(qp.rate, (before + qp.target) / 2);
}

TEST(DcqcnRate, HyperIncreaseNeedsBothCounters) {
  DcqcnSpec spec = paper();
  spec.rpg_threshold = 1;
  DcqcnRate qp = started(spec);
  qp.on_cnp(spec, kLine, 0);
  qp.on_cnp(spec, kLine, kUs * 10);
  double target = qp.target;
  const auto send = [&] {
    ASSERT_TRUE(qp.spend(10'000'000));
    qp.run_byte_counter(spec, kLine);
  };
  send();  // bytes 1: fast recovery
  EXPECT_DOUBLE_EQ(qp.target, target);
  send();  // bytes 2
  EXPECT_DOUBLE_EQ(qp.target, target += 40e6 / 8);
  qp.run_timers(spec, kLine, kUs * 65);  // time 1
  EXPECT_DOUBLE_EQ(qp.target, target += 40e6 / 8);
  qp.run_timers(spec, kLine, kUs * 120);  // both above F
  EXPECT_DOUBLE_EQ(qp.target, target += 400e6 / 8);
}

TEST(DcqcnRate, BackAtLineRateItIsAsNeverCut) {
  const DcqcnSpec spec = paper();
  DcqcnRate qp = started(spec);
  qp.on_cnp(spec, kLine, 0);
  qp.run_timers(spec, kLine, kUs * 1'000'000'000);
  EXPECT_EQ(qp.rate, kLine);
  EXPECT_EQ(qp.due(spec), DcqcnRate::kNever);
  EXPECT_EQ(qp.byte_budget, DcqcnRate::kNoBudget);
}

}  // namespace
}  // namespace weft
