// Links that fail, flap, slow down and corrupt, while traffic runs.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

// The uplink of the flow's path dies at 1 ms; routing learns of it 300 us later. What is sent meanwhile is lost, the
// timer (200 us) fires until there is a way, and the flow goes on there.
TEST(Faults, FlowContinuesOnAnotherPathAfterConvergence) {
  FabricSpec s = tree(32, 8, 2);
  s.routing.convergence = Duration::us(300);
  s.transport.retransmit_timeout = Duration::us(200);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 31, 40'960'000);
  const std::uint32_t uplink = lab.net().path(lab.net().qp(qp))[1];
  lab.at(1 * kMs, [&] { lab.net().set_cable(uplink / 2, 0); });
  ASSERT_TRUE(lab.run());
  EXPECT_NE(lab.net().path(lab.net().qp(qp))[1], uplink);
  EXPECT_GT(lab.counters().lost_on_dead_links, 0U);
  // Silence from the last ACK at 1 ms: timeouts 200 and 400 us later; the second finds a way.
  EXPECT_EQ(lab.counters().timeouts, 2U);
  const double alone = 40.96e6 / goodput(s, 100e9) * 1e12 + 4.0 * kUs;
  const double round_trip = 8.5 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), alone + 400.0 * kUs + round_trip / 2, round_trip);
  EXPECT_EQ(lab.counters().delivered_bytes, 40'960'000U);
}

// Down for 100 us every 500 us, on a path without an alternative: each time costs the time down and the wait for the
// timer.
TEST(Faults, FlapCostsItsTimeDownAndTheTimer) {
  FabricSpec s = star(2);
  s.transport.retransmit_timeout = Duration::us(150);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 20'480'000);
  for (int i = 0; i < 3; ++i) {
    lab.at((500 + i * 500) * kUs, [&] { lab.net().set_cable(lab.up(0).value / 2, 0); });
    lab.at((600 + i * 500) * kUs, [&] { lab.net().set_cable(lab.up(0).value / 2, 1); });
  }
  ASSERT_TRUE(lab.run());
  const double alone = 20.48e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  EXPECT_EQ(lab.counters().timeouts, 3U);
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), alone + 3 * 150.0 * kUs, 3 * 6.0 * kUs);
}

// A quarter of the rate from 1 ms on, without loss.
TEST(Faults, DegradedLinkTakesFourTimesAsLong) {
  FabricSpec s = star(2);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 40'960'000);
  lab.at(1 * kMs, [&] { lab.net().set_cable(lab.down(1).value / 2, 0.25); });
  ASSERT_TRUE(lab.run());
  const double alone = 40.96e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)) / (1.0 * kMs + 4 * (alone - 1.0 * kMs)), 1, 0.002);
  EXPECT_EQ(lab.counters().drops, 0U);
  EXPECT_EQ(lab.counters().retransmissions, 0U);
}

// Frames of n bits survive two links with (1 - BER)^2n.
TEST(Faults, BitErrorsLoseFramesAsTheirLengthSays) {
  FabricSpec s = star(2);
  s.links.host.bit_error_rate = 1e-7;
  s.transport.recovery = LossRecovery::kSelectiveRepeat;
  s.transport.retransmit_timeout = Duration::us(100);
  PacketLab lab(s);
  lab.flow(0, 1, 81'920'000);
  ASSERT_TRUE(lab.run());
  const auto& c = lab.counters();
  const double p = 1 - std::exp(2 * 8 * 4178 * std::log1p(-1e-7));
  const double n = static_cast<double>(c.data_frames);
  std::printf("BER 1e-7: %lu of %.0f frames corrupted, formula %.1f\n", static_cast<unsigned long>(c.corrupted), n,
              p * n);
  EXPECT_NEAR(static_cast<double>(c.corrupted), p * n, 4 * std::sqrt(p * n));
  EXPECT_EQ(c.delivered_bytes, 81'920'000U);
}

}  // namespace
}  // namespace weft::testing
