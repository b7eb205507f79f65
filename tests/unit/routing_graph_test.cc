// Explicit fabrics: shortest paths over whatever graph was written.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::build;
using testing::connected;
using testing::dead;
using testing::router_of;

// Two hosts of one GPU: host0 on a, host1 on d; a-b-d, a-c-d (two parallel cables c-d), and the detour a-e-f-d.
FabricSpec diamond(RoutingKind kind) {
  FabricSpec s = testing::fat_tree(2, 8, 2);
  s.topology.kind = TopologyKind::kExplicit;
  s.routing.kind = kind;
  for (const char* name : {"a", "d", "e", "f"}) s.topology.switches.push_back({name, NodeKind::kLeaf});
  for (const char* name : {"b", "c"}) s.topology.switches.push_back({name, NodeKind::kSpine});
  const auto link = [&](const char* a, const char* b, std::uint32_t count = 1) {
    ExplicitLink l;
    l.a = a, l.b = b, l.count = count;
    s.topology.links.push_back(l);
  };
  link("host0.nic0", "a"), link("host1.nic0", "d");
  link("a", "b"), link("b", "d"), link("a", "c"), link("c", "d", 2);
  link("a", "e"), link("e", "f"), link("f", "d");
  return s;
}

std::set<std::vector<std::uint32_t>> paths_over_channels(const Topology& t) {
  const auto r = router_of(t);
  std::set<std::vector<std::uint32_t>> found;
  Route route;
  for (std::uint32_t channel = 0; channel < 200; ++channel) {
    const Connection c{GpuId{0}, GpuId{1}, channel};
    if (!r->route(c, Via::kAuto, 0, route)) continue;
    EXPECT_TRUE(connected(t, c, route));
    found.insert(route.resources);
  }
  return found;
}

TEST(GraphRouting, EcmpUsesEveryShortestPathAndNoOther) {
  const auto t = build(diamond(RoutingKind::kEcmp));
  const auto found = paths_over_channels(*t);
  EXPECT_EQ(found.size(), 3U) << "over b, and over c by either cable";
  for (const auto& p : found) EXPECT_EQ(p.size(), 4U);
}

TEST(GraphRouting, FlowletTakesThePathsOfEcmp) {
  EXPECT_EQ(paths_over_channels(*build(diamond(RoutingKind::kFlowlet))),
            paths_over_channels(*build(diamond(RoutingKind::kEcmp))));
}

TEST(GraphRouting, FailuresLengthenThePathAndThenCutIt) {
  FabricSpec spec = diamond(RoutingKind::kEcmp);
  spec.failures = {dead("b"), dead("c")};
  auto found = paths_over_channels(*build(spec));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->size(), 5U) << "host, a-e, e-f, f-d, host";
  spec.failures.push_back(dead("e"));
  EXPECT_TRUE(paths_over_channels(*build(spec)).empty());
}

TEST(GraphRouting, SpraySplitsEvenlyAtEverySwitch) {
  const auto t = build(diamond(RoutingKind::kSpray));
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{1}, 0}, Via::kAuto, 0, route));
  const auto loads = testing::link_loads(*r, route);
  EXPECT_EQ(loads.size(), 2U + 2U + 3U);
  std::map<double, int> by_load;
  for (const auto& [link, load] : loads) ++by_load[load];
  EXPECT_EQ(by_load, (std::map<double, int>{{0.25, 2}, {0.5, 3}, {1.0, 2}}));
}

TEST(GraphRouting, AdaptiveAlternatesOverTheShortestPaths) {
  const auto t = build(diamond(RoutingKind::kAdaptive));
  const auto r = router_of(*t);
  Route first, second;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{1}, 0}, Via::kAuto, 0, first));
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{1}, 0}, Via::kAuto, 0, second));
  EXPECT_NE(first.resources[1], second.resources[1]);
}

TEST(GraphRouting, RefusesMoreSwitchesThanItsTablesHold) {
  const auto clos = build(testing::fat_tree(65'536, 64, 3));
  const auto router = Router::create(testing::OpaqueTopology(*clos), 1);
  ASSERT_FALSE(router.has_value());
  EXPECT_EQ(router.error().code, ErrorCode::kInput);
  EXPECT_EQ(
      router.error().text(),
      "too many switches to route an explicit fabric: '5120'; the limit is 4096; describe a regular fabric by its "
      "generator");
}

}  // namespace
}  // namespace weft
