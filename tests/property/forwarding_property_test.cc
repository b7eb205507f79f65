// Forwarding against routes, against itself rebuilt, and against what its own next switches say.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/support/routing_fabrics.h"
#include "topologies/forwarding.h"

namespace weft {
namespace {

using testing::build;
using testing::dead;
using testing::every_kind;
using testing::OpaqueTopology;
using testing::random_links;
using testing::router_of;

std::unique_ptr<Forwarding> forwarding_of(const Topology& topology) {
  auto forwarding = Forwarding::create(topology, 1);
  RC_ASSERT(forwarding.has_value());
  return std::move(*forwarding);
}

FabricSpec some_routing(FabricSpec spec) {
  spec.routing.kind = *rc::gen::element(RoutingKind::kEcmp, RoutingKind::kStatic, RoutingKind::kFlowlet);
  spec.routing.resilient = *rc::gen::arbitrary<bool>();
  spec.routing.hash_udp_source_port = *rc::gen::arbitrary<bool>();
  spec.routing.hash_seed = *rc::gen::element(HashSeed::kPerSwitch, HashSeed::kShared);
  spec.transport.qps_per_connection = 3;
  return spec;
}

FabricSpec some_failures(FabricSpec spec) {
  const double fraction = *rc::gen::element(0.0, 0.05, 0.3);
  const std::uint64_t seed = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  if (spec.topology.tiers >= 2) spec.failures.push_back(random_links(LinkTier::kLeafSpine, fraction, seed));
  if (spec.topology.tiers >= 3) spec.failures.push_back(random_links(LinkTier::kSpineCore, fraction, seed + 1));
  spec.failures.push_back(random_links(LinkTier::kHost, fraction / 2, seed + 2));
  if (spec.hosts.scale_up.domain_gpus > 1) {
    spec.failures.push_back(random_links(LinkTier::kScaleUp, fraction / 2, seed + 3));
  }
  return spec;
}

Connection some_connection(const Topology& t) {
  const auto source = *rc::gen::inRange<std::uint32_t>(0, t.gpu_count());
  const auto other = *rc::gen::inRange<std::uint32_t>(1, t.gpu_count());
  return {GpuId{source}, GpuId{(source + other) % t.gpu_count()}, *rc::gen::inRange<std::uint32_t>(0, 8)};
}

// What a route is made of, out of forwarding's parts. Empty: no way.
std::vector<std::uint32_t> walk(const Topology& t, const Forwarding& f, const Connection& c, Via via,
                                std::uint32_t qp) {
  const auto e = f.endpoints(c, via, qp);
  if (!e) return {};
  std::vector<std::uint32_t> out;
  const auto scale_up = [&](GpuId from, GpuId to) {
    if (via != Via::kScaleUpMulticast) out.push_back(t.scale_up_link(from, false).value);
    if (via != Via::kScaleUpReduce) out.push_back(t.scale_up_link(to, true).value);
  };
  if (e->scale_up_only) {
    scale_up(c.source, c.destination);
    return out;
  }
  if (e->proxy) scale_up(c.source, *e->proxy);
  std::vector<LinkId> links;
  RC_ASSERT(f.path(e->from, e->to, e->digest, links));
  for (const LinkId link : links) out.push_back(link.value);
  return out;
}

TEST(ForwardingProperties, PathsAreTheRoutesOfTheFluidEngine) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      const auto clos = build(some_failures(some_routing(fabric)));
      const OpaqueTopology graph(*clos);
      for (const Topology* t : {static_cast<const Topology*>(clos.get()), static_cast<const Topology*>(&graph)}) {
        const auto router = router_of(*t);
        const auto forwarding = forwarding_of(*t);
        Route route;
        for (int i = 0; i < 20; ++i) {
          const Connection c = some_connection(*t);
          const Via via = *rc::gen::element(Via::kAuto, Via::kRailAligned, Via::kScaleUpReduce, Via::kScaleUpMulticast);
          RC_ASSERT(forwarding->qps(c, via) == router->qps(c, via));
          for (std::uint32_t qp = 0; qp < router->qps(c, via); ++qp) {
            const bool found = router->route(c, via, qp, route);
            RC_ASSERT(walk(*t, *forwarding, c, via, qp) == (found ? route.resources : std::vector<std::uint32_t>{}));
          }
        }
      }
    })) << fabric.name;
  }
}

TEST(ForwardingProperties, SprayedEndpointsAreTheHostLinksOfTheFluidEngine) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_failures(fabric);
      spec.routing.kind = RoutingKind::kSpray;
      const auto t = build(spec);
      const auto router = router_of(*t);
      const auto forwarding = forwarding_of(*t);
      Route route;
      for (int i = 0; i < 20; ++i) {
        const Connection c = some_connection(*t);
        const Via via = *rc::gen::element(Via::kAuto, Via::kRailAligned);
        std::set<std::uint32_t> expected, found;
        if (router->route(c, via, 0, route)) {
          for (const std::uint32_t r : route.resources) {
            if (r < t->first_fabric_link()) expected.insert(r);
          }
        }
        for (std::uint32_t qp = 0; qp < forwarding->qps(c, via); ++qp) {
          const auto e = forwarding->endpoints(c, via, qp);
          if (!e) continue;
          const auto add = [&](LinkId link) { found.insert(link.value); };
          if (e->scale_up_only || e->proxy) {
            add(t->scale_up_link(c.source, false));
            add(t->scale_up_link(e->proxy.value_or(c.destination), true));
          }
          if (e->scale_up_only) continue;
          add(t->host_link(e->from, false));
          add(t->host_link(e->to, true));
          std::vector<LinkId> links;
          RC_ASSERT(forwarding->path(e->from, e->to, e->digest, links));
        }
        RC_ASSERT(found == expected);
      }
    })) << fabric.name;
  }
}

// Cables die and come back in any order; some of them twice.
std::set<std::uint32_t> some_changes(const Topology& t, Forwarding& forwarding) {
  std::set<std::uint32_t> dead_cables;
  const auto changes = *rc::gen::inRange(0, 60);
  for (int i = 0; i < changes; ++i) {
    std::uint32_t cable = *rc::gen::inRange<std::uint32_t>(0, t.link_count() / 2);
    const bool alive = *rc::gen::arbitrary<bool>();
    if (alive && !dead_cables.empty() && *rc::gen::arbitrary<bool>()) cable = *dead_cables.begin();
    forwarding.set_cable(cable, alive);
    alive ? dead_cables.erase(cable) : dead_cables.insert(cable).second;
  }
  return dead_cables;
}

// Any link that leads to a switch.
LinkId some_arrival(const Topology& t) {
  const std::uint32_t host_links = t.first_fabric_link() - t.first_host_link();
  const auto link = t.first_host_link() + *rc::gen::inRange<std::uint32_t>(0, t.link_count() - t.first_host_link());
  return LinkId{link < t.first_host_link() + host_links ? link & ~1U : link};
}

void check_same(const Topology& t, const Forwarding& changed, const Forwarding& fresh) {
  for (int i = 0; i < 50; ++i) {
    const LinkId at = some_arrival(t);
    const PortId to{*rc::gen::inRange<std::uint32_t>(0, t.port_count())};
    const NextHops a = changed.next_hops(at, to), b = fresh.next_hops(at, to);
    RC_ASSERT(a.choices == b.choices && a.group == b.group && a.suspect == b.suspect && a.switch_id == b.switch_id);
    for (std::uint32_t c = 0; c < a.choices; ++c) {
      RC_ASSERT(a.link(c) == b.link(c));
      RC_ASSERT(changed.alive(a, c) == fresh.alive(b, c));
    }
    const std::uint64_t digest = *rc::gen::arbitrary<std::uint64_t>();
    RC_ASSERT(changed.hashed_choice(a, digest) == fresh.hashed_choice(b, digest));
    const Connection c = some_connection(t);
    RC_ASSERT(walk(t, changed, c, Via::kAuto, 0) == walk(t, fresh, c, Via::kAuto, 0));
  }
}

TEST(ForwardingProperties, AfterAnyChangesItIsAsIfBuiltWithTheDeadSet) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      FabricSpec spec = some_routing(fabric);
      const auto healthy = build(spec);
      const OpaqueTopology healthy_graph(*healthy);
      const auto changed = forwarding_of(*healthy), changed_graph = forwarding_of(healthy_graph);
      const std::set<std::uint32_t> dead_cables = some_changes(*healthy, *changed);
      for (const std::uint32_t cable : dead_cables) {
        spec.failures.push_back(dead(healthy->name(LinkId{2 * cable})));
        (void)changed_graph->endpoints({GpuId{0}, GpuId{healthy->gpu_count() - 1}, 0}, Via::kAuto, 0);  // fills caches
        changed_graph->set_cable(cable, false);
      }
      const auto failed = build(spec);
      const OpaqueTopology failed_graph(*failed);
      check_same(*healthy, *changed, *forwarding_of(*failed));
      check_same(*healthy, *changed_graph, *forwarding_of(failed_graph));
    })) << fabric.name;
  }
}

TEST(ForwardingProperties, AChoiceIsAliveWhereItsCableIsAndTheNextSwitchHasOne) {
  for (const FabricSpec& fabric : every_kind()) {
    EXPECT_TRUE(rc::check(fabric.name, [&] {
      const auto clos = build(some_failures(fabric));
      const OpaqueTopology graph(*clos);
      for (const Topology* t : {static_cast<const Topology*>(clos.get()), static_cast<const Topology*>(&graph)}) {
        const auto f = forwarding_of(*t);
        const auto arrives = [&](LinkId link, PortId to) {
          const NextHops hops = f->next_hops(link, to);
          if (hops.choices == 1 && hops.step == NextHops::Step::kNic) return true;
          for (std::uint32_t c = 0; c < hops.choices; ++c) {
            if (f->alive(hops, c)) return true;
          }
          return false;
        };
        for (int i = 0; i < 50; ++i) {
          const LinkId at = some_arrival(*t);
          const PortId to{*rc::gen::inRange<std::uint32_t>(0, t->port_count())};
          const NextHops hops = f->next_hops(at, to);
          for (std::uint32_t c = 0; c < hops.choices; ++c) {
            const LinkId link = hops.link(c);
            RC_ASSERT(t->ends(link).from == t->ends(at).to);
            const bool up = f->cable_alive(link.value / 2);
            if (hops.step == NextHops::Step::kNic) {
              RC_ASSERT(f->alive(hops, c) == up);
            } else if (t != clos.get()) {
              RC_ASSERT(!f->alive(hops, c) || (up && arrives(link, to)));  // a live link may not be a shortest path
            } else {
              RC_ASSERT(f->alive(hops, c) == (up && arrives(link, to)));
            }
            RC_ASSERT(hops.suspect || f->alive(hops, c));
          }
        }
      }
    })) << fabric.name;
  }
}

}  // namespace
}  // namespace weft
