// oracles.md, "Max-min", through the real router and engine, and fabrics whose bottleneck is known by hand.
#include "tests/support/prediction.h"

namespace weft {
namespace {

using testing::alpha_constants;
using testing::ask;
using testing::close_to;
using testing::fat_tree;
using testing::kGiB;
using testing::routed;
using testing::run;
using testing::seconds;
using testing::sprayed;
using Kind = CollectiveKind;

constexpr double kBits = 8.0 * kGiB;

std::vector<double> first_rates(const testing::Routed& r) {
  const FlowSet flows = r.flows();
  const std::vector<double> capacity = r.capacity();
  return MaxMinSolver().solve(flows.problem(capacity));
}

TEST(MaxMinRows, IncastOfNGivesEachOneNthAndLastsNTimesAsLong) {
  for (const std::uint32_t n : {1U, 2U, 7U, 31U}) {
    auto request = ask(Kind::kIncast, "strided");
    request.collective.fan_in = n;
    request.collective.ranks = n + 1;
    const FabricSpec spec = sprayed(fat_tree(32, 16, 2));
    for (const double rate : first_rates(routed(spec, request))) EXPECT_TRUE(close_to(rate, 400e9 / n));
    EXPECT_TRUE(close_to(seconds(run(spec, request)), n * kBits / 400e9));
    request.constants = alpha_constants(Duration::us(3));
    EXPECT_TRUE(close_to(seconds(run(spec, request)), n * kBits / 400e9 + 3e-6));
  }
}

// Hosts on one switch, all links 10 Gb/s.
FabricSpec star(std::uint32_t hosts) {
  FabricSpec s;
  s.name = "star";
  s.hosts.count = hosts;
  s.hosts.gpus = s.hosts.nics = s.hosts.rails = s.hosts.scale_up.domain_gpus = 1;
  s.hosts.nic_rate = Rate::gbps(10);
  s.topology.kind = TopologyKind::kExplicit;
  s.topology.switches = {{"s", NodeKind::kLeaf}};
  for (std::uint32_t h = 0; h < hosts; ++h)
    s.topology.links.push_back({"host" + std::to_string(h) + ".nic0", "s", {}, {}, 1});
  return s;
}

TEST(MaxMinRows, OneSenderToFourReceiversAndASecondToTheLast) {
  testing::Routed r = routed(star(6), ask(Kind::kSendRecv, "neighbours"));
  Phase phase;
  phase.name = "by hand";
  phase.edge_count = 5;
  phase.edges = [](std::uint64_t first, std::uint64_t last, const std::function<void(const Edge&)>& sink) {
    for (std::uint64_t e = first; e < last; ++e)  // host 0 to 1..4, host 5 to 4
      sink(e < 4 ? Edge{Rank{0}, Rank{static_cast<std::uint32_t>(e + 1)}, 0, 0, Bytes{kGiB}}
                 : Edge{Rank{5}, Rank{4}, 0, 0, Bytes{kGiB}});
  };
  r.schedule.phases = {phase};
  const std::vector<double> rates = first_rates(r);
  ASSERT_EQ(rates.size(), 5U);
  for (std::size_t v = 0; v < 4; ++v) EXPECT_TRUE(close_to(rates[v], 2.5e9));
  EXPECT_TRUE(close_to(rates[4], 7.5e9));
}

TEST(MaxMinRows, ThreeToOneOversubscriptionMakesAnAllToAllThreeTimesAsLong) {
  FabricSpec s = sprayed(fat_tree(96, 32, 2));
  s.topology.leaf_oversubscription = 3;
  const auto t = testing::topology_of(s);
  ASSERT_NE(t, nullptr);
  for (const std::string algorithm : {"all_at_once"}) {
    const Measurement m = run(s, ask(Kind::kAllToAll, algorithm));
    // A leaf of 24 hosts sends 24 x 72 chunks of S / 96 over 8 uplinks.
    EXPECT_TRUE(close_to(seconds(m), 24.0 * 72 / 96 * kBits / (8 * 400e9)));
    ASSERT_EQ(m.operations.size(), 1U);
    EXPECT_NEAR(m.operations[0].why.oversubscription, 1 - 95.0 / (3 * 72), 1e-6);
    EXPECT_TRUE(close_to(seconds(run(s, ask(Kind::kAllToAll, algorithm), BackendKind::kAnalytic)), seconds(m)));
  }
}

FailureSpec slow(std::string name, double rate_factor) {
  FailureSpec f;
  f.target = name.find('>') == std::string::npos ? FailureTarget::kSwitch : FailureTarget::kLink;
  f.name = std::move(name);
  f.rate_factor = rate_factor;
  return f;
}

TEST(MaxMinRows, HostLinkAtAQuarterSlowsTheWholeRingToAQuarter) {
  FabricSpec s = sprayed(fat_tree(16, 16, 2));
  const double whole = seconds(run(s, ask(Kind::kAllReduce, "ring")));
  s.failures = {slow("host3.nic0.port0>leaf0", 0.25)};
  const Measurement m = run(s, ask(Kind::kAllReduce, "ring"));
  EXPECT_TRUE(close_to(seconds(m), 4 * whole));
  ASSERT_EQ(m.operations.size(), 1U);
  EXPECT_NEAR(m.operations[0].why.failures, 0.75, 1e-6);  // a slow link is a failure, not the ideal
  EXPECT_NEAR(m.operations[0].why.ideal_share, 0.25, 1e-6);
}

TEST(MaxMinRows, FailedSpineTakesItsShareOfABisection) {
  FabricSpec s = sprayed(fat_tree(64, 16, 2));  // 8 leaves, 8 up, 4 spines of 2 parallel links
  auto request = ask(Kind::kShift, "shift");
  request.collective.shift = 8;  // everybody leaves its leaf
  const double whole = seconds(run(s, request));
  EXPECT_TRUE(close_to(whole, kBits / 400e9));
  s.failures = {slow("spine1", 0)};
  const Measurement m = run(s, request);
  EXPECT_TRUE(close_to(seconds(m), whole * 4 / 3));
  ASSERT_EQ(m.operations.size(), 1U);
  EXPECT_NEAR(m.operations[0].why.failures, 0.25, 1e-6);
}

}  // namespace
}  // namespace weft
