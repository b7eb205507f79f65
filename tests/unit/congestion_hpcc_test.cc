// HPCC, SIGCOMM'19, algorithm 1, by hand and in a closed loop.
#include <gtest/gtest.h>

#include <array>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::gbps;
using testing::kUs;
using testing::nic;
using testing::OneQueue;

// 100 Gb/s = 0.0125 B/ps, T = 8 us: B T = 100,000 B = 100 packets; W_AI = 100,000 x 0.05 / 100 = 50 B.
class HpccByHand : public ::testing::Test {
 protected:
  HpccByHand() : params(nic(weft::CongestionControl::kHpcc, 100)) {
    params.transport.ack_every = 1;
    control.start(params, 8 * kUs);
  }
  // An ACK after `elapsed`, in which the fullest port sent `sent` bytes and had `queue` bytes waiting at both ends.
  void ack(Ps elapsed, std::uint64_t sent, std::uint32_t queue, std::uint32_t acked_psn, std::uint32_t next_psn) {
    hop.stamp += elapsed;
    hop.tx_bytes += sent;
    hop.queue_bytes = queue;
    const std::array<IntHop, 2> hops = {IntHop{.tx_bytes = 1, .stamp = hop.stamp, .bytes_per_ps = 0.0125F}, hop};
    control.on_ack(params, {.now = hop.stamp, .acked_psn = acked_psn, .next_psn = next_psn, .hops = hops}, last);
  }
  CongestionParams params;
  CongestionControl control;
  IntHop hop{.bytes_per_ps = 0.0125F};
  std::array<IntHop, kMaxIntHops> last{};
};

constexpr double kNear = 1e-6;  // ports' rates are floats

TEST_F(HpccByHand, StartsAtAFullPipe) {
  EXPECT_EQ(control.window(), 100'000U);
  EXPECT_DOUBLE_EQ(gbps(control), 100);
  ack(8 * kUs, 100'000, 0, 1, 100);  // the first ACK only says where counting starts
  EXPECT_EQ(control.window(), 100'000U);
}

TEST_F(HpccByHand, FullLinkCutsByUOverEta) {
  ack(8 * kUs, 0, 50'000, 1, 100);
  // A whole T at full rate with half a B T of queue: u = 1 + 0.5; tau = T, so U = u. W = W_c / (1.5/0.95) + W_AI.
  ack(8 * kUs, 100'000, 50'000, 101, 200);
  EXPECT_NEAR(control.hpcc().utilisation, 1.5, kNear);
  double reference = 100'000 * 0.95 / 1.5 + 50;
  EXPECT_NEAR(control.hpcc().reference, reference, 0.1);
  EXPECT_NEAR(gbps(control), reference / 100'000 * 100, 1e-4);
  // Within the same round trip (PSN 150 was sent before the cut): W from the same W_c, which stays. tau = T/4:
  // U = 3/4 x 1.5 + 1/4 x 1.1.
  ack(2 * kUs, 25'000, 10'000, 150, 220);
  const double utilisation = 0.75 * 1.5 + 0.25 * 1.1;
  EXPECT_NEAR(control.hpcc().utilisation, utilisation, kNear);
  EXPECT_NEAR(static_cast<double>(control.window()), reference * 0.95 / utilisation + 50, 1);
  EXPECT_NEAR(control.hpcc().reference, reference, 0.1);
}

TEST_F(HpccByHand, UnderusedLinkAddsMaxStageTimesThenJumps) {
  ack(8 * kUs, 0, 90'000, 1, 100);
  ack(8 * kUs, 100'000, 90'000, 101, 200);  // U = 1.9: half
  double reference = 100'000 * 0.95 / 1.9 + 50;
  EXPECT_NEAR(control.hpcc().reference, reference, 0.1);
  std::uint32_t psn = 200;
  for (int stage = 1; stage <= 5; ++stage) {  // u = 0.5, tau = T: U = 0.5 < eta, W = W_c + W_AI
    ack(8 * kUs, 50'000, 0, psn + 1, psn + 50);
    psn += 50;
    reference += 50;
    EXPECT_NEAR(control.hpcc().reference, reference, 0.1);
    EXPECT_EQ(control.hpcc().inc_stage, static_cast<std::uint32_t>(stage));
  }
  ack(8 * kUs, 50'000, 0, psn + 1, psn + 50);  // maxStage = 5: multiplicative, W_c / (0.5/0.95)
  reference = reference * 0.95 / 0.5 + 50;
  EXPECT_NEAR(control.hpcc().reference, reference, 0.1);
  EXPECT_EQ(control.hpcc().inc_stage, 0U);
}

TEST_F(HpccByHand, AnotherPathStartsCountingAgain) {
  ack(8 * kUs, 0, 0, 1, 100);
  const std::array<IntHop, 1> other = {IntHop{.tx_bytes = 5, .stamp = 20 * kUs, .bytes_per_ps = 0.0125F}};
  control.on_ack(params, {.now = 20 * kUs, .acked_psn = 101, .next_psn = 200, .hops = other}, last);
  EXPECT_EQ(control.window(), 100'000U);
  control.on_ack(params, {.now = 20 * kUs, .acked_psn = 102, .next_psn = 200, .hops = other}, last);  // no time passed
  EXPECT_EQ(control.window(), 100'000U);
}

TEST(HpccLoop, HoldsUtilisationAtEta) {
  CongestionParams params = nic(weft::CongestionControl::kHpcc, 100);
  params.transport.ack_every = 1;
  for (const int flows : {1, 2, 8}) {
    const auto seen = OneQueue({.params = params, .gbps = 100, .delay = 8 * kUs, .starts = std::vector<Ps>(flows, 0)})
                          .run(5'000 * kUs, 20'000 * kUs);
    EXPECT_NEAR(seen.utilisation, 0.95, 0.02) << flows << " flows";
    EXPECT_LT(seen.mean_queue, 3'000) << flows << " flows";
  }
}

}  // namespace
}  // namespace weft::packet
