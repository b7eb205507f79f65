// Priority flow control: thresholds, headroom, what a pause holds and what it does not, storms, deadlock.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "fabric/pfc.h"
#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

// Senders that fill any buffer: windows of 100 MB.
FabricSpec flood(std::uint32_t hosts) {
  FabricSpec s = star(hosts);
  s.transport.window = Bytes{100'000'000};
  return s;
}

struct Pauses : packet::Observer {
  void on_pause(LinkId link, std::uint8_t, bool pause) override { log.emplace_back(network->now(), link, pause); }
  Network* network = nullptr;
  std::vector<std::tuple<Ps, LinkId, bool>> log;
};

TEST(Pfc, PausesAtTheThresholdAndResumesBelowIt) {
  FabricSpec s = flood(3);
  s.switches.xoff = Bytes{100'000};
  s.switches.xon_offset = Bytes{20'000};
  PacketLab lab(s);
  Pauses pauses;
  pauses.network = &lab.net();
  lab.net().add_observer(&pauses);
  lab.flow(0, 2, 10'000'000, 1);
  lab.flow(1, 2, 10'000'000, 2);
  std::uint32_t peak = 0, least = 1'000'000;
  for (Ps t = kUs; t < 400 * kUs; t += 20'000) {
    lab.at(t, [&lab, &peak, &least, t] {
      std::ignore = lab.net().queue_bytes(lab.down(2), 3);  // brings the port up to now
      const std::uint32_t bytes = lab.net().lane(lab.net().port(lab.up(0)), 3).ingress;
      peak = std::max(peak, bytes);
      if (t > 100 * kUs) least = std::min(least, bytes);
    });
  }
  ASSERT_TRUE(lab.run());
  ASSERT_FALSE(pauses.log.empty());
  // Each sender's bytes grow at half the line rate: 100 KB in 16 us, and 1 us each way.
  EXPECT_NEAR(static_cast<double>(std::get<Ps>(pauses.log.front())), 18.0 * kUs, 0.8 * kUs);
  // Beyond the threshold at most a round trip's bytes, a packet begun at each end, a pause frame.
  EXPECT_GT(peak, 100'000U);
  EXPECT_LE(peak, 100'000U + 25'000U + 2 * 4178U + 84U);
  // Resumed at 80 KB: half a round trip later at the latest data flows again, 50 Gb/s drain meanwhile.
  EXPECT_LE(least, 80'000U);
  EXPECT_GE(least, 80'000U - 2 * 12'500U - 2 * 4178U);
  EXPECT_EQ(lab.counters().drops, 0U);
  EXPECT_EQ(lab.counters().pauses, lab.counters().resumes);
  // Nothing is lost of the rate: the port never runs dry.
  const double ideal = 20e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.last_finish()) / ideal, 1, 0.005);
}

// While held nothing starts: a held port sends no byte between the pause's arrival and the resume's.
TEST(Pfc, NothingStartsWhilePaused) {
  FabricSpec s = flood(2);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 1'000'000);
  lab.at(20 * kUs, [&] { lab.net().stall_receiver(PortId{1}, true); });
  lab.at(520 * kUs, [&] { lab.net().stall_receiver(PortId{1}, false); });
  ASSERT_TRUE(lab.run());
  const double alone = 1e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)), alone + 500.0 * kUs, 1.0 * kUs);
}

class Headroom : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Headroom, FromRateAndLengthIsEnoughAndNeeded) {
  const auto [gbps, delay_us] = GetParam();
  FabricSpec s = flood(9);
  s.hosts.nic_rate = Rate::gbps(gbps);
  s.links.host.delay = Duration::us(delay_us);
  s.switches.xoff = Bytes{50'000};
  {
    PacketLab lab(s);
    for (std::uint32_t i = 0; i < 8; ++i) lab.flow(i, 8, 4'000'000, i + 1);
    ASSERT_TRUE(lab.run());
    EXPECT_EQ(lab.counters().drops, 0U);
    EXPECT_GT(lab.counters().pauses, 0U);
  }
  const Bytes full = pfc_headroom(s.hosts.nic_rate, s.links.host.delay, s.switches.latency, 4096, 82);
  s.switches.headroom = Bytes{full.count / 3};
  PacketLab lab(s);
  for (std::uint32_t i = 0; i < 8; ++i) lab.flow(i, 8, 4'000'000, i + 1);
  lab.run_to(2 * kMs);
  EXPECT_GT(lab.counters().drops, 0U);
}
INSTANTIATE_TEST_SUITE_P(Links, Headroom,
                         ::testing::Values(std::pair(100, 1), std::pair(100, 10), std::pair(400, 1),
                                           std::pair(400, 5)));

TEST(Pfc, HoldsOnlyItsPriority) {
  FabricSpec s = flood(2);
  PacketLab lab(s);
  const std::uint32_t held = lab.flow(0, 1, 4'000'000, 1, 3);
  const std::uint32_t other = lab.flow(0, 1, 4'000'000, 2, 1);
  lab.at(1, [&] { lab.net().stall_receiver(PortId{1}, true); });
  lab.run_to(20 * kMs);
  EXPECT_EQ(lab.messages(held), 0U);
  ASSERT_EQ(lab.messages(other), 1U);
  // The NIC serves the higher priority first, until its leaf pauses it: 1/8 of the buffer and what flies.
  const double alone = 4e6 / goodput(s, 100e9) * 1e12 + 2.0 * kUs;
  const double first = static_cast<double>(s.switches.buffer.count) / 9 * 80;
  EXPECT_GT(static_cast<double>(lab.finish(other)), alone);
  EXPECT_LT(static_cast<double>(lab.finish(other)), alone + first + 10.0 * kUs);
}

// Two switches with a trunk of twice the hosts' rate. 0 and 5 flood host 3, which pauses the trunk; 1 to 4 has every
// link to itself but for the trunk, and slows down all the same.
TEST(Pfc, VictimFlow) {
  FabricSpec s = flood(6);
  s.topology = {};
  s.topology.kind = TopologyKind::kExplicit;
  s.topology.switches = {{"a", NodeKind::kLeaf}, {"b", NodeKind::kLeaf}};
  for (const int h : {0, 1, 2}) s.topology.links.push_back({"host" + std::to_string(h) + ".nic0", "a", {}, {}, 1});
  for (const int h : {3, 4, 5}) s.topology.links.push_back({"host" + std::to_string(h) + ".nic0", "b", {}, {}, 1});
  s.topology.links.push_back({"a", "b", Rate::gbps(200), Duration::us(1), 1});
  const auto victim = [&](bool incast) {
    PacketLab lab(s);
    if (incast) {
      lab.flow(0, 3, 100'000'000, 1);
      lab.flow(5, 3, 100'000'000, 2);
    }
    const std::uint32_t qp = lab.flow(1, 4, 20'000'000, 3);
    lab.run_to(10 * kMs);
    EXPECT_EQ(lab.counters().drops, 0U);
    return static_cast<double>(lab.finish(qp));
  };
  const double alone = victim(false), beside = victim(true);
  EXPECT_NEAR(alone, 20e6 / goodput(s, 100e9) * 1e12, 5.0 * kUs);
  EXPECT_GT(beside, 1.25 * alone);
  std::printf("victim: alone %.1f us, beside a paused incast %.1f us\n", alone * 1e-6, beside * 1e-6);
}

TEST(Pfc, StormIsReportedWithItsRoot) {
  FabricSpec s = flood(4);
  s.transport.retry_count = 0;
  NetworkOptions options;
  options.storm_after = 10 * kMs;
  PacketLab lab(s, options);
  lab.flow(0, 3, 100'000'000, 1);
  lab.flow(1, 3, 100'000'000, 2);
  lab.at(100 * kUs, [&] { lab.net().stall_receiver(PortId{3}, true); });
  ns3::Simulator::Run();  // ends by itself: retries are used up and nothing looks at pauses for ever
  const auto& findings = lab.net().pfc_watch().findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].kind, packet::PfcFinding::Kind::kStorm);
  ASSERT_FALSE(findings[0].links.empty());
  EXPECT_EQ(findings[0].links[0], lab.down(3));  // the root; then those that wait for it
  EXPECT_EQ(findings[0].links.size(), 3U);
  EXPECT_NEAR(static_cast<double>(findings[0].at), 10.0 * kMs + 100.0 * kUs, 1.1 * kMs);
  EXPECT_NE(lab.net().pfc_watch().describe(findings[0]).find("PFC storm"), std::string::npos);
}

// A ring of n leaves, every flow two ring links long: each link waits for the next one's buffer.
TEST(Pfc, DeadlockIsReportedWithItsCycle) {
  for (const std::uint32_t n : {3U, 4U}) {
    FabricSpec s = flood(2 * n);
    s.switches.xoff = Bytes{50'000};
    s.transport.retry_count = 0;
    s.topology = {};
    s.topology.kind = TopologyKind::kExplicit;
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::string leaf = "ring" + std::to_string(i);
      s.topology.switches.push_back({leaf, NodeKind::kLeaf});
      s.topology.links.push_back({"host" + std::to_string(i) + ".nic0", leaf, {}, {}, 1});
      s.topology.links.push_back({"host" + std::to_string(n + i) + ".nic0", leaf, {}, {}, 1});
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      s.topology.links.push_back({"ring" + std::to_string(i), "ring" + std::to_string((i + 1) % n), {}, {}, 1});
    }
    PacketLab lab(s);
    const auto ring = [&](std::uint32_t i) {
      return lab.link("ring" + std::to_string(i % n) + ">ring" + std::to_string((i + 1) % n));
    };
    for (std::uint32_t i = 0; i < 2 * n; ++i) {
      QpRequest request;
      request.leg = QpRequest::Leg::kExplicit;
      request.path = {lab.up(i), ring(i), ring(i + 1), lab.down((i + 2) % n)};
      lab.post(lab.connect(request), 50'000'000);
    }
    ns3::Simulator::Run();
    ASSERT_TRUE(lab.net().pfc_watch().deadlocked()) << n;
    const auto& finding = lab.net().pfc_watch().findings().front();
    EXPECT_EQ(finding.links.size(), n);
    for (std::size_t i = 0; i < finding.links.size(); ++i) {
      const LinkId here = finding.links[i], next = finding.links[(i + 1) % n];
      EXPECT_EQ(lab.topology().ends(here).to, lab.topology().ends(next).from);
    }
    EXPECT_NE(lab.net().pfc_watch().describe(finding).find("in a cycle"), std::string::npos);
  }
}

}  // namespace
}  // namespace weft::testing
