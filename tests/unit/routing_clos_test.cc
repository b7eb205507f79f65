// Single paths through a Clos: what each routing kind promises, on fabrics small enough to count by hand.
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>

#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::build;
using testing::connected;
using testing::dead;
using testing::fat_tree;
using testing::planes;
using testing::rails;
using testing::router_of;
using testing::small_dual_tor;

std::vector<std::uint32_t> path(Router& router, std::uint32_t from, std::uint32_t to, Via via = Via::kAuto,
                                std::uint32_t qp = 0, std::uint32_t channel = 0) {
  Route route;
  if (!router.route({GpuId{from}, GpuId{to}, channel}, via, qp, route)) return {};
  return route.resources;
}

std::vector<LinkTier> tiers(const Topology& t, const std::vector<std::uint32_t>& links) {
  std::vector<LinkTier> out;
  for (const std::uint32_t l : links) out.push_back(t.tier(LinkId{l}));
  return out;
}

constexpr auto kUp = LinkTier::kScaleUp;
constexpr auto kHost = LinkTier::kHost;
constexpr auto kLeaf = LinkTier::kLeafSpine;
constexpr auto kCore = LinkTier::kSpineCore;

std::uint32_t highest_load(const Topology& t, const std::vector<std::vector<std::uint32_t>>& paths) {
  std::vector<std::uint32_t> load(t.link_count());
  for (const auto& p : paths) {
    for (const std::uint32_t l : p) ++load[l];
  }
  return *std::max_element(load.begin(), load.end());
}

TEST(Paths, ClimbToTheLowestCommonTier) {
  const auto t = build(fat_tree(128, 8, 3));
  const auto r = router_of(*t);
  EXPECT_EQ(tiers(*t, path(*r, 0, 1)), (std::vector{kHost, kHost}));
  EXPECT_EQ(tiers(*t, path(*r, 0, 4)), (std::vector{kHost, kLeaf, kLeaf, kHost}));
  EXPECT_EQ(tiers(*t, path(*r, 0, 127)), (std::vector{kHost, kLeaf, kCore, kCore, kLeaf, kHost}));
}

TEST(Paths, DelayIsPropagationPlusSwitches) {
  const auto t = build(fat_tree(128, 8, 3));  // links 150 ns, switches 600 ns
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{1}, 0}, Via::kAuto, 0, route));
  EXPECT_EQ(route.delay, Duration::ns(2 * 150 + 600));
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{127}, 0}, Via::kAuto, 0, route));
  EXPECT_EQ(route.delay, Duration::ns(6 * 150 + 5 * 600));
}

TEST(Paths, StayInsideTheScaleUpDomain) {
  const auto t = build(rails(32, 8, 3, RailJoin::kSpine));
  const auto r = router_of(*t);
  EXPECT_EQ(tiers(*t, path(*r, 0, 3)), (std::vector{kUp, kUp}));
  EXPECT_EQ(path(*r, 0, 3), (std::vector<std::uint32_t>{0, 7}));
  EXPECT_EQ(path(*r, 1, 3, Via::kScaleUpReduce), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(path(*r, 1, 3, Via::kScaleUpMulticast), (std::vector<std::uint32_t>{7}));
}

TEST(Ecmp, SharedSeedPolarizesTheSpinesAndOwnSeedsDoNot) {
  // A spine's flows of one leaf all had h % 4 == its index, so with the same hash they use one uplink of four.
  for (const bool shared : {true, false}) {
    FabricSpec spec = fat_tree(128, 8, 3);
    spec.routing.hash_seed = shared ? HashSeed::kShared : HashSeed::kPerSwitch;
    const auto t = build(spec);
    const auto r = router_of(*t);
    std::map<std::uint32_t, std::set<std::uint32_t>> uplinks;  // by leaf uplink
    for (std::uint32_t to = 16; to < 128; ++to) {
      for (std::uint32_t channel = 0; channel < 8; ++channel) {
        const auto p = path(*r, 0, to, Via::kAuto, 0, channel);
        uplinks[p[1]].insert(p[2]);
      }
    }
    ASSERT_EQ(uplinks.size(), 4U);
    for (const auto& [leaf_uplink, used] : uplinks) EXPECT_EQ(used.size(), shared ? 1U : 4U);
  }
}

TEST(Ecmp, ThreeTupleSendsAllQpsOneWayAndMoreQpsSpreadMore) {
  FabricSpec spec = fat_tree(2048, 64, 2);
  spec.transport.qps_per_connection = 32;
  const auto distinct = [](const FabricSpec& s, std::uint32_t qps) {
    const auto t = build(s);
    const auto r = router_of(*t);
    std::set<std::uint32_t> uplinks;
    for (std::uint32_t q = 0; q < qps; ++q) uplinks.insert(path(*r, 0, 2047, Via::kAuto, q)[1]);
    return uplinks.size();
  };
  EXPECT_EQ(distinct(spec, 1), 1U);
  EXPECT_GT(distinct(spec, 4), 1U);
  EXPECT_GT(distinct(spec, 32), distinct(spec, 4));
  spec.routing.hash_udp_source_port = false;
  EXPECT_EQ(distinct(spec, 32), 1U);
}

TEST(Ecmp, SameSeedSamePathsAndAnotherSeedOthers) {
  const auto t = build(fat_tree(2048, 64, 2));
  const auto a = router_of(*t, 5), b = router_of(*t, 5), other = router_of(*t, 6);
  std::uint32_t same = 0;
  for (std::uint32_t i = 0; i < 1024; ++i) {
    EXPECT_EQ(path(*a, i, 2047 - i), path(*b, i, 2047 - i));
    same += path(*a, i, 2047 - i) == path(*other, i, 2047 - i) ? 1U : 0U;
  }
  EXPECT_LT(same, 1024U / 10);
}

TEST(Ecmp, ResilientGroupMovesOnlyTheFlowsOfTheDeadMember) {
  for (const bool resilient : {true, false}) {
    FabricSpec spec = fat_tree(32, 8, 2);
    spec.routing.resilient = resilient;
    const auto healthy = build(spec);
    spec.failures = {dead("leaf0>spine1")};
    const auto failed = build(spec);
    const auto before = router_of(*healthy), after = router_of(*failed);
    const LinkId lost = *healthy->find_link("leaf0>spine1");
    std::uint32_t moved = 0, needlessly = 0;
    for (std::uint32_t channel = 0; channel < 400; ++channel) {
      const auto old_path = path(*before, 0, 31, Via::kAuto, 0, channel);
      const auto new_path = path(*after, 0, 31, Via::kAuto, 0, channel);
      EXPECT_NE(new_path[1], lost.value);
      moved += old_path[1] == lost.value ? 1U : 0U;
      needlessly += old_path[1] != lost.value && old_path != new_path ? 1U : 0U;
    }
    EXPECT_GT(moved, 50U);
    EXPECT_EQ(needlessly > 100, !resilient);
    EXPECT_EQ(needlessly == 0, resilient);
  }
}

TEST(Failures, AreAvoidedWhereverTheyAre) {
  for (const char* name : {"spine1", "core3", "leaf9>spine10", "spine0>core0", "spine8>core1"}) {
    FabricSpec spec = fat_tree(128, 8, 3);
    spec.failures = {dead(name)};
    const auto t = build(spec);
    for (const RoutingKind kind : {RoutingKind::kEcmp, RoutingKind::kStatic, RoutingKind::kAdaptive}) {
      spec.routing.kind = kind;
      const auto routed = build(spec);
      const auto r = router_of(*routed);
      for (std::uint32_t i = 0; i < 128; ++i) {
        for (std::uint32_t j = 1; j < 128; j += 7) {
          Route route;
          const Connection c{GpuId{i}, GpuId{(i + j) % 128}, j};
          ASSERT_TRUE(r->route(c, Via::kAuto, 0, route)) << name;
          ASSERT_TRUE(connected(*routed, c, route)) << name;
        }
      }
    }
  }
}

TEST(Failures, DegradedLinkStaysInTheGroup) {
  FabricSpec spec = fat_tree(32, 8, 2);
  const auto healthy = build(spec);
  spec.failures = {dead("leaf0>spine1", 0.25)};
  const auto slow = build(spec);
  const auto a = router_of(*healthy), b = router_of(*slow);
  for (std::uint32_t c = 0; c < 100; ++c) {
    EXPECT_EQ(path(*a, 0, 31, Via::kAuto, 0, c), path(*b, 0, 31, Via::kAuto, 0, c));
  }
}

TEST(Failures, DeadHostLinkOfASinglePortedGpuLeavesNoPath) {
  FabricSpec spec = fat_tree(32, 8, 2);
  spec.failures = {dead("leaf7")};
  const auto t = build(spec);
  const auto r = router_of(*t);
  EXPECT_TRUE(path(*r, 0, 31).empty());
  EXPECT_TRUE(path(*r, 31, 0).empty());
  EXPECT_FALSE(path(*r, 0, 27).empty());
}

TEST(StaticRouting, ShiftPermutationsAreFreeOfContention) {
  for (const std::uint32_t fabric_tiers : {2U, 3U}) {
    FabricSpec spec = fat_tree(fabric_tiers == 2 ? 32 : 128, 8, fabric_tiers);
    spec.routing.kind = RoutingKind::kStatic;
    const auto t = build(spec);
    const auto r = router_of(*t);
    for (std::uint32_t shift = 1; shift < t->gpu_count(); ++shift) {
      std::vector<std::vector<std::uint32_t>> paths;
      for (std::uint32_t i = 0; i < t->gpu_count(); ++i) paths.push_back(path(*r, i, (i + shift) % t->gpu_count()));
      ASSERT_EQ(highest_load(*t, paths), 1U) << fabric_tiers << " tiers, shift " << shift;
    }
  }
}

TEST(AdaptiveRouting, BalancesARandomPermutationBetterThanEcmp) {
  std::vector<std::uint32_t> to(512);
  std::iota(to.begin(), to.end(), 0U);
  std::mt19937 generator(3);
  std::shuffle(to.begin(), to.end(), generator);
  // By adaptive: the highest load of a leaf's uplinks, and the sum of squared loads, which collisions raise.
  std::uint32_t highest_up[2] = {}, squares[2] = {};
  for (const bool adaptive : {false, true}) {
    FabricSpec spec = fat_tree(512, 32, 2);
    spec.routing.kind = adaptive ? RoutingKind::kAdaptive : RoutingKind::kEcmp;
    const auto t = build(spec);
    const auto r = router_of(*t);
    EXPECT_EQ(r->stateful(), adaptive);
    std::vector<std::uint32_t> load(t->link_count());
    for (std::uint32_t i = 0; i < 512; ++i) {
      if (to[i] == i) continue;
      for (const std::uint32_t link : path(*r, i, to[i])) ++load[link];
    }
    for (std::uint32_t link = t->first_fabric_link(); link < t->link_count(); ++link) {
      squares[adaptive] += load[link] * load[link];
      if (link % 2 == 0) highest_up[adaptive] = std::max(highest_up[adaptive], load[link]);
    }
  }
  EXPECT_EQ(highest_up[1], 1U) << "16 flows of a leaf on 16 uplinks";
  EXPECT_GT(highest_up[0], 2U);
  EXPECT_LT(squares[1], 0.9 * squares[0]) << "the way down is not seen and stays random";
}

TEST(FlowletRouting, TakesThePathsOfEcmp) {
  FabricSpec spec = fat_tree(128, 8, 3);
  const auto hashed = build(spec);
  spec.routing.kind = RoutingKind::kFlowlet;
  const auto flowlets = build(spec);
  const auto r = router_of(*flowlets), ecmp = router_of(*hashed);
  EXPECT_FALSE(r->stateful());
  EXPECT_FALSE(r->weighted());
  for (std::uint32_t i = 0; i < 77; ++i) EXPECT_EQ(path(*r, i, 77), path(*ecmp, i, 77)) << i;
}

TEST(AdaptiveRouting, StartsEachStepFromEmptyLoads) {
  FabricSpec spec = fat_tree(512, 32, 2);
  spec.routing.kind = RoutingKind::kAdaptive;
  const auto t = build(spec);
  const auto r = router_of(*t);
  const auto first = path(*r, 0, 511);
  EXPECT_NE(path(*r, 0, 511), first);
  r->start_step();
  EXPECT_EQ(path(*r, 0, 511), first);
}

TEST(Pxn, CarriesRailsThatNeverJoinThroughTheScaleUpDomain) {
  const auto t = build(rails(32, 8, 3, RailJoin::kNever));
  const auto r = router_of(*t);
  const auto p = path(*r, 0, 127);  // rail 0 to rail 3, across pods
  EXPECT_EQ(tiers(*t, p), (std::vector{kUp, kUp, kHost, kLeaf, kCore, kCore, kLeaf, kHost}));
  EXPECT_EQ(p[1], t->scale_up_link(GpuId{3}, true).value) << "the proxy is on the destination's rail";
  EXPECT_EQ(p[2], t->host_link(t->port_of(GpuId{3}, 0), false).value);
  EXPECT_EQ(tiers(*t, path(*r, 3, 127)).front(), kHost) << "on the same rail it goes straight";
}

TEST(Pxn, CrossesPlanesOfNicsThroughTheScaleUpDomain) {
  const auto t = build(planes(PlaneSplit::kNic));
  const auto r = router_of(*t);
  const auto p = path(*r, 0, 62);
  ASSERT_GE(p.size(), 4U);
  EXPECT_EQ(p[1], t->scale_up_link(GpuId{2}, true).value);
}

TEST(Pxn, RailAlignedGoesToTheReceiversRailEvenWhereRailsJoin) {
  const auto t = build(rails(32, 8, 3, RailJoin::kSpine));
  const auto r = router_of(*t);
  EXPECT_EQ(tiers(*t, path(*r, 0, 127)).front(), kHost);
  EXPECT_EQ(tiers(*t, path(*r, 0, 127, Via::kRailAligned)).front(), kUp);
  EXPECT_EQ(tiers(*t, path(*r, 3, 127, Via::kRailAligned)).front(), kHost);
}

TEST(Pxn, HasNoPathWithoutAScaleUpDomain) {
  FabricSpec spec = rails(32, 8, 3, RailJoin::kNever);
  spec.hosts.scale_up.domain_gpus = 1;
  const auto t = build(spec);
  const auto r = router_of(*t);
  EXPECT_TRUE(path(*r, 0, 127).empty());
  EXPECT_FALSE(path(*r, 0, 124).empty());
}

TEST(Ports, QpsTakeThePlanesInTurnFromOneThatThePairPicks) {
  FabricSpec spec = planes(PlaneSplit::kPort);
  spec.transport.qps_per_connection = 4;
  const auto t = build(spec);
  const auto r = router_of(*t);
  ASSERT_EQ(t->ports_per_gpu(), 4U);
  const auto port_index = [&](std::uint32_t link, GpuId gpu, bool down) {
    for (std::uint32_t k = 0; k < 4; ++k)
      if (link == t->host_link(t->port_of(gpu, k), down).value) return k;
    return 99U;
  };
  std::set<std::uint32_t> first_ports;
  for (std::uint32_t channel = 0; channel < 16; ++channel) {
    const std::uint32_t first = port_index(path(*r, 0, 63, Via::kAuto, 0, channel).front(), GpuId{0}, false);
    first_ports.insert(first);
    for (std::uint32_t q = 0; q < 4; ++q) {
      const auto p = path(*r, 0, 63, Via::kAuto, q, channel);
      EXPECT_EQ(port_index(p.front(), GpuId{0}, false), (first + q) % 4);
      EXPECT_EQ(port_index(p.back(), GpuId{63}, true), (first + q) % 4) << "both ends on one plane";
    }
  }
  EXPECT_EQ(first_ports.size(), 4U) << "connections start on all planes";
  EXPECT_EQ(r->qps({GpuId{0}, GpuId{63}, 0}, Via::kAuto), 4U);
  EXPECT_EQ(r->qps({GpuId{0}, GpuId{1}, 0}, Via::kAuto), 1U) << "inside the scale-up domain";
}

TEST(Ports, DualTorMovesToTheOtherPortWhenOneDies) {
  FabricSpec spec = small_dual_tor(2);
  const auto healthy = build(spec);
  const auto a = router_of(*healthy);
  const LinkId first{path(*a, 0, 32).front()};
  const std::uint32_t other = first == healthy->host_link(healthy->port_of(GpuId{0}, 0), false) ? 1 : 0;
  spec.failures = {dead(healthy->name(first))};
  const auto t = build(spec);
  const auto b = router_of(*t);
  EXPECT_EQ(path(*b, 0, 32).front(), t->host_link(t->port_of(GpuId{0}, other), false).value);
  EXPECT_EQ(path(*b, 0, 32).back(), t->host_link(t->port_of(GpuId{32}, other), true).value) << "the far end follows";
  spec.failures.push_back(dead(healthy->name(healthy->host_link(healthy->port_of(GpuId{0}, other), false))));
  const auto cut = build(spec);
  EXPECT_TRUE(path(*router_of(*cut), 0, 32).empty());
}

}  // namespace
}  // namespace weft
