#include <gtest/gtest.h>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/clos.h"
#include "topologies/explicit.h"
#include "topologies/failures.h"

namespace weft {
namespace {

using testing::fat_tree;

std::string error_of(const FabricSpec& spec) {
  auto built = build_topology(spec);
  return built ? "no error" : built.error().text();
}

FailureSpec named(FailureTarget target, std::string name, double factor = 0.0) {
  FailureSpec f;
  f.target = target;
  f.name = std::move(name);
  f.rate_factor = factor;
  return f;
}

TEST(Failures, NamedLinkDiesBothWays) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {named(FailureTarget::kLink, "leaf1>spine0")};
  const auto t = build_topology(s);
  ASSERT_TRUE(t);
  const LinkId link = *(*t)->find_link("leaf1>spine0");
  EXPECT_EQ((*t)->rate(link), Rate{0});
  EXPECT_EQ((*t)->rate(LinkId{link.value ^ 1U}), Rate{0});
  const auto& clos = dynamic_cast<const ClosTopology&>(**t);
  EXPECT_EQ(clos.deviating_cables().size(), 1U);
  EXPECT_TRUE(clos.cable_dead(link.value / 2));
}

TEST(Failures, DegradedLinkKeepsAShareOfItsRate) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {named(FailureTarget::kLink, "spine0>leaf1", 0.25)};
  const auto t = build_topology(s);
  EXPECT_EQ((*t)->rate(*(*t)->find_link("leaf1>spine0")), Rate::gbps(100));
}

TEST(Failures, DeadSwitchIsAllItsCables) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {named(FailureTarget::kSwitch, "leaf2")};
  const auto t = build_topology(s);
  EXPECT_EQ(dynamic_cast<const ClosTopology&>(**t).deviating_cables().size(), 4U);  // 2 hosts, 2 spines
}

TEST(Failures, FractionOfATierIsRounded) {
  FabricSpec s = fat_tree(2048, 64, 2);
  FailureSpec f;
  f.link_tier = LinkTier::kLeafSpine;
  f.fraction = 0.01;
  s.failures = {f};
  EXPECT_EQ(dynamic_cast<const ClosTopology&>(**build_topology(s)).deviating_cables().size(), 20U);
  s.failures[0].seed = 2;
  s.failures[0].target = FailureTarget::kSwitch;
  s.failures[0].switch_tier = NodeKind::kSpine;
  s.failures[0].fraction.reset();
  s.failures[0].count = 3;
  EXPECT_EQ(dynamic_cast<const ClosTopology&>(**build_topology(s)).deviating_cables().size(), 3U * 64);
}

TEST(Failures, UnknownNamesAreAnsweredWithTheNearest) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {named(FailureTarget::kSwitch, "leef2")};
  EXPECT_EQ(error_of(s), "failures: no such switch: 'leef2'; the nearest name is leaf2");
  s.failures = {named(FailureTarget::kLink, "leaf2>spin1")};
  EXPECT_EQ(error_of(s), "failures: no such link: 'leaf2>spin1'; the nearest name is leaf2>spine1");
}

TEST(Failures, MoreThanThereAreIsAnError) {
  FabricSpec s = fat_tree(8, 4, 2);
  FailureSpec f;
  f.link_tier = LinkTier::kLeafSpine;
  f.count = 9;
  s.failures = {f};
  EXPECT_EQ(error_of(s), "failures: count above the parts of the tier: '9'; tier leaf_spine has 8");
  s.failures[0].link_tier = LinkTier::kSpineCore;
  EXPECT_EQ(error_of(s), "failures: this fabric has no parts of the tier: 'spine_core'");
}

FailureSpec timed(FailureSpec f, Duration at, std::optional<Duration> until = {}, std::optional<Duration> period = {}) {
  f.at = at;
  f.until = until;
  f.period = period;
  return f;
}

TEST(TimedFailures, AreNotInForceFromTheStart) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {timed(named(FailureTarget::kLink, "leaf1>spine0"), Duration::us(5))};
  EXPECT_EQ(s.timed_failures(), 1U);
  EXPECT_FALSE(s.failing_from_start());
  const auto t = build_topology(s);
  ASSERT_TRUE(t);
  EXPECT_EQ((*t)->rate(*(*t)->find_link("leaf1>spine0")), Rate::gbps(400));
  EXPECT_TRUE(resolve_failures(**t)->empty());
}

TEST(TimedFailures, GiveTheirCablesAndTimesInTheOrderOfTheFile) {
  FabricSpec s = fat_tree(8, 4, 2);
  const Duration ms = Duration::us(1'000);
  s.failures = {timed(named(FailureTarget::kSwitch, "leaf2"), ms * 3), named(FailureTarget::kLink, "leaf0>spine0"),
                timed(named(FailureTarget::kLink, "leaf1>spine0", 0.25), ms, ms * 2, ms * 5)};
  const auto t = build_topology(s);
  ASSERT_TRUE(t);
  const auto found = resolve_timed_failures(**t);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 5U);  // leaf2 has 2 hosts and 2 spines
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*found)[i].at, ms * 3);
    EXPECT_FALSE((*found)[i].until);
    const LinkEnds ends = (*t)->ends(LinkId{2 * (*found)[i].cable});
    const NodeRef leaf{NodeKind::kLeaf, 2};
    EXPECT_TRUE(ends.from == leaf || ends.to == leaf);
  }
  const TimedDeviation& slow = found->back();
  EXPECT_EQ((*t)->name(LinkId{2 * slow.cable}), "leaf1>spine0");
  EXPECT_DOUBLE_EQ(slow.rate_factor, 0.25);
  EXPECT_EQ(slow.at, ms);
  EXPECT_EQ(slow.until, ms * 2);
  EXPECT_EQ(slow.period, ms * 5);
  EXPECT_EQ(resolve_failures(**t)->sorted().size(), 1U);
}

TEST(TimedFailures, RandomPartsAreThoseOfTheSeed) {
  FabricSpec s = fat_tree(2048, 64, 2);
  FailureSpec f;
  f.link_tier = LinkTier::kLeafSpine;
  f.count = 20;
  s.failures = {f};
  const auto now = build_topology(s);
  s.failures = {timed(f, Duration::us(1)), timed(f, Duration::us(2))};
  const auto later = build_topology(s);
  ASSERT_TRUE(now && later);
  const auto lasting = resolve_failures(**now);
  const auto timed_ones = resolve_timed_failures(**later);
  ASSERT_EQ(timed_ones->size(), 40U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ((*timed_ones)[i].cable, lasting->sorted()[i].cable);
    EXPECT_EQ((*timed_ones)[20 + i].cable, lasting->sorted()[i].cable);
  }
}

TEST(TimedFailures, LinesOfEqualTimesCountAsOne) {
  FabricSpec s = fat_tree(8, 4, 2);
  const Duration at = Duration::us(1);
  s.failures = {timed(named(FailureTarget::kLink, "leaf2>spine0", 0.5), at),
                timed(named(FailureTarget::kSwitch, "leaf2"), at)};
  const auto found = resolve_timed_failures(**build_topology(s));
  ASSERT_EQ(found->size(), 4U);
  for (const TimedDeviation& d : *found) EXPECT_EQ(d.rate_factor, 0.0);
}

TEST(TimedFailures, UnknownNamesAreErrorsOfTheFabric) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.failures = {timed(named(FailureTarget::kSwitch, "leef2"), Duration::us(1))};
  EXPECT_EQ(error_of(s), "failures: no such switch: 'leef2'; the nearest name is leaf2");
}

FabricSpec dumbbell() {
  FabricSpec s = fat_tree(4, 64, 2);
  s.topology.kind = TopologyKind::kExplicit;
  s.topology.switches = {{"left", NodeKind::kLeaf}, {"right", NodeKind::kLeaf}, {"top", NodeKind::kSpine}};
  s.topology.links = {{"host0.nic0", "left", {}, {}, 1},  {"host1.nic0", "left", {}, {}, 1},
                      {"host2.nic0", "right", {}, {}, 1}, {"host3.nic0.port0", "right", {}, {}, 1},
                      {"left", "top", {}, {}, 2},         {"top", "right", Rate::gbps(100), {}, 1}};
  return s;
}

TEST(Explicit, LinksAndNeighboursByName) {
  const auto t = build_topology(dumbbell());
  ASSERT_TRUE(t) << t.error().text();
  EXPECT_EQ((*t)->link_count(), 2U * (4 + 3));
  for (std::uint32_t l = 0; l < (*t)->link_count(); ++l) EXPECT_EQ((*t)->find_link((*t)->name(LinkId{l})), LinkId{l});
  EXPECT_EQ((*t)->rate(*(*t)->find_link("right>top")), Rate::gbps(100));
  EXPECT_TRUE((*t)->find_link("left>top#1"));
  EXPECT_FALSE((*t)->find_link("left>top#2"));
  const auto& graph = dynamic_cast<const ExplicitTopology&>(**t);
  EXPECT_EQ(graph.neighbours(*(*t)->find_node("left")).size(), 4U);
}

TEST(Explicit, DisconnectedFabricIsAnError) {
  FabricSpec s = dumbbell();
  s.topology.links.pop_back();
  EXPECT_EQ(error_of(s),
            "topology.links: the fabric is disconnected, no path from host0.nic0.port0: 'host2.nic0.port0'; add a link "
            "that joins the parts");
}

TEST(Explicit, BadListsAreErrors) {
  FabricSpec s = dumbbell();
  s.topology.links[0].b = "lefd";
  EXPECT_EQ(error_of(s), "topology.links: no such switch or NIC port: 'lefd'; the nearest name is left");
  s = dumbbell();
  s.topology.links.erase(s.topology.links.begin());
  EXPECT_EQ(error_of(s), "topology.links: a NIC port has no link: 'host0.nic0.port0'; a link from it to a leaf");
  s = dumbbell();
  s.topology.switches.push_back({"left", NodeKind::kSpine});
  EXPECT_EQ(error_of(s), "topology.switches: the name is taken: 'left'; a name of its own for each switch");
  s = dumbbell();
  s.topology.links[0].b = "top";
  EXPECT_EQ(
      error_of(s),
      "topology.links: these tiers do not meet: 'host0.nic0 - top'; hosts join leaves, leaves spines, spines cores");
}

}  // namespace
}  // namespace weft
