// HPCC, Swift, TIMELY, DCTCP and NSCC in the network, each against its paper.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

FabricSpec controlled(std::uint32_t senders, CongestionControl control) {
  FabricSpec s = star(senders + 1);
  s.transport.congestion_control = control;
  return s;
}

Steady show(const char* name, PacketLab& lab, std::uint32_t n, Ps from, Ps to) {
  Steady got = incast_steady(lab, n, from, to);
  const auto [low, high] = std::minmax_element(got.shares.begin(), got.shares.end());
  std::printf("%s %u:1: %.2f Gb/s, shares %.2f to %.2f; queue %.0f B (%.0f to %.0f), marked %.4f\n", name, n,
              got.sum * 1e-9, *low * 1e-9, *high * 1e-9, got.queue, got.least, got.most, got.marked);
  return got;
}

// SIGCOMM'19: holds the link at eta = 95 %, and the queue near 0.
TEST(Hpcc, HoldsUtilisationWithAnEmptyQueue) {
  for (const std::uint32_t n : {2U, 8U}) {
    PacketLab lab(controlled(n, CongestionControl::kHpcc));
    const Steady got = show("HPCC", lab, n, 4 * kMs, 12 * kMs);
    EXPECT_NEAR(got.sum / 95e9, 1, 0.02);
    EXPECT_LE(got.queue, 8 * 4178);
    for (const double share : got.shares) EXPECT_NEAR(share / (95e9 / n), 1, 0.2);
  }
}

// SIGCOMM'20: the fabric delay stays around its target: the path's own round trip, 5 us of queue and flow scaling.
TEST(Swift, HoldsTheDelayAtItsTarget) {
  for (const std::uint32_t n : {2U, 8U}) {
    PacketLab lab(controlled(n, CongestionControl::kSwift));
    const Steady got = show("Swift", lab, n, 4 * kMs, 12 * kMs);
    EXPECT_GT(got.sum, 97e9);
    EXPECT_GE(got.queue, 0.5 * 62'500);
    EXPECT_LE(got.queue, 2.0 * 62'500);
  }
}

// SIGCOMM'15: the round trip stays between T_low (50 us) and T_high (500 us), and the link full.
TEST(Timely, HoldsTheDelayBetweenItsThresholds) {
  PacketLab lab(controlled(2, CongestionControl::kTimely));
  const Steady got = show("TIMELY", lab, 2, 10 * kMs, 40 * kMs);
  EXPECT_GT(got.sum, 95e9);
  const double rtt = 4e-6 + got.queue * 8 / 100e9;
  EXPECT_GE(rtt, 40e-6);
  EXPECT_LE(rtt, 500e-6);
}

// SIGCOMM'10, section 3.3: N flows in step saw between K + N and A = sqrt(2 N (C RTT + K)) / 2 packets below it.
TEST(Dctcp, QueueSawsBelowK) {
  for (const std::uint32_t n : {2U, 4U}) {
    FabricSpec s = controlled(n, CongestionControl::kDctcp);
    constexpr double kPacket = 4178, kThreshold = 65 * kPacket;
    s.switches.ecn = {Bytes{static_cast<std::int64_t>(kThreshold)}, Bytes{static_cast<std::int64_t>(kThreshold) + 1}, 1};
    s.transport.ack_every = 2;
    s.transport.window = Bytes{4'000'000};
    PacketLab lab(s);
    const Steady got = show("DCTCP", lab, n, 4 * kMs, 24 * kMs);
    const double bdp = 100e9 / 8 * 4.05e-6 / kPacket;
    const double amplitude = std::sqrt(2 * n * (bdp + 65)) / 2;
    std::printf("  packets: most %.1f of K + N = %u, amplitude %.1f of %.1f\n", got.most / kPacket, 65 + n,
                (got.most - got.least) / kPacket, amplitude);
    EXPECT_NEAR(got.most / kPacket, 65 + n, 0.15 * 65);
    EXPECT_LE((got.most - got.least) / kPacket, 2.5 * amplitude);
    EXPECT_GT(got.sum, 99e9);
    for (const double share : got.shares) EXPECT_NEAR(share / (100e9 / n), 1, 0.1);
  }
}

// UEC 1.0, section 3.6.13: queuing delay is held near its target, one round trip without trimming.
TEST(Nscc, HoldsTheQueuingDelayAtItsTarget) {
  for (const std::uint32_t n : {2U, 8U}) {
    PacketLab lab(controlled(n, CongestionControl::kNscc));
    const Steady got = show("NSCC", lab, n, 4 * kMs, 12 * kMs);
    const double target = 4.4e-6 * 100e9 / 8;
    EXPECT_GT(got.sum, 97e9);
    EXPECT_GE(got.queue, 0.3 * target);
    EXPECT_LE(got.queue, 2.0 * target);
  }
}

}  // namespace
}  // namespace weft::testing
