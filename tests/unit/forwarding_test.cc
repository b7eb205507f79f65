// Forwarding hop by hop, on fabrics small enough to count by hand.
#include "topologies/forwarding.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/routing_fabrics.h"
#include "topologies/hash.h"

namespace weft {
namespace {

using testing::build;
using testing::dead;
using testing::fat_tree;
using Names = std::vector<std::string>;

std::unique_ptr<Forwarding> forwarding_of(const Topology& topology) {
  auto forwarding = Forwarding::create(topology, 1);
  if (!forwarding) ADD_FAILURE() << forwarding.error().text();
  return forwarding ? std::move(*forwarding) : nullptr;
}

Names names(const Topology& t, const NextHops& hops) {
  Names out;
  for (std::uint32_t c = 0; c < hops.choices; ++c) out.push_back(t.name(hops.link(c)));
  return out;
}

Names live_names(const Topology& t, const Forwarding& f, const NextHops& hops) {
  Names out;
  for (std::uint32_t c = 0; c < hops.choices; ++c) {
    if (f.alive(hops, c)) out.push_back(t.name(hops.link(c)));
  }
  return out;
}

LinkId link(const Topology& t, const std::string& name) {
  const auto found = t.find_link(name);
  if (!found) ADD_FAILURE() << name;
  return found.value_or(LinkId{});
}

Names path(const Topology& t, const Forwarding& f, std::uint32_t from, std::uint32_t to, std::uint64_t digest) {
  std::vector<LinkId> links;
  if (!f.path(PortId{from}, PortId{to}, digest, links)) return {};
  Names out;
  for (const LinkId l : links) out.push_back(t.name(l));
  return out;
}

// 8 leaves of 4 hosts, 4 spines.
TEST(Forwarding, LeafSpineLeafOfTwoTiers) {
  const auto t = build(fat_tree(32, 8, 2));
  const auto f = forwarding_of(*t);
  const PortId to{4};  // the first host of leaf1
  const NextHops up = f->next_hops(t->host_link(PortId{0}, false), to);
  EXPECT_EQ(up.switch_id, 0U);
  EXPECT_FALSE(up.suspect);
  EXPECT_EQ(names(*t, up), (Names{"leaf0>spine0", "leaf0>spine1", "leaf0>spine2", "leaf0>spine3"}));
  const NextHops down = f->next_hops(link(*t, "leaf0>spine2"), to);
  EXPECT_EQ(down.switch_id, 8U + 2);
  EXPECT_EQ(names(*t, down), Names{"spine2>leaf1"});
  const NextHops last = f->next_hops(link(*t, "spine2>leaf1"), to);
  EXPECT_EQ(last.switch_id, 1U);
  EXPECT_EQ(last.step, NextHops::Step::kNic);
  EXPECT_EQ(names(*t, last), Names{t->name(t->host_link(to, true))});
  EXPECT_EQ(f->hashed_choice(last, 7), 0U);
}

TEST(Forwarding, PacketOnItsWayDownDoesNotGoUpAgain) {
  const auto t = build(fat_tree(32, 8, 2));
  const auto f = forwarding_of(*t);
  const NextHops lost = f->next_hops(link(*t, "spine2>leaf1"), PortId{0});
  EXPECT_EQ(lost.choices, 0U);
  EXPECT_EQ(f->hashed_choice(lost, 7), std::nullopt);
}

TEST(Forwarding, ParallelLinksAreChoicesOfTheirOwn) {
  const auto t = build(testing::trunked());  // 2 spines, 4 cables to each
  const auto f = forwarding_of(*t);
  const NextHops up = f->next_hops(t->host_link(PortId{0}, false), PortId{8});
  EXPECT_EQ(up.choices, 8U);
  EXPECT_EQ(t->name(up.link(6)), "leaf0>spine1#2");
  const NextHops down = f->next_hops(up.link(6), PortId{8});
  EXPECT_EQ(names(*t, down), (Names{"spine1>leaf1#0", "spine1>leaf1#1", "spine1>leaf1#2", "spine1>leaf1#3"}));
  f->set_cable(down.link(1).value / 2, false);
  EXPECT_EQ(live_names(*t, *f, f->next_hops(up.link(6), PortId{8})),
            (Names{"spine1>leaf1#0", "spine1>leaf1#2", "spine1>leaf1#3"}));
  EXPECT_EQ(live_names(*t, *f, f->next_hops(t->host_link(PortId{0}, false), PortId{8})).size(), 8U);
}

// k = 8: pods of 4 leaves and 4 spines; spine j of each pod meets the cores [4j, 4j + 4).
TEST(Forwarding, CoreGoesDownToTheOneSpineOfThePod) {
  const auto t = build(fat_tree(128, 8, 3));
  const auto f = forwarding_of(*t);
  const PortId to{16};  // the first host of pod 1, on leaf4
  const NextHops over = f->next_hops(link(*t, "leaf0>spine1"), to);
  EXPECT_EQ(names(*t, over), (Names{"spine1>core4", "spine1>core5", "spine1>core6", "spine1>core7"}));
  const NextHops down = f->next_hops(link(*t, "spine1>core6"), to);
  EXPECT_EQ(down.switch_id, 32U + 32 + 6);
  EXPECT_EQ(names(*t, down), Names{"core6>spine5"});
  EXPECT_EQ(names(*t, f->next_hops(link(*t, "core6>spine5"), to)), Names{"spine5>leaf4"});
  EXPECT_EQ(f->next_hops(link(*t, "core6>spine5"), PortId{0}).choices, 0U) << "pod 0 is not below spine5";
}

TEST(Forwarding, SwitchesBeforeADeadCoreLinkKnowIt) {
  const auto t = build(fat_tree(128, 8, 3));
  const auto f = forwarding_of(*t);
  const PortId to{16};
  f->set_cable(link(*t, "core6>spine5").value / 2, false);
  const NextHops over = f->next_hops(link(*t, "leaf0>spine1"), to);
  EXPECT_TRUE(over.suspect);
  EXPECT_EQ(live_names(*t, *f, over), (Names{"spine1>core4", "spine1>core5", "spine1>core7"}));
  EXPECT_EQ(f->hashed_choice(f->next_hops(link(*t, "spine1>core6"), to), 7), std::nullopt) << "caught on its way";
  EXPECT_FALSE(f->next_hops(link(*t, "leaf0>spine1"), PortId{40}).suspect) << "pod 2 has all its links";

  const NextHops leaf = f->next_hops(t->host_link(PortId{0}, false), to);
  EXPECT_EQ(live_names(*t, *f, leaf).size(), 4U) << "three cores are left to spine1";
  for (const char* name : {"core4>spine5", "core5>spine5", "core7>spine5"}) {
    f->set_cable(link(*t, name).value / 2, false);
  }
  EXPECT_EQ(live_names(*t, *f, f->next_hops(t->host_link(PortId{0}, false), to)),
            (Names{"leaf0>spine0", "leaf0>spine2", "leaf0>spine3"}));
}

TEST(Forwarding, ResilientFlowsComeBackWhenTheirLinkDoes) {
  const auto t = build(fat_tree(32, 8, 2));
  const auto f = forwarding_of(*t);
  int moved = 0;
  for (std::uint64_t digest = 0; digest < 400; ++digest) {
    const Names before = path(*t, *f, 0, 4, mix64(digest));
    ASSERT_EQ(before.size(), 4U);
    f->set_cable(link(*t, "spine2>leaf1").value / 2, false);
    const Names during = path(*t, *f, 0, 4, mix64(digest));
    ASSERT_EQ(during.size(), 4U);
    EXPECT_NE(during[2], "spine2>leaf1");
    EXPECT_EQ(before == during, before[2] != "spine2>leaf1") << "only flows of the dead link move";
    moved += before != during ? 1 : 0;
    f->set_cable(link(*t, "spine2>leaf1").value / 2, true);
    EXPECT_EQ(path(*t, *f, 0, 4, mix64(digest)), before);
  }
  EXPECT_NEAR(moved, 100, 30) << "a quarter; three standard deviations are 26";
}

TEST(Forwarding, DeadHostLinkHasNoChoiceAndNoPath) {
  const auto t = build(fat_tree(32, 8, 2));
  const auto f = forwarding_of(*t);
  f->set_cable(t->host_link(PortId{4}, true).value / 2, false);
  const NextHops last = f->next_hops(link(*t, "spine2>leaf1"), PortId{4});
  EXPECT_EQ(last.choices, 1U);
  EXPECT_TRUE(last.suspect);
  EXPECT_FALSE(f->alive(last, 0));
  EXPECT_EQ(f->hashed_choice(last, 7), std::nullopt);
  EXPECT_EQ(path(*t, *f, 0, 4, 7), Names{});
  EXPECT_EQ(path(*t, *f, 4, 0, 7), Names{});
  std::vector<LinkId> untouched{LinkId{3}};
  EXPECT_FALSE(f->path(PortId{0}, PortId{4}, 7, untouched));
  EXPECT_EQ(untouched, std::vector{LinkId{3}});
  EXPECT_EQ(f->endpoints({GpuId{0}, GpuId{4}, 0}, Via::kAuto, 0), std::nullopt);
}

// a-b-d and a-c-d, c-d twice, and the detour a-e-f-d.
FabricSpec diamond() {
  FabricSpec s = fat_tree(2, 8, 2);
  s.topology.kind = TopologyKind::kExplicit;
  for (const char* name : {"a", "d", "e", "f"}) s.topology.switches.push_back({name, NodeKind::kLeaf});
  for (const char* name : {"b", "c"}) s.topology.switches.push_back({name, NodeKind::kSpine});
  const auto cable = [&](const char* a, const char* b, std::uint32_t count = 1) {
    s.topology.links.push_back({.a = a, .b = b, .rate = {}, .delay = {}, .count = count});
  };
  cable("host0.nic0", "a"), cable("host1.nic0", "d");
  cable("a", "b"), cable("b", "d"), cable("a", "c"), cable("c", "d", 2);
  cable("a", "e"), cable("e", "f"), cable("f", "d");
  return s;
}

TEST(Forwarding, GraphTakesShortestPathsAndADetourWhenTheyDie) {
  const auto t = build(diamond());
  const auto f = forwarding_of(*t);
  const auto at_a = [&] { return f->next_hops(t->host_link(PortId{0}, false), PortId{1}); };
  EXPECT_EQ(names(*t, at_a()), (Names{"a>b", "a>c"}));
  EXPECT_FALSE(at_a().suspect);
  EXPECT_EQ(names(*t, f->next_hops(link(*t, "a>c"), PortId{1})), (Names{"c>d#0", "c>d#1"}));
  const NextHops last = f->next_hops(link(*t, "b>d"), PortId{1});
  EXPECT_EQ(names(*t, last), Names{t->name(t->host_link(PortId{1}, true))});

  f->set_cable(link(*t, "b>d").value / 2, false);
  EXPECT_EQ(live_names(*t, *f, at_a()), Names{"a>c"});
  for (const char* name : {"c>d#0", "c>d#1"}) f->set_cable(link(*t, name).value / 2, false);
  EXPECT_EQ(names(*t, at_a()), (Names{"a>b", "a>c", "a>e"})) << "the group as built comes first";
  EXPECT_EQ(at_a().group, 2U);
  EXPECT_EQ(live_names(*t, *f, at_a()), Names{"a>e"});
  EXPECT_EQ(path(*t, *f, 0, 1, 7).size(), 5U);
  f->set_cable(link(*t, "e>f").value / 2, false);
  EXPECT_EQ(path(*t, *f, 0, 1, 7), Names{});
  for (const char* name : {"b>d", "c>d#0", "c>d#1", "e>f"}) f->set_cable(link(*t, name).value / 2, true);
  EXPECT_EQ(names(*t, at_a()), (Names{"a>b", "a>c"}));
}

TEST(ForwardingEndpoints, FollowRdmaCoreBothWays) {
  const auto t = build(fat_tree(32, 8, 2));
  const auto f = forwarding_of(*t);
  const auto there = f->endpoints({GpuId{0}, GpuId{4}, 0}, Via::kAuto, 0);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->from, PortId{0});
  EXPECT_EQ(there->to, PortId{4});
  EXPECT_EQ(there->udp_source_port, udp_source_port(there->source_qpn, there->destination_qpn));
  EXPECT_EQ(there->digest,
            digest_five_tuple({port_address(PortId{0}), port_address(PortId{4}), there->udp_source_port}));
  const Forwarding::Endpoints back = f->reverse(*there);
  EXPECT_EQ(back.from, PortId{4});
  EXPECT_EQ(back.source_qpn, there->destination_qpn);
  EXPECT_EQ(back.digest, digest_five_tuple({port_address(PortId{4}), port_address(PortId{0}), back.udp_source_port}));
  EXPECT_EQ(f->reverse(back).digest, there->digest);
}

TEST(ForwardingEndpoints, ScaleUpNeedsNoNicUntilItsCableDies) {
  const auto t = build(testing::rails(32, 8, 3, RailJoin::kSpine));
  const auto f = forwarding_of(*t);
  const Connection inside{GpuId{0}, GpuId{3}, 0};
  EXPECT_TRUE(f->endpoints(inside, Via::kAuto, 0)->scale_up_only);
  EXPECT_TRUE(f->endpoints(inside, Via::kScaleUpReduce, 0)->scale_up_only);
  f->set_cable(t->scale_up_link(GpuId{0}, false).value / 2, false);
  EXPECT_EQ(f->endpoints(inside, Via::kScaleUpReduce, 0), std::nullopt);
  EXPECT_TRUE(f->endpoints(inside, Via::kScaleUpMulticast, 0)->scale_up_only) << "the other GPU's cable";
  const auto outside = f->endpoints(inside, Via::kAuto, 0);
  ASSERT_TRUE(outside);
  EXPECT_FALSE(outside->scale_up_only);
  EXPECT_EQ(outside->proxy, std::nullopt);
}

TEST(ForwardingEndpoints, RailsThatNeverJoinGoThroughTheProxyOnTheReceiversRail) {
  const auto t = build(testing::rails(32, 8, 3, RailJoin::kNever));
  const auto f = forwarding_of(*t);
  const auto e = f->endpoints({GpuId{0}, GpuId{4 * 31 + 2}, 0}, Via::kAuto, 0);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->proxy, GpuId{2});
  EXPECT_EQ(e->from, t->port_of(GpuId{2}, 0));
  EXPECT_EQ(f->reverse(*e).proxy, std::nullopt);
}

TEST(ForwardingEndpoints, SprayHasOneForEachPairOfPortsThatShares) {
  FabricSpec spec = testing::planes(PlaneSplit::kPort);
  spec.routing.kind = RoutingKind::kSpray;
  const auto t = build(spec);
  const auto f = forwarding_of(*t);
  const Connection c{GpuId{0}, GpuId{63}, 0};
  const auto ports = [&] {
    std::set<std::uint32_t> from;
    for (std::uint32_t qp = 0; qp < f->qps(c, Via::kAuto); ++qp) {
      from.insert(f->endpoints(c, Via::kAuto, qp)->from.value);
    }
    return from;
  };
  EXPECT_EQ(ports(), (std::set<std::uint32_t>{0, 1, 2, 3}));
  f->set_cable(t->host_link(PortId{1}, false).value / 2, false);
  EXPECT_EQ(ports(), (std::set<std::uint32_t>{0, 2, 3}));
}

TEST(ForwardingEndpoints, StartWithTheFailuresOfTheFabric) {
  FabricSpec spec = fat_tree(32, 8, 2);
  spec.failures = {dead("leaf0>spine1")};
  const auto t = build(spec);
  const auto f = forwarding_of(*t);
  const std::uint32_t cable = link(*t, "leaf0>spine1").value / 2;
  EXPECT_FALSE(f->cable_alive(cable));
  EXPECT_TRUE(f->next_hops(t->host_link(PortId{0}, false), PortId{4}).suspect);
  f->set_cable(cable, true);
  EXPECT_TRUE(f->cable_alive(cable));
  EXPECT_FALSE(f->next_hops(t->host_link(PortId{0}, false), PortId{4}).suspect);
}

TEST(ForwardingErrors, RefusesMoreSwitchesThanItsTablesHold) {
  const auto clos = build(fat_tree(65'536, 64, 3));
  const auto forwarding = Forwarding::create(testing::OpaqueTopology(*clos), 1);
  ASSERT_FALSE(forwarding.has_value());
  EXPECT_EQ(forwarding.error().code, ErrorCode::kInput);
}

}  // namespace
}  // namespace weft
