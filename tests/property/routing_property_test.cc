// What holds for every fabric, routing kind and set of failures.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::build;
using testing::connected;
using testing::every_kind;
using testing::link_loads;
using testing::OpaqueTopology;
using testing::random_links;
using testing::router_of;

FabricSpec some_failures(FabricSpec spec, bool degrade) {
  const double fraction = *rc::gen::element(0.0, 0.05, 0.3);
  const std::uint64_t seed = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  if (spec.topology.tiers >= 2) spec.failures.push_back(random_links(LinkTier::kLeafSpine, fraction, seed));
  if (spec.topology.tiers >= 3) spec.failures.push_back(random_links(LinkTier::kSpineCore, fraction, seed + 1));
  spec.failures.push_back(random_links(LinkTier::kHost, fraction / 4, seed + 2));
  if (degrade && spec.topology.tiers >= 2) {
    spec.failures.push_back(random_links(LinkTier::kLeafSpine, 0.1, seed + 3, 0.5));
  }
  return spec;
}

Connection some_connection(const Topology& t) {
  const auto source = *rc::gen::inRange<std::uint32_t>(0, t.gpu_count());
  const auto other = *rc::gen::inRange<std::uint32_t>(1, t.gpu_count());
  return {GpuId{source}, GpuId{(source + other) % t.gpu_count()}, *rc::gen::inRange<std::uint32_t>(0, 8)};
}

// Up from `a` and down to `b` over live links, to the lowest tier that the leaves share: by ends() and rate() alone.
class UpDownOracle {
 public:
  explicit UpDownOracle(const Topology& t) : t_(&t) {
    for (std::uint32_t l = t.first_fabric_link(); l < t.link_count(); l += 2) {
      const LinkEnds ends = t.ends(LinkId{l});
      built_[key(ends.from)].insert(key(ends.to));
      if (t.rate(LinkId{l}).bits_per_second > 0) live_[key(ends.from)].insert(key(ends.to));
    }
  }
  bool reachable(PortId a, PortId b) const {
    for (const PortId p : {a, b}) {
      if (t_->rate(t_->host_link(p, false)).bits_per_second == 0) return false;
    }
    std::set<Key> up{key(t_->ends(t_->host_link(a, false)).to)}, down{key(t_->ends(t_->host_link(b, false)).to)};
    std::set<Key> built_up = up, built_down = down;
    while (!built_up.empty() && !meet(built_up, built_down)) {
      up = parents(live_, up), down = parents(live_, down);
      built_up = parents(built_, built_up), built_down = parents(built_, built_down);
    }
    return meet(up, down);
  }

 private:
  using Key = std::pair<int, std::uint32_t>;
  using Up = std::map<Key, std::set<Key>>;
  static Key key(NodeRef n) { return {static_cast<int>(n.kind), n.index}; }
  static bool meet(const std::set<Key>& a, const std::set<Key>& b) {
    return std::any_of(a.begin(), a.end(), [&](const Key& k) { return b.count(k) > 0; });
  }
  static std::set<Key> parents(const Up& up, const std::set<Key>& of) {
    std::set<Key> out;
    for (const Key& k : of) {
      if (const auto found = up.find(k); found != up.end()) out.insert(found->second.begin(), found->second.end());
    }
    return out;
  }
  const Topology* t_;
  Up built_, live_;
};

TEST(RouteProperties, EverySinglePathIsConnectedAliveAndEndsWhereItShould) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_failures(fabric, true);
      spec.routing.kind =
          *rc::gen::element(RoutingKind::kEcmp, RoutingKind::kStatic, RoutingKind::kAdaptive, RoutingKind::kFlowlet);
      spec.routing.resilient = *rc::gen::arbitrary<bool>();
      spec.transport.qps_per_connection = 4;
      const auto topology = build(spec);
      const auto graph = OpaqueTopology(*topology);
      const auto router = router_of(*topology), graph_router = router_of(graph);
      Route route;
      for (int i = 0; i < 50; ++i) {
        const Connection c = some_connection(*topology);
        const Via via = *rc::gen::element(Via::kAuto, Via::kRailAligned);
        for (std::uint32_t qp = 0; qp < router->qps(c, via); ++qp) {
          for (Router* r : {router.get(), graph_router.get()}) {
            if (!r->route(c, via, qp, route)) continue;
            const ::testing::AssertionResult ok = connected(*topology, c, route);
            if (!ok) RC_FAIL(std::string(ok.message()));
            RC_ASSERT(route.weights.empty());
            RC_ASSERT(route.delay > Duration{});
          }
        }
      }
    })) << fabric.name;
  }
}

TEST(RouteProperties, ReachabilityUnderFailuresAgreesWithBruteForce) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_failures(fabric, false);
      spec.hosts.scale_up.domain_gpus = 1;  // no way round
      spec.routing.kind = *rc::gen::element(RoutingKind::kEcmp, RoutingKind::kSpray, RoutingKind::kAdaptive);
      const auto topology = build(spec);
      const auto router = router_of(*topology);
      const UpDownOracle oracle(*topology);
      Route route;
      for (int i = 0; i < 50; ++i) {
        const Connection c = some_connection(*topology);
        bool expected = false;
        for (std::uint32_t a = 0; a < topology->ports_per_gpu(); ++a) {
          for (std::uint32_t b = 0; b < topology->ports_per_gpu(); ++b) {
            expected |= oracle.reachable(topology->port_of(c.source, a), topology->port_of(c.destination, b));
          }
        }
        RC_ASSERT(router->route(c, Via::kAuto, 0, route) == expected);
      }
    })) << fabric.name;
  }
}

TEST(RouteProperties, SprayPoolsLoadEveryLinkAsTheEvenSplitOverAllShortestPathsDoes) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_failures(fabric, true);
      spec.routing.kind = RoutingKind::kSpray;
      const auto topology = build(spec);
      const OpaqueTopology graph(*topology);
      const auto pooled = router_of(*topology), enumerated = router_of(graph);
      Route route, expected;
      for (int i = 0; i < 20; ++i) {
        const Connection c = some_connection(*topology);
        // The graph also finds detours that go up twice, which are longer, and counts them where a port has no other
        // way.
        if (!pooled->route(c, Via::kAuto, 0, route)) continue;
        RC_ASSERT(enumerated->route(c, Via::kAuto, 0, expected));
        RC_ASSERT(route.weights.size() == route.resources.size());
        if (expected.delay != route.delay) continue;
        const auto loads = link_loads(*pooled, route), truth = link_loads(*enumerated, expected);
        if (route.resources.size() > 0 && loads.size() != truth.size() && spec.hosts.ports_per_nic > 1) continue;
        RC_ASSERT(loads.size() == truth.size());
        for (const auto& [link, load] : truth) {
          RC_ASSERT(loads.count(link) == 1);
          RC_ASSERT(std::abs(loads.at(link) - load) < 1e-12);
        }
      }
    })) << fabric.name;
  }
}

TEST(RouteProperties, SprayWeightsSumToOneOnEveryTierCrossed) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_failures(fabric, true);
      spec.routing.kind = RoutingKind::kSpray;
      const auto topology = build(spec);
      const auto router = router_of(*topology);
      Route route;
      for (int i = 0; i < 20; ++i) {
        const Connection c = some_connection(*topology);
        if (!router->route(c, Via::kAuto, 0, route)) continue;
        std::map<std::pair<int, bool>, double> sums;
        for (std::size_t k = 0; k < route.resources.size(); ++k) {
          RC_ASSERT(router->pool_size(route.resources[k]) > 0U);
          RC_ASSERT(router->capacity(route.resources[k]) > 0.0);
          const LinkId link = router->pool_link(route.resources[k], 0);
          sums[{static_cast<int>(topology->tier(link)), link.value % 2 == 1}] += route.weights[k];
        }
        for (const auto& [tier, sum] : sums) {
          if (tier.first <= static_cast<int>(LinkTier::kHost)) RC_ASSERT(std::abs(sum - 1) < 1e-12);
          // Ports of one connection on one leaf stay below the spines with their share.
          if (tier.first > static_cast<int>(LinkTier::kHost)) RC_ASSERT(sum < 1 + 1e-12);
        }
        if (spec.hosts.ports_per_nic == 1) {
          for (const auto& [tier, sum] : sums) RC_ASSERT(std::abs(sum - 1) < 1e-12);
        }
      }
    })) << fabric.name;
  }
}

}  // namespace
}  // namespace weft
