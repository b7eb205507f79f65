// NSCC, Ultra Ethernet 1.0, section 3.6.13: the four cases of mark and delay, quick adapt, and a closed loop.
#include <gtest/gtest.h>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::kUs;
using testing::nic;
using testing::OneQueue;

// The reference network, 100 Gb/s and 12 us, so that scaling_a is 1: BDP 150,000 B, window at most 225,000 B.
class NsccByHand : public ::testing::Test {
 protected:
  NsccByHand() : params(nic(weft::CongestionControl::kNscc, 100)) {
    params.trimming = true;  // target 0.75 x 12 us = 9 us
    control.start(params, 12 * kUs);
  }
  void ack(Ps now, Ps delay, std::uint32_t packets, std::uint32_t marked) {
    control.on_ack(params,
                   {.now = now,
                    .rtt = 12 * kUs + delay,
                    .acked_bytes = packets * 1000,
                    .packets = packets,
                    .marked_packets = marked,
                    .acked_psn = 1'000,
                    .next_psn = 1'100},
                   {});
  }
  void trim(Ps now) { control.on_loss(params, {.now = now, .lost_bytes = 1000, .in_flight_bytes = 50'000}); }
  [[nodiscard]] double window() const { return static_cast<double>(control.window()); }
  // Down to a window with room to grow: high average delay, marked.
  void halve(Ps now) { ack(now, 1'000 * kUs, 1, 1); }
  CongestionParams params;
  CongestionControl control;
};

TEST_F(NsccByHand, StartsAtOneAndAHalfBdpAndTargets) {
  EXPECT_EQ(control.window(), 225'000U);
  EXPECT_DOUBLE_EQ(control.nscc().target_delay(params), 9e6);
  params.trimming = false;
  EXPECT_DOUBLE_EQ(control.nscc().target_delay(params), 12e6);
  params.transport.nscc.target_queuing_delay = Duration::us(6);
  EXPECT_DOUBLE_EQ(control.nscc().target_delay(params), 6e6);
}

// 3.6.13.5, marked and late: x max(1 - gamma (avg - target) / avg, 1/2), once a round trip.
TEST_F(NsccByHand, MultiplicativeDecreaseByAverageDelay) {
  ack(100 * kUs, 18 * kUs, 1, 1);  // the first sample weighs all: average 18 us
  const double eta = 0.15 * 1000;  // each round trip
  double expected = 225'000 * (1 - 0.8 * 9 / 18) + eta;
  EXPECT_NEAR(window(), expected, 1);
  ack(106 * kUs, 30 * kUs, 1, 1);  // half a round trip later: the average is 24 us, but no second cut
  EXPECT_FLOAT_EQ(control.nscc().average_delay, 24e6F);
  EXPECT_NEAR(window(), expected, 1);
  ack(113 * kUs, 1'000 * kUs, 1, 1);  // at most by half
  expected = expected * 0.5 + eta;
  EXPECT_NEAR(window(), expected, 1);
}

// Marked and early: the load balancer's business, the window stays (but for eta).
TEST_F(NsccByHand, EarlyMarksLeaveTheWindow) {
  halve(100 * kUs);
  const double before = window();
  ack(101 * kUs, 5 * kUs, 4, 4);
  EXPECT_EQ(window(), before);
}

// Unmarked and early: inc += alpha bytes (target - delay), alpha = 4 MTU / 12 us; applied as inc / W each 8 packets.
TEST_F(NsccByHand, ProportionalIncrease) {
  halve(100 * kUs);
  const double before = window();
  ack(101 * kUs, 3 * kUs, 8, 0);
  EXPECT_EQ(window(), before);
  ack(102 * kUs, 3 * kUs, 8, 0);
  EXPECT_NEAR(window(), before + 4 * 1000.0 / 12 * 16'000 * 6 / before, 1);
}

// Unmarked and late: inc += 5 MTU bytes, whatever the delay.
TEST_F(NsccByHand, FairIncrease) {
  halve(100 * kUs);
  const double before = window();
  ack(101 * kUs, 15 * kUs, 16, 0);
  EXPECT_NEAR(window(), before + 5 * 1000.0 * 16'000 / before, 1);
}

// Half of the packets marked: half of the increase and, once a round trip, the decrease.
TEST_F(NsccByHand, ACoalescedAckIsItsUnmarkedAndItsMarkedPackets) {
  halve(100 * kUs);
  const double before = window();
  ack(101 * kUs, 15 * kUs, 16, 8);
  EXPECT_NEAR(window(), before + 5 * 1000.0 * 8'000 / before, 1);
}

// A window's worth without delay: then each byte adds a quarter.
TEST_F(NsccByHand, FastIncreaseOnAClearPath) {
  halve(100 * kUs);
  Ps now = 100 * kUs;
  double before = 0;
  for (int i = 0; i < 20 && !control.nscc().fast; ++i) {
    before = window();
    ack(++now, 0, 16, 0);
  }
  ASSERT_TRUE(control.nscc().fast);
  EXPECT_NEAR(window(), before + 0.25 * 16'000, 1);
  ack(++now, 2 * kUs, 1, 0);
  EXPECT_FALSE(control.nscc().fast);
}

// 3.6.13.6: after a trim, if less than 1/8 of the largest window arrived in a period, the window is what arrived; marks
// of what was in flight then are ignored.
TEST_F(NsccByHand, QuickAdaptOnTrims) {
  ack(100 * kUs, 0, 1, 0);  // the first period begins: round trip + target = 21 us
  trim(101 * kUs);
  EXPECT_EQ(control.window(), 224'000U);  // takes its own bytes
  ack(110 * kUs, 20 * kUs, 10, 0);
  const double before = window();
  ack(121 * kUs, 20 * kUs, 5, 5);
  EXPECT_LT(window(), before);
  EXPECT_EQ(control.window(), 15'000U);
  EXPECT_EQ(control.nscc().to_ignore, 100'000U);
  ack(122 * kUs, 100 * kUs, 5, 5);
  EXPECT_EQ(control.window(), 15'000U);
  trim(123 * kUs);
  EXPECT_EQ(control.window(), 15'000U);
}

TEST_F(NsccByHand, TimeoutsTakeTheirBytesAndAPacketStays) {
  control.on_loss(params, {.now = kUs, .timeout = true, .lost_bytes = 100'000});
  EXPECT_EQ(control.window(), 125'000U);
  control.on_loss(params, {.now = kUs, .timeout = true, .lost_bytes = 200'000});
  EXPECT_EQ(control.window(), 1'000U);
}

TEST(NsccLoop, QueueNearTheTargetAndEqualShares) {
  CongestionParams params = nic(weft::CongestionControl::kNscc, 100, 4000, 4000);
  for (const std::uint32_t ack_every : {1U, 16U}) {
    for (const int flows : {2, 8}) {
      const auto seen = OneQueue({.params = params,
                                  .gbps = 100,
                                  .delay = 12 * kUs,
                                  .starts = std::vector<Ps>(flows, 0),
                                  .kmin = 60'000,
                                  .kmax = 240'000,
                                  .ack_every = ack_every})
                            .run(5'000 * kUs, 25'000 * kUs);
      EXPECT_NEAR(seen.mean_queue, 154'000, 0.3 * 154'000) << flows;  // 12.3 us of 100 Gb/s
      EXPECT_GT(seen.utilisation, 0.99);
      for (const double share : seen.gbps) EXPECT_NEAR(share, 100.0 / flows, 0.1 * 100 / flows);
    }
  }
}

}  // namespace
}  // namespace weft::packet
