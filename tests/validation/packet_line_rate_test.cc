// A flow alone, and N flows into one port: closed forms.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

class LineRate : public ::testing::TestWithParam<std::uint32_t> {};

// Steady state: between the arrivals of two messages of one QP.
TEST_P(LineRate, GoodputIsMtuOverMtuAndHeaders) {
  FabricSpec s = star(2);
  s.transport.mtu = GetParam();
  PacketLab lab(s);
  const std::uint32_t qp = lab.connect(0, 1);
  constexpr std::int64_t kMessage = 4'194'304;
  for (int i = 0; i < 3; ++i) lab.post(qp, kMessage);
  ASSERT_TRUE(lab.run());
  const double seconds = static_cast<double>(lab.finish(qp, 2) - lab.finish(qp, 0)) * 1e-12;
  EXPECT_NEAR(2 * kMessage / seconds / goodput(s, 100e9), 1, 1e-3);
  EXPECT_EQ(lab.counters().retransmissions + lab.counters().drops, 0U);
}
INSTANTIATE_TEST_SUITE_P(Mtu, LineRate, ::testing::Values(256U, 512U, 1024U, 2048U, 4096U));

// Store and forward: two serializations of the last packet and two links. Cut-through: the header's in place of the
// first one.
TEST(LineRate, LatencyOfOnePacket) {
  for (const bool cut_through : {false, true}) {
    FabricSpec s = star(2);
    s.switches.cut_through = cut_through;
    s.switches.latency = Duration::ns(600);
    PacketLab lab(s);
    const std::uint32_t qp = lab.flow(0, 1, 1000);
    ASSERT_TRUE(lab.run());
    const Ps byte = 80;  // at 100 Gb/s
    EXPECT_NEAR(static_cast<double>(lab.finish(qp)),
                static_cast<double>(2 * kUs + 600'000 + (1082 + (cut_through ? 82 : 1082)) * byte), 2);
  }
}

class Incast : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Incast, FixedWindowIsFairAndFullAndLossless) {
  const std::uint32_t n = GetParam();
  FabricSpec s = star(n + 1);
  PacketLab lab(s);
  constexpr std::int64_t kSize = 2'000'000;
  std::vector<std::uint32_t> qps;
  for (std::uint32_t i = 0; i < n; ++i) qps.push_back(lab.flow(i, n, kSize, i + 1));
  ASSERT_TRUE(lab.run());
  const double ideal = n * static_cast<double>(kSize) / goodput(s, 100e9) * 1e12 + 2 * kUs;
  Ps first = lab.last_finish();
  for (const std::uint32_t qp : qps) first = std::min(first, lab.finish(qp));
  EXPECT_NEAR(static_cast<double>(lab.last_finish()) / ideal, 1, 0.01);
  EXPECT_GE(static_cast<double>(first) / static_cast<double>(lab.last_finish()), 0.98);
  EXPECT_EQ(lab.counters().drops, 0U);
  EXPECT_EQ(lab.counters().retransmissions, 0U);
  std::printf("incast %2u:1  first %8.1f us  last %8.1f us  ideal %8.1f us  pauses %lu  peak queue %u\n", n,
              static_cast<double>(first) * 1e-6, static_cast<double>(lab.last_finish()) * 1e-6, ideal * 1e-6,
              static_cast<unsigned long>(lab.counters().pauses), lab.net().port(lab.down(n)).queue_peak);
}
// The same with pauses doing the work: buffers for a few packets of each sender.
TEST_P(Incast, PausesKeepItFairFullAndLossless) {
  const std::uint32_t n = GetParam();
  FabricSpec s = star(n + 1);
  s.switches.xoff = Bytes{30'000};
  s.switches.xon_offset = Bytes{5'000};
  PacketLab lab(s);
  constexpr std::int64_t kSize = 2'000'000;
  std::vector<std::uint32_t> qps;
  for (std::uint32_t i = 0; i < n; ++i) qps.push_back(lab.flow(i, n, kSize, i + 1));
  ASSERT_TRUE(lab.run());
  const double ideal = n * static_cast<double>(kSize) / goodput(s, 100e9) * 1e12 + 2 * kUs;
  Ps first = lab.last_finish();
  for (const std::uint32_t qp : qps) first = std::min(first, lab.finish(qp));
  std::printf("incast %2u:1 with pauses  first %8.1f us  last %8.1f us  ideal %8.1f us  pauses %lu\n", n,
              static_cast<double>(first) * 1e-6, static_cast<double>(lab.last_finish()) * 1e-6, ideal * 1e-6,
              static_cast<unsigned long>(lab.counters().pauses));
  EXPECT_NEAR(static_cast<double>(lab.last_finish()) / ideal, 1, 0.01);
  EXPECT_GE(static_cast<double>(first) / static_cast<double>(lab.last_finish()), 0.98);
  EXPECT_EQ(lab.counters().drops + lab.counters().retransmissions, 0U);
  EXPECT_GT(lab.counters().pauses, 0U);
}
INSTANTIATE_TEST_SUITE_P(Senders, Incast, ::testing::Values(2U, 3U, 4U, 8U, 16U, 32U, 64U));

}  // namespace
}  // namespace weft::testing
