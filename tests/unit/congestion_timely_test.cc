// TIMELY, SIGCOMM'15, algorithm 1, by hand and in a closed loop.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::gbps;
using testing::kUs;
using testing::nic;
using testing::OneQueue;

// 10 Gb/s; min RTT 20 us; T_low 50, T_high 500 us; delta 10 Mb/s; weight of the newest difference 0.875; beta 0.8.
class TimelyByHand : public ::testing::Test {
 protected:
  TimelyByHand() : params(nic(weft::CongestionControl::kTimely, 10)) { control.start(params, 20 * kUs); }
  void ack(Ps rtt) { control.on_ack(params, {.rtt = rtt, .acked_bytes = 16'000, .packets = 16}, {}); }
  CongestionParams params;
  CongestionControl control;
};

TEST_F(TimelyByHand, FollowsGradientBetweenTheThresholds) {
  EXPECT_DOUBLE_EQ(gbps(control), 10);
  ack(100 * kUs);  // no gradient yet: 0, so additive, at line rate already
  EXPECT_DOUBLE_EQ(gbps(control), 10);
  ack(110 * kUs);
  double diff = 0.875 * 10, rate = 10 * (1 - 0.8 * diff / 20);
  EXPECT_NEAR(gbps(control), rate, 1e-9);
  ack(104 * kUs);
  diff = 0.125 * diff - 0.875 * 6;
  ASSERT_LT(diff, 0);
  rate += 0.01;
  EXPECT_NEAR(gbps(control), rate, 1e-9);
}

TEST_F(TimelyByHand, FiveFallingEventsAddFiveSteps) {
  ack(490 * kUs);
  ack(495 * kUs);
  double rate = 10 * (1 - 0.8 * 0.875 * 5 / 20);
  for (int event = 1; event <= 6; ++event) {
    ack((490 - event) * kUs);
    rate += event < 5 ? 0.01 : 0.05;
    EXPECT_NEAR(gbps(control), rate, 1e-9);
  }
}

TEST_F(TimelyByHand, ThresholdsOverrideTheGradient) {
  ack(600 * kUs);  // beyond T_high: x 1 - 0.8 (1 - 500/600)
  double rate = 10 * (1 - 0.8 * (1 - 500.0 / 600));
  EXPECT_NEAR(gbps(control), rate, 1e-9);
  ack(30 * kUs);
  ack(45 * kUs);  // rising, but below T_low
  EXPECT_NEAR(gbps(control), rate + 0.02, 1e-9);
}

TEST_F(TimelyByHand, SteepestRiseLeavesOneStep) {
  ack(51 * kUs);
  ack(499 * kUs);  // gradient 19.6: beta x gradient is far beyond 1
  EXPECT_NEAR(gbps(control), 0.01, 1e-12);
}

// Which shares it settles at depends on the start (CoNEXT'16, "ECN or Delay", section 4: no unique fixed point), so
// only use and delay are tested.
TEST(TimelyLoop, FullUseWithDelayBelowTheUpperThreshold) {
  for (const int flows : {2, 4}) {
    std::vector<Ps> starts(flows, 0);
    std::iota(starts.begin(), starts.end(), 0);
    for (Ps& start : starts) start *= 5'000 * kUs;
    const auto seen = OneQueue({.params = nic(weft::CongestionControl::kTimely, 10),
                                .gbps = 10,
                                .delay = 20 * kUs,
                                .starts = starts,
                                .ack_every = 16})
                          .run(100'000 * kUs, 400'000 * kUs);
    EXPECT_GT(seen.utilisation, 0.95) << flows;
    EXPECT_LT(seen.mean_queue, 480 * 1'250) << flows;  // T_high less the path, at 10 Gb/s
  }
}

}  // namespace
}  // namespace weft::packet
