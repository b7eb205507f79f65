// Loss and what the transport makes of it: go-back-N, selective repeat, timeouts, RNR, ACKs and NAKs.
#include <gtest/gtest.h>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

constexpr Ps kByte = 80;  // ps at 100 Gb/s
constexpr Ps kFull = 4178 * kByte, kHeader = 82 * kByte, kAck = 86 * kByte;
constexpr std::int64_t kMtu = 4096;

// Host 0 to host 1; a window that never closes, and ACKs only where the receiver counts to ack_every.
FabricSpec pair() {
  FabricSpec s = star(2);
  s.transport.window = Bytes{1'000'000'000};
  s.routing.convergence = Duration::us(1'000'000);
  return s;
}

// Packet n of a flow that started at 0 is the only frame that its sender's cable loses.
void lose(PacketLab& lab, LinkId link, Ps arrival) {
  lab.at(arrival - 100'000, [&lab, link] { lab.net().set_cable(link.value / 2, 0); });
  lab.at(arrival + 100'000, [&lab, link] { lab.net().set_cable(link.value / 2, 1); });
}
Ps at_switch(int packet) { return packet * kFull + kUs + kHeader; }

// Of packet n at the receiver, and of what is sent back at once.
constexpr Ps there(int packet) { return packet * kFull + 2 * kUs + kHeader + kFull; }
constexpr Ps kBack = 2 * kUs + kHeader + kAck;

TEST(Recovery, GoBackNSendsAgainAllThatFollowedTheLoss) {
  FabricSpec s = pair();
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 100 * kMtu);
  lose(lab, lab.up(0), at_switch(20));
  ASSERT_TRUE(lab.run());
  EXPECT_EQ(lab.counters().corrupted + lab.counters().lost_on_dead_links, 1U);
  // Packet 21 is out of order and brings the NAK; all started by then are sent again from 20 on.
  const Ps nak = there(21) + kBack;
  const auto sent = static_cast<std::uint64_t>(nak / kFull + 1);
  EXPECT_EQ(lab.counters().retransmissions, sent - 20);
  EXPECT_EQ(lab.counters().naks, 1U);  // once for the gap, though a window of packets came behind it
  EXPECT_EQ(lab.counters().delivered_packets, 100U);
  EXPECT_EQ(lab.counters().delivered_bytes, 100U * kMtu);
  EXPECT_EQ(lab.counters().timeouts, 0U);
  const Ps resumed = static_cast<Ps>(sent) * kFull;  // the NAK arrives while a packet is being sent
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), static_cast<double>(resumed + there(79)), 1'000);
}

TEST(Recovery, SelectiveRepeatSendsOnlyWhatWasLost) {
  FabricSpec s = pair();
  s.transport.recovery = LossRecovery::kSelectiveRepeat;
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 100 * kMtu);
  lose(lab, lab.up(0), at_switch(20));
  lose(lab, lab.up(0), at_switch(50));
  ASSERT_TRUE(lab.run());
  EXPECT_EQ(lab.counters().retransmissions, 2U);
  EXPECT_EQ(lab.counters().delivered_packets, 100U);
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), static_cast<double>(there(101)), 1'000);
}

// Nothing behind the last packet tells of its loss; no ACK has come, so the timer runs from the first packet.
TEST(Recovery, TimeoutFiresAtItsTime) {
  FabricSpec s = pair();
  s.transport.retransmit_timeout = Duration::us(100);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 10 * kMtu);
  lose(lab, lab.up(0), at_switch(9));
  ASSERT_TRUE(lab.run());
  EXPECT_EQ(lab.counters().timeouts, 1U);
  EXPECT_EQ(lab.counters().retransmissions, 10U);
  EXPECT_EQ(lab.counters().delivered_packets, 10U);
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), static_cast<double>(100 * kUs + there(9)), 100);
}

// The timer knows only silence since data was sent: idle time before does not count.
TEST(Recovery, IdleTimeIsNoSilence) {
  FabricSpec s = pair();
  s.transport.retransmit_timeout = Duration::us(100);
  PacketLab lab(s);
  const std::uint32_t qp = lab.connect(0, 1);
  lab.post(qp, kMtu);
  lab.at(99 * kUs, [&] { lab.post(qp, kMtu); });
  lab.run_to(1 * kMs);
  EXPECT_EQ(lab.messages(qp), 2U);
  EXPECT_EQ(lab.counters().timeouts, 0U);
}

TEST(Recovery, RetryCountIsObeyed) {
  FabricSpec s = pair();
  s.transport.retransmit_timeout = Duration::us(100);
  s.transport.retry_count = 3;
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 10 * kMtu);
  lab.at(1, [&] { lab.net().set_cable(lab.down(1).value / 2, 0); });
  lab.run_to(10 * kMs);
  EXPECT_EQ(lab.counters().timeouts, 4U);
  EXPECT_EQ(lab.counters().retransmissions, 30U);
  ASSERT_EQ(lab.failed().size(), 1U);
  EXPECT_EQ(lab.failed()[0], qp);
}

TEST(Recovery, RnrNakWaitsThenDelivers) {
  FabricSpec s = pair();
  NetworkOptions options;
  options.rnr_timer = 640 * kUs;
  PacketLab lab(s, options);
  QpRequest request;
  request.endpoints.from = PortId{0};
  request.endpoints.to = PortId{1};
  request.send = true;
  const std::uint32_t qp = lab.connect(request);
  lab.post(qp, 3 * kMtu);
  lab.at(100 * kUs, [&] { lab.net().post_receives(qp, 1); });
  ASSERT_TRUE(lab.run());
  EXPECT_EQ(lab.counters().rnr_naks, 1U);
  EXPECT_EQ(lab.counters().naks + lab.counters().timeouts, 0U);
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), static_cast<double>(there(0) + kBack + 640 * kUs + there(2)), 100);
}

TEST(Recovery, OneAckForAckEvery) {
  for (const std::uint32_t every : {1U, 4U, 16U}) {
    FabricSpec s = pair();
    s.transport.ack_every = every;
    PacketLab lab(s);
    lab.flow(0, 1, 64 * kMtu);
    lab.run_to(100 * kUs);
    EXPECT_EQ(lab.counters().acks, 64 / every);
  }
}

TEST(Recovery, DuplicatesAreAcknowledgedAndIgnored) {
  FabricSpec s = pair();
  s.transport.retransmit_timeout = Duration::us(100);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 10 * kMtu);
  lose(lab, lab.up(1), there(9) + kUs + kHeader);  // the only ACK
  lab.run_to(1 * kMs);
  EXPECT_EQ(lab.counters().delivered_packets, 10U);
  EXPECT_EQ(lab.counters().retransmissions, 10U);
  EXPECT_EQ(lab.messages(qp), 1U);
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), static_cast<double>(there(9)), 100);
  EXPECT_GE(lab.acknowledged(qp), 100 * kUs);
}

// Without PFC a full buffer drops. Go-back-N then throws away what came behind, selective repeat does not.
TEST(Recovery, LossWithoutPfc) {
  for (const LossRecovery recovery : {LossRecovery::kGoBackN, LossRecovery::kSelectiveRepeat}) {
    FabricSpec s = star(9);
    s.switches.pfc = false;
    s.switches.buffer = Bytes{200'000};
    s.transport.recovery = recovery;
    s.transport.window = Bytes{100'000};
    s.transport.retransmit_timeout = Duration::us(500);
    s.transport.retry_count = 1'000'000;
    PacketLab lab(s);
    for (std::uint32_t i = 0; i < 8; ++i) lab.flow(i, 8, 2'000'000, i + 1);
    ASSERT_TRUE(lab.run());
    const auto& c = lab.counters();
    std::printf("%s: drops %lu, retransmissions %lu, naks %lu, timeouts %lu, last %.1f us\n",
                recovery == LossRecovery::kGoBackN ? "go-back-N" : "selective repeat",
                static_cast<unsigned long>(c.drops), static_cast<unsigned long>(c.retransmissions),
                static_cast<unsigned long>(c.naks), static_cast<unsigned long>(c.timeouts),
                static_cast<double>(lab.last_finish()) * 1e-6);
    EXPECT_GT(c.drops, 100U);
    EXPECT_EQ(c.delivered_bytes, 8U * 2'000'000U);
    constexpr double kWindow = 100'000 / kMtu;  // packets
    if (recovery == LossRecovery::kGoBackN) {   // each gap costs about a window, though losses come in bursts
      const double events = static_cast<double>(c.naks + c.timeouts);
      EXPECT_GE(static_cast<double>(c.retransmissions), 0.6 * kWindow * events);
      EXPECT_GE(c.retransmissions, 2 * c.drops);
    } else {
      EXPECT_LE(static_cast<double>(c.retransmissions),
                static_cast<double>(c.drops) + kWindow * static_cast<double>(c.timeouts));
    }
  }
}

}  // namespace
}  // namespace weft::testing
