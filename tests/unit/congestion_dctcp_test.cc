// DCTCP, SIGCOMM'10, by hand and against its section 3.3.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::kUs;
using testing::nic;
using testing::OneQueue;

class DctcpByHand : public ::testing::Test {
 protected:
  DctcpByHand() : params(nic(weft::CongestionControl::kDctcp, 100)) { control.start(params, 80 * kUs); }
  void ack(std::uint32_t packets, std::uint32_t marked, std::uint32_t in_flight) {
    psn += packets;
    control.on_ack(params,
                   {.acked_bytes = packets * 1000,
                    .packets = packets,
                    .marked_packets = marked,
                    .acked_psn = psn,
                    .next_psn = psn + in_flight},
                   {});
  }
  [[nodiscard]] double cwnd() const { return static_cast<double>(control.window()) / 1000; }
  CongestionParams params;
  CongestionControl control;
  std::uint32_t psn = 0;
};

TEST_F(DctcpByHand, SlowStartDoublesUntilAMark) {
  EXPECT_DOUBLE_EQ(cwnd(), 10);
  ack(10, 0, 20);
  EXPECT_DOUBLE_EQ(cwnd(), 20);
  EXPECT_DOUBLE_EQ(control.dctcp().alpha, 1);  // the first window of data is not over
  ack(20, 0, 40);
  EXPECT_DOUBLE_EQ(cwnd(), 40);
  EXPECT_DOUBLE_EQ(control.dctcp().alpha, 15.0 / 16);  // (1-g) a
  // All marked: no growth. F of this window is 1, a = 15/16 x 15/16 + 1/16, and W (1 - a/2).
  ack(40, 40, 40);
  const double alpha = 225.0 / 256 + 1.0 / 16;
  EXPECT_DOUBLE_EQ(control.dctcp().alpha, alpha);
  EXPECT_NEAR(cwnd(), 40 * (1 - alpha / 2), 1e-3);
}

TEST_F(DctcpByHand, CutsOnceAWindowAndThenAddsAPacketAWindow) {
  ack(10, 0, 20);
  ack(1, 1, 20);  // a is 1: half
  EXPECT_DOUBLE_EQ(cwnd(), 10);
  const std::uint32_t cut_end = psn + 20;
  ack(10, 5, 10);  // sent before the cut: no more cuts; 5 unmarked of a window of 10 add half a packet
  EXPECT_NEAR(cwnd(), 10.5, 1e-9);
  ack(9, 0, 10);
  EXPECT_NEAR(cwnd(), 10.5 + 9 / 10.5, 1e-3);
  ASSERT_LT(psn, cut_end);
  const double before = cwnd();
  ack(1, 1, 10);
  ASSERT_EQ(psn, cut_end);
  EXPECT_NEAR(cwnd(), before * (1 - control.dctcp().alpha / 2), 1e-3);
}

TEST_F(DctcpByHand, LossIsAsInTcp) {
  for (int i = 0; i < 4; ++i) ack(10U << i, 0, 20U << i);
  EXPECT_DOUBLE_EQ(cwnd(), 160);
  control.on_loss(params, {.lost_bytes = 1000});
  EXPECT_DOUBLE_EQ(cwnd(), 80);
  control.on_loss(params, {.timeout = true, .lost_bytes = 1000});
  EXPECT_DOUBLE_EQ(cwnd(), 1);
  ack(1, 0, 2);  // slow start again
  EXPECT_DOUBLE_EQ(cwnd(), 2);
}

// Section 3.3: W* = (C RTT + K) / N; a is about sqrt(2/W*); a window swings by D = (W* + 1) a / 2, the queue by N D,
// from K + N down. The analysis has a constant a (hence a small g here) and no round trip between mark and cut, by
// which cycles are longer and a is smaller here.
TEST(DctcpLoop, SawtoothOfThePaper) {
  for (const int flows : {1, 2}) {
    for (const double k : {30.0, 60.0}) {
      CongestionParams params = nic(weft::CongestionControl::kDctcp, 40);
      params.transport.dctcp.g = 1.0 / 128;
      params.transport.window = Bytes{10'000'000};
      const auto seen = OneQueue({.params = params,
                                  .gbps = 10,
                                  .delay = 100 * kUs,
                                  .starts = std::vector<Ps>(flows, 0),
                                  .kmin = k * 1000,
                                  .kmax = k * 1000})
                            .run(100'000 * kUs, 250'000 * kUs);
      const double window = (126 + k) / flows, alpha = std::sqrt(2 / window), swing = (window + 1) * alpha / 2;
      EXPECT_GT(seen.utilisation, 0.999);
      EXPECT_NEAR(seen.mean_alpha, alpha, 0.35 * alpha) << flows << " flows, K " << k;
      EXPECT_NEAR(seen.mean_cut / 1000, swing, 0.35 * swing) << flows << " flows, K " << k;
      EXPECT_NEAR(seen.mean_queue / 1000, k + flows - flows * swing / 2, 0.1 * k) << flows << " flows, K " << k;
      for (const double share : seen.gbps) EXPECT_NEAR(share, 10.0 / flows, 0.5);
    }
  }
}

}  // namespace
}  // namespace weft::packet
