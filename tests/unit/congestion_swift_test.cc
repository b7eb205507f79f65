// Swift, SIGCOMM'20, algorithm 1 and section 3.5, by hand and in a closed loop.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::kUs;
using testing::nic;
using testing::OneQueue;

// 100 Gb/s, 8 us: BDP 100 packets. Target without flow scaling: 8 + 5 us.
class SwiftByHand : public ::testing::Test {
 protected:
  SwiftByHand() : params(nic(weft::CongestionControl::kSwift, 100)) {
    params.transport.swift.fs_range = Duration{};
    control.start(params, 8 * kUs);
  }
  void ack(Ps now, Ps rtt, std::uint32_t packets) {
    control.on_ack(params, {.now = now, .rtt = rtt, .acked_bytes = packets * 1000, .packets = packets}, {});
  }
  void lose(Ps now, bool timeout) { control.on_loss(params, {.now = now, .timeout = timeout, .lost_bytes = 1000}); }
  [[nodiscard]] double cwnd() const { return static_cast<double>(control.window()) / 1000; }
  CongestionParams params;
  CongestionControl control;
};

TEST_F(SwiftByHand, AddsAPacketARoundTripBelowTheTarget) {
  EXPECT_DOUBLE_EQ(cwnd(), 100);
  ack(10 * kUs, 10 * kUs, 16);  // + ai / cwnd x 16
  EXPECT_NEAR(cwnd(), 100 + 16.0 / 100, 1e-3);
  EXPECT_DOUBLE_EQ(control.ps_per_byte(), params.line_ps_per_byte);
}

TEST_F(SwiftByHand, DecreasesByExcessDelayOnceARoundTrip) {
  ack(100 * kUs, 20 * kUs, 1);  // x 1 - 0.8 (20 - 13) / 20
  EXPECT_NEAR(cwnd(), 100 * (1 - 0.8 * 7 / 20), 1e-3);
  ack(119 * kUs, 20 * kUs, 1);
  EXPECT_NEAR(cwnd(), 72, 1e-3);
  ack(120 * kUs, 1'000 * kUs, 1);  // within the round trip that this ACK measured
  EXPECT_NEAR(cwnd(), 72, 1e-3);
  ack(1'200 * kUs, 1'000 * kUs, 1);  // x 1 - max_mdf at most
  EXPECT_NEAR(cwnd(), 36, 1e-3);
}

TEST_F(SwiftByHand, BelowOnePacketItPaces) {
  for (int i = 1; i < 12; ++i) ack(i * 2'000 * kUs, 1'000 * kUs, 1);
  EXPECT_NEAR(cwnd(), 0.1, 1e-9);
  EXPECT_DOUBLE_EQ(control.ps_per_byte(), 1'000e6 / 0.1 / 1000);  // rtt / cwnd a packet
  ack(50'000 * kUs, 10 * kUs, 1);                                 // below one packet: + ai x packets
  EXPECT_NEAR(cwnd(), 1.1, 1e-9);
  EXPECT_DOUBLE_EQ(control.ps_per_byte(), params.line_ps_per_byte);
}

TEST_F(SwiftByHand, LossHalvesOnceARoundTripAndFiveTimeoutsReset) {
  lose(100 * kUs, false);
  EXPECT_NEAR(cwnd(), 50, 1e-3);
  lose(101 * kUs, false);
  EXPECT_NEAR(cwnd(), 50, 1e-3);
  for (int i = 1; i <= 4; ++i) lose(i * 1'000 * kUs, true);
  EXPECT_NEAR(cwnd(), 50.0 / 16, 1e-3);
  lose(4'001 * kUs, true);
  EXPECT_NEAR(cwnd(), 0.1, 1e-9);
}

// Section 3.5: fs_range at fs_min_cwnd, nothing from fs_max_cwnd on, alpha / sqrt(cwnd) + beta between.
TEST_F(SwiftByHand, TargetScalesWithFlowsAndHops) {
  params.transport.swift.fs_range = Duration::us(4);
  params.transport.swift.hop_scale = Duration::ns(100);
  const SwiftSpec& spec = params.transport.swift;
  const auto target = [&](double window) { return control.swift().target_delay(spec, window, 5) / kUs; };
  EXPECT_NEAR(target(100), 13.5, 1e-12);
  EXPECT_NEAR(target(1'000), 13.5, 1e-12);
  EXPECT_NEAR(target(0.1), 17.5, 1e-12);
  EXPECT_NEAR(target(0.01), 17.5, 1e-12);
  const double alpha = 4 / (1 / std::sqrt(0.1) - 1 / std::sqrt(100.0)), beta = -alpha / std::sqrt(100.0);
  EXPECT_NEAR(target(4), 13.5 + alpha / 2 + beta, 1e-12);
}

TEST(SwiftLoop, QueueStaysAtTheTargetDelay) {
  CongestionParams params = nic(weft::CongestionControl::kSwift, 100);
  params.transport.swift.fs_range = Duration{};
  for (const std::uint32_t ack_every : {1U, 16U}) {
    for (const int flows : {2, 8}) {
      const auto seen = OneQueue({.params = params,
                                  .gbps = 100,
                                  .delay = 8 * kUs,
                                  .starts = std::vector<Ps>(flows, 0),
                                  .ack_every = ack_every})
                            .run(15'000 * kUs, 25'000 * kUs);
      EXPECT_NEAR(seen.mean_queue, 62'500, 0.1 * 62'500) << flows;  // 5 us of 100 Gb/s
      EXPECT_GT(seen.utilisation, 0.999);
      // With a common ACK a small window leaves as one burst, whose last packet alone is timed, behind its own: such a
      // flow sees more delay than others. Shares are equal with an ACK a packet, as the paper has it.
      if (ack_every > 1) continue;
      for (const double share : seen.gbps) EXPECT_NEAR(share, 100.0 / flows, 0.1 * 100 / flows);
    }
  }
}

TEST(SwiftLoop, MoreFlowsThanPacketsInThePipe) {
  const auto seen = OneQueue({.params = nic(weft::CongestionControl::kSwift, 100),
                              .gbps = 100,
                              .delay = 8 * kUs,
                              .starts = std::vector<Ps>(400, 0)})
                        .run(10'000 * kUs, 20'000 * kUs);
  EXPECT_GT(seen.utilisation, 0.95);
  EXPECT_LT(seen.mean_queue, 300'000);  // 400 windows of one packet would be 300,000 and more
}

}  // namespace
}  // namespace weft::packet
