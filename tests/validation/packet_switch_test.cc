// Switches: shared buffer, marking, scheduling, trimming.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

// Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998: m overloaded queues
// of a buffer B each have alpha / (1 + m alpha) of it.
TEST(Switch, DynamicThresholds) {
  for (const double alpha : {0.5, 1.0, 4.0}) {
    for (const std::uint32_t hogs : {1U, 2U}) {
      FabricSpec s = star(6);
      s.switches.pfc = false;
      s.switches.buffer = Bytes{4'000'000};
      s.switches.alpha_egress = alpha;
      s.transport.window = Bytes{100'000'000};
      s.transport.recovery = LossRecovery::kSelectiveRepeat;
      PacketLab lab(s);
      for (std::uint32_t h = 0; h < hogs; ++h) {
        lab.flow(2 * h, 4 + h, 20'000'000, 1);
        lab.flow(2 * h + 1, 4 + h, 20'000'000, 2);
      }
      lab.run_to(800 * kUs);
      const double share = alpha / (1 + hogs * alpha) * 4e6;
      for (std::uint32_t h = 0; h < hogs; ++h) {
        const double queue = lab.net().queue_bytes(lab.down(4 + h), 3);
        EXPECT_NEAR(queue / share, 1, 0.02) << "alpha " << alpha << ", hogs " << hogs;
      }
      EXPECT_GT(lab.counters().drops, 0U);
    }
  }
}

// Two fixed windows into one port hold its queue: their sum less what fills the round trip.
TEST(Switch, MarksWithTheProbabilityOfTheQueue) {
  for (const std::int64_t window : {150'000, 200'000, 280'000}) {
    FabricSpec s = star(3);
    s.switches.ecn = {Bytes{100'000}, Bytes{500'000}, 0.4};
    s.transport.window = Bytes{window};
    PacketLab lab(s);
    lab.flow(0, 2, 200'000'000, 1);
    lab.flow(1, 2, 200'000'000, 2);
    lab.run_to(1 * kMs);
    const packet::Port& port = lab.net().port(lab.down(2));
    const auto frames = port.tx_frames, marks = port.marks;
    double queue = 0;
    constexpr int kSamples = 20'000;
    for (int i = 0; i < kSamples; ++i) {
      lab.at(1 * kMs + i * 1'000'001LL, [&] { queue += lab.net().queue_bytes(lab.down(2), 3); });
    }
    lab.run_to(21 * kMs);
    queue = queue / kSamples + 0.5 * 4178;  // as packets leave it: half a packet above the mean over time
    const double p = 0.4 * (queue - 100'000) / 400'000;
    const double n = port.tx_frames - frames, marked = port.marks - marks;
    std::printf("RED: queue %.0f B, marked %.4f of %.0f, formula %.4f\n", queue, marked / n, n, p);
    EXPECT_NEAR(marked / n, p, 4 * std::sqrt(p * (1 - p) / n) + 0.4 * 4178 / 400'000);
  }
}

TEST(Switch, StrictPriorityStarves) {
  FabricSpec s = star(3);
  s.transport.window = Bytes{500'000};
  PacketLab lab(s);
  const std::uint32_t low = lab.flow(0, 2, 20'000'000, 1, 1);
  const std::uint32_t high = lab.flow(1, 2, 20'000'000, 2, 3);
  ASSERT_TRUE(lab.run());
  const double alone = 20e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.finish(high)) / alone, 1, 0.005);
  EXPECT_NEAR(static_cast<double>(lab.finish(low)) / (2 * alone), 1, 0.005);
}

// A port holds four priorities itself, and the others in a table.
TEST(Switch, EachOfTheEightPrioritiesHasAQueue) {
  FabricSpec s = star(9);
  s.transport.window = Bytes{500'000};
  PacketLab lab(s);
  std::vector<std::uint32_t> qps;
  for (std::uint8_t priority = 0; priority < 8; ++priority)
    qps.push_back(lab.flow(priority, 8, 4'000'000, priority + 1U, priority));
  lab.run_to(100 * kUs);
  for (std::uint8_t priority = 0; priority < 7; ++priority)
    EXPECT_GT(lab.net().queue_bytes(lab.down(8), priority), 0U) << int{priority};
  ASSERT_TRUE(lab.run());
  EXPECT_EQ(lab.counters().drops, 0U);
  const double alone = 4e6 / goodput(s, 100e9) * 1e12;
  for (std::uint8_t priority = 0; priority < 8; ++priority)
    EXPECT_NEAR(static_cast<double>(lab.finish(qps[priority])) / alone, 8 - priority, 0.1) << int{priority};
}

TEST(Switch, DwrrSharesByWeight) {
  FabricSpec s = star(4);
  s.switches.scheduling = QueueScheduling::kDwrr;
  s.switches.weights = "3=4,4=2,1=1";
  s.transport.window = Bytes{1'000'000};
  PacketLab lab(s);
  // Priority 3 has the port to itself at first, and owes nothing for it.
  lab.flow(0, 3, 400'000'000, 1, 3);
  lab.run_to(2 * kMs);
  const std::uint32_t qps[] = {0, lab.flow(1, 3, 400'000'000, 2, 4), lab.flow(2, 3, 400'000'000, 3, 1)};
  lab.run_to(3 * kMs);
  std::uint32_t before[3];
  for (int i = 0; i < 3; ++i) before[i] = lab.net().qp(qps[i]).expected;
  lab.run_to(13 * kMs);
  double got[3], sum = 0;
  for (int i = 0; i < 3; ++i) sum += got[i] = lab.net().qp(qps[i]).expected - before[i];
  const double weights[] = {4, 2, 1};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(got[i] / sum / (weights[i] / 7), 1, 0.02) << i;
  EXPECT_NEAR(sum * 4096 / 10e-3 / goodput(s, 100e9), 1, 0.005);
}

// What finds no room arrives as a header, is asked for once, and comes.
TEST(Switch, TrimmingLosesNothing) {
  FabricSpec s = star(17);
  s.switches.pfc = false;
  s.switches.trimming = true;
  s.switches.buffer = Bytes{400'000};
  s.transport.recovery = LossRecovery::kSelectiveRepeat;
  s.transport.window = Bytes{20'000};
  PacketLab lab(s);
  for (std::uint32_t i = 0; i < 16; ++i) lab.flow(i, 16, 1'000'000, i + 1);
  ASSERT_TRUE(lab.run());
  const auto& c = lab.counters();
  std::printf("trims %lu, drops %lu, retransmissions %lu, timeouts %lu, last %.1f us of %.1f us\n",
              static_cast<unsigned long>(c.trims), static_cast<unsigned long>(c.drops),
              static_cast<unsigned long>(c.retransmissions), static_cast<unsigned long>(c.timeouts),
              static_cast<double>(lab.last_finish()) * 1e-6, 16e6 / goodput(s, 100e9) * 1e6 + 2);
  EXPECT_GT(c.trims, 100U);
  EXPECT_EQ(c.drops, 0U);
  EXPECT_EQ(c.retransmissions, c.trims);
  EXPECT_EQ(c.timeouts, 0U);
  EXPECT_EQ(c.delivered_bytes, 16'000'000U);
}

}  // namespace
}  // namespace weft::testing
