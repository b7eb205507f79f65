// DCQCN's reaction point by the formulas of SIGCOMM'15, section 3.1.
#include <gtest/gtest.h>

#include <cmath>

#include "dpdk/reaction.h"

namespace weft::dpdk {
namespace {

constexpr double kLine = 12.5e9;  // 100 Gb/s

DcqcnSpec by_time_only() {
  DcqcnSpec spec;
  spec.rpg_byte_reset = {};
  return spec;
}

TEST(Reaction, FirstCnpHalvesTheRate) {
  const DcqcnSpec spec = by_time_only();
  Reaction qp(spec, kLine);
  EXPECT_FALSE(qp.throttled());
  qp.on_cnp(spec, 1);
  EXPECT_DOUBLE_EQ(qp.rate(), kLine / 2);  // alpha is 1
  EXPECT_DOUBLE_EQ(qp.target(), kLine);
  EXPECT_DOUBLE_EQ(qp.alpha(), 1);
}

// k periods without a CNP: alpha = (1 - g)^k; the next cut is by half of that.
TEST(Reaction, AlphaDecaysByItsClosedForm) {
  const DcqcnSpec spec = by_time_only();
  Reaction qp(spec, kLine);
  qp.on_cnp(spec, 1);
  qp.on_cnp(spec, 1 + 50.5e-6);
  const double alpha = std::pow(1 - spec.g, 50);
  EXPECT_NEAR(qp.rate() / (kLine / 2), 1 - alpha / 2, 1e-9);
  EXPECT_NEAR(qp.alpha(), (1 - spec.g) * alpha + spec.g, 1e-9);
}

TEST(Reaction, CutsWithinTheMonitorPeriodAreOne) {
  const DcqcnSpec spec = by_time_only();
  Reaction qp(spec, kLine);
  qp.on_cnp(spec, 1);
  qp.on_cnp(spec, 1 + 2e-6);
  EXPECT_DOUBLE_EQ(qp.rate(), kLine / 2);
}

// Fast recovery: after k timers the distance to the target is 2^-k of what it was; then the target grows by R_AI.
TEST(Reaction, FastRecoveryHalvesTheDistanceThenTheTargetGrows) {
  DcqcnSpec spec = by_time_only();
  spec.rpg_threshold = 3;
  Reaction qp(spec, kLine);
  qp.on_cnp(spec, 0);
  qp.on_cnp(spec, 1e-3);  // three timers later: the target is below line rate
  const double target = qp.target(), cut = qp.rate();
  ASSERT_LT(target, kLine);
  for (int k = 1; k <= 3; ++k) {
    qp.advance(spec, 1e-3 + k * 300.1e-6);
    EXPECT_NEAR((target - qp.rate()) / (target - cut), std::pow(0.5, k), 1e-9) << k;
  }
  const double before = qp.rate();
  qp.advance(spec, 1e-3 + 4 * 300.1e-6);
  EXPECT_NEAR(qp.target(), target + spec.rpg_ai_rate.bytes_per_second(), 1);
  EXPECT_NEAR(qp.rate(), (before + qp.target()) / 2, 1);
}

TEST(Reaction, BytesAlsoRaiseAndPacketsWaitTheirTurn) {
  const DcqcnSpec spec;
  Reaction qp(spec, kLine);
  qp.on_cnp(spec, 1);
  qp.on_send(spec, 1, 12'500);
  EXPECT_NEAR(qp.next_send(), 1 + 12'500 / (kLine / 2), 1e-12);
  qp.on_send(spec, 1, 25'000);  // 32,767 bytes are out
  EXPECT_NEAR(qp.rate(), 0.75 * kLine, 1);
}

TEST(Reaction, LineRateComesBackAndNeverLess) {
  const DcqcnSpec spec;
  Reaction qp(spec, kLine);
  for (int i = 0; i < 2000; ++i) qp.on_cnp(spec, i * 55e-6);
  EXPECT_GE(qp.rate(), spec.rpg_min_rate.bytes_per_second());
  EXPECT_LT(qp.rate(), kLine / 10);
  for (double now = 0.11; now < 2000 && qp.throttled(); now += 1e-3) {
    qp.advance(spec, now);
    for (int i = 0; i < 20; ++i) qp.on_send(spec, now, 4096);
  }
  EXPECT_DOUBLE_EQ(qp.rate(), kLine);
}

}  // namespace
}  // namespace weft::dpdk
