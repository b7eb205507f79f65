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

// SIGCOMM'19: holds the link at eta = 95 %, and the queue near 0. Its evaluation's round trip (about 13 us) and payload
// (1000 B): with a window of a dozen packets whole packets would be all that shows. W_ai for ten times the flows there
// are, so that shares settle within the test.
TEST(Hpcc, HoldsUtilisationWithAnEmptyQueue) {
  for (const std::uint32_t n : {2U, 8U}) {
    FabricSpec s = controlled(n, CongestionControl::kHpcc);
    s.transport.mtu = 1024;
    s.links.host.delay = Duration::us(3);
    s.transport.hpcc.flows_expected = 10 * n;
    PacketLab lab(s);
    const Steady got = show("HPCC", lab, n, 8 * kMs, 16 * kMs);
    EXPECT_NEAR(got.sum / 95e9, 1, 0.02);
    EXPECT_LE(got.queue, 0.05 * 12e-6 * 100e9 / 8);  // 5 % of what fills the round trip
    // Shares even out by W_ai alone, within tens of milliseconds where one flow got ahead at the start.
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

// SIGCOMM'15, its set-up: 10G links, minimum round trip 20 us, segments of 16 KB, T_low 50 us, T_high 500 us, beta 0.8.
// The round trip peaks between the thresholds, and the link is full within 5 %: the gradient cuts as soon as it is seen
// above T_low, so the mean lies below.
TEST(Timely, HoldsTheDelayBetweenItsThresholds) {
  FabricSpec s = controlled(2, CongestionControl::kTimely);
  s.hosts.nic_rate = Rate::gbps(10);
  s.links.host.delay = Duration::us(4);
  s.transport.ack_every = 4;
  PacketLab lab(s);
  const Steady got = show("TIMELY", lab, 2, 100 * kMs, 200 * kMs);
  EXPECT_GT(got.sum, 9.5e9);
  const double rtt = 20e-6 + got.most * 8 / 10e9;
  EXPECT_GE(rtt, 50e-6);
  EXPECT_LE(rtt, 500e-6);
}

// SIGCOMM'10, section 3.3: N flows in step saw between K + N and A = sqrt(2 N (C RTT + K)) / 2 packets below it.
TEST(Dctcp, QueueSawsBelowK) {
  for (const std::uint32_t n : {2U, 4U}) {
    FabricSpec s = controlled(n, CongestionControl::kDctcp);
    constexpr double kPacket = 4178, kThreshold = 65 * kPacket;
    s.switches.ecn = {Bytes{static_cast<std::int64_t>(kThreshold)}, Bytes{static_cast<std::int64_t>(kThreshold) + 1},
                      1};
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
    // Marks fall in step with the flows' packets: two flows settle apart from each other.
    for (const double share : got.shares) EXPECT_NEAR(share / (100e9 / n), 1, 0.35);
  }
}

// UEC 1.0, section 3.6.13: queuing delay is held near its target, one round trip without trimming. ECN from a fifth of
// what fills the round trip to four fifths: marks are what makes it slow down.
TEST(Nscc, HoldsTheQueuingDelayAtItsTarget) {
  for (const std::uint32_t n : {2U, 8U}) {
    FabricSpec s = controlled(n, CongestionControl::kNscc);
    s.switches.ecn = {Bytes{11'000}, Bytes{44'000}, 1};
    PacketLab lab(s);
    const Steady got = show("NSCC", lab, n, 4 * kMs, 12 * kMs);
    const double target = 4.4e-6 * 100e9 / 8;
    EXPECT_GT(got.sum, 97e9);
    EXPECT_GE(got.queue, 0.3 * target);
    EXPECT_LE(got.queue, 2.0 * target);
  }
}

}  // namespace
}  // namespace weft::testing
