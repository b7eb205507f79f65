// Spray over pools, by hand.
#include <gtest/gtest.h>

#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::build;
using testing::dead;
using testing::fat_tree;
using testing::planes;
using testing::random_links;
using testing::router_of;

FabricSpec sprayed(FabricSpec spec) {
  spec.routing.kind = RoutingKind::kSpray;
  return spec;
}

TEST(Spray, HealthyFlowIsAHandfulOfFullPools) {
  const auto t = build(sprayed(fat_tree(128, 8, 3)));
  const auto r = router_of(*t);
  EXPECT_TRUE(r->weighted());
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{127}, 0}, Via::kAuto, 0, route));
  ASSERT_EQ(route.resources.size(), 6U);
  EXPECT_EQ(route.weights, std::vector<double>(6, 1.0));
  // Leaf: 4 uplinks of 400G. Pod: 4 spines of 4 uplinks.
  EXPECT_EQ(r->pool_size(route.resources[1]), 4U);
  EXPECT_DOUBLE_EQ(r->capacity(route.resources[1]), 4 * 400e9);
  EXPECT_EQ(r->pool_size(route.resources[2]), 16U);
  EXPECT_DOUBLE_EQ(r->capacity(route.resources[2]), 16 * 400e9);
  EXPECT_EQ(r->qps({GpuId{0}, GpuId{127}, 0}, Via::kAuto), 1U);
}

TEST(Spray, DeadLinkLeavesThreeQuartersOfTheUplinks) {
  FabricSpec spec = sprayed(fat_tree(32, 8, 2));
  spec.failures = {dead("leaf0>spine1")};
  const auto t = build(spec);
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{31}, 0}, Via::kAuto, 0, route));
  const auto loads = testing::link_loads(*r, route);
  for (const char* name : {"leaf0>spine0", "leaf0>spine2", "leaf0>spine3"}) {
    EXPECT_NEAR(loads.at(t->find_link(name)->value), 1.0 / 3, 1e-12) << name;
  }
  EXPECT_EQ(loads.count(t->find_link("leaf0>spine1")->value), 0U);
  // Others still use all four.
  ASSERT_TRUE(r->route({GpuId{4}, GpuId{31}, 0}, Via::kAuto, 0, route));
  EXPECT_NEAR(testing::link_loads(*r, route).at(t->find_link("leaf1>spine1")->value), 0.25, 1e-12);
}

TEST(Spray, SlowLinkIsABottleneckOfItsOwn) {
  FabricSpec spec = sprayed(fat_tree(32, 8, 2));
  spec.failures = {dead("leaf0>spine1", 0.25)};
  const auto t = build(spec);
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{31}, 0}, Via::kAuto, 0, route));
  double rate = 1e18;
  for (std::size_t i = 0; i < route.resources.size(); ++i) {
    rate = std::min(rate, r->capacity(route.resources[i]) / route.weights[i]);
  }
  EXPECT_DOUBLE_EQ(rate, 400e9) << "a quarter of the flow on a quarter of a link: just enough";
}

TEST(Spray, UsesAllPortsOfTheNicEvenly) {
  const auto t = build(sprayed(planes(PlaneSplit::kPort)));
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{63}, 0}, Via::kAuto, 0, route));
  const auto loads = testing::link_loads(*r, route);
  for (std::uint32_t k = 0; k < 4; ++k) {
    EXPECT_DOUBLE_EQ(loads.at(t->host_link(t->port_of(GpuId{0}, k), false).value), 0.25);
  }
}

TEST(Spray, KeepsRoutesBoundedWhereLinksFailedEverywhere) {
  FabricSpec spec = sprayed(fat_tree(8192, 32, 3));
  spec.failures = {random_links(LinkTier::kSpineCore, 0.1, 3)};
  const auto t = build(spec);
  const auto r = router_of(*t);
  Route route;
  ASSERT_TRUE(r->route({GpuId{0}, GpuId{8191}, 0}, Via::kAuto, 0, route));
  EXPECT_LE(route.resources.size(), 2U + 16U * (2U + 2U * 17U * 2U));
  double up = 0;
  for (std::size_t i = 0; i < route.resources.size(); ++i) {
    const LinkId link = r->pool_link(route.resources[i], 0);
    if (t->tier(link) == LinkTier::kSpineCore && link.value % 2 == 0) up += route.weights[i];
  }
  EXPECT_NEAR(up, 1.0, 1e-12);
}

}  // namespace
}  // namespace weft
