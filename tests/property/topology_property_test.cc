// What every topology keeps, whatever its numbers.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/cabling.h"
#include "topologies/clos.h"

namespace weft {
namespace {

FabricSpec any_spec() {
  FabricSpec s = testing::fat_tree(*rc::gen::inRange(1U, 60U), *rc::gen::element(4U, 8U, 12U, 16U, 20U),
                                   *rc::gen::inRange(0U, 4U), *rc::gen::element(1U, 2U, 4U));
  s.topology.kind = *rc::gen::element(TopologyKind::kFatTree, TopologyKind::kRailOptimized, TopologyKind::kRailOnly,
                                      TopologyKind::kMultiPlane, TopologyKind::kDualTor);
  s.topology.leaf_oversubscription = *rc::gen::element(1.0, 1.5, 2.0, 3.0);
  s.topology.spine_oversubscription = *rc::gen::element(1.0, 3.0, 7.0);
  s.topology.join = *rc::gen::element(RailJoin::kSpine, RailJoin::kCore, RailJoin::kNever);
  s.topology.split = *rc::gen::element(PlaneSplit::kPort, PlaneSplit::kNic);
  s.hosts.ports_per_nic = *rc::gen::element(1U, 2U);
  s.topology.planes =
      s.topology.split == PlaneSplit::kPort ? s.hosts.ports_per_nic : *rc::gen::element(1U, s.hosts.nics);
  s.topology.segment_hosts = *rc::gen::inRange(1U, 8U);
  s.topology.backup_ports = *rc::gen::inRange(0U, 3U);
  s.topology.segments_per_pod = *rc::gen::inRange(1U, 4U);
  if (*rc::gen::arbitrary<bool>()) s.topology.hosts_per_unit = *rc::gen::inRange(1U, 12U);
  if (*rc::gen::arbitrary<bool>()) s.links.spine_core.rate = Rate::gbps(800);
  return s;
}

// Random numbers that give no fabric give an error with words in it, and are left out.
std::unique_ptr<Topology> any_topology(const FabricSpec& spec) {
  auto built = build_topology(spec);
  if (!built) {
    RC_ASSERT(!built.error().message.empty());
    RC_ASSERT(built.error().code == ErrorCode::kInput);
    RC_DISCARD("no fabric");
  }
  return std::move(*built);
}

TEST(TopologyProperty, NamesRoundTrip) {
  EXPECT_TRUE(rc::check([] {
    const auto t = any_topology(any_spec());
    for (std::uint32_t l = 0; l < t->link_count(); ++l) {
      const LinkId link{l};
      RC_ASSERT(t->find_link(t->name(link)) == link);
      const LinkEnds e = t->ends(link);
      RC_ASSERT(t->find_node(t->name(e.from)) == e.from);
      RC_ASSERT(t->find_node(t->name(e.to)) == e.to);
    }
  }));
}

TEST(TopologyProperty, TheTwoDirectionsOfACableAreEachOther) {
  EXPECT_TRUE(rc::check([] {
    const auto t = any_topology(any_spec());
    for (std::uint32_t l = 0; l < t->link_count(); ++l) {
      const LinkEnds a = t->ends(LinkId{l}), b = t->ends(LinkId{l ^ 1U});
      RC_ASSERT(a.from == b.to && a.to == b.from);
      RC_ASSERT(t->tier(LinkId{l}) == t->tier(LinkId{l ^ 1U}));
      RC_ASSERT(t->rate(LinkId{l}) == t->rate(LinkId{l ^ 1U}));
    }
  }));
}

TEST(TopologyProperty, TiersFollowOneAnotherAndLinkIdsAreDense) {
  EXPECT_TRUE(rc::check([] {
    const auto t = any_topology(any_spec());
    std::uint64_t per_tier[4]{};
    for (std::uint32_t l = 0; l < t->link_count(); ++l) {
      ++per_tier[static_cast<int>(t->tier(LinkId{l}))];
      if (l > 0) RC_ASSERT(t->tier(LinkId{l - 1}) <= t->tier(LinkId{l}));
      const LinkEnds e = t->ends(LinkId{l});
      for (const NodeRef n : {e.from, e.to}) {
        if (n.kind == NodeKind::kGpu)
          RC_ASSERT(n.index < t->gpu_count());
        else if (n.kind == NodeKind::kNicPort)
          RC_ASSERT(n.index < t->port_count());
        else
          RC_ASSERT(n.index < t->switch_count(n.kind));
      }
    }
    RC_ASSERT(per_tier[1] == 2 * std::uint64_t{t->port_count()});
  }));
}

TEST(TopologyProperty, EveryDesignIsWired) {
  EXPECT_TRUE(rc::check([] {
    const auto t = any_topology(any_spec());
    const WiringReport report = check_wiring(*t);
    if (!report.good()) RC_FAIL(report.problems.front());
  }));
}

TEST(TopologyProperty, AttachmentIsInjectiveAndWithinTheLeaf) {
  EXPECT_TRUE(rc::check([] {
    const auto t = any_topology(any_spec());
    const auto& clos = dynamic_cast<const ClosTopology&>(*t);
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> seen;
    for (std::uint32_t p = 0; p < t->port_count(); ++p) {
      const Attachment at = clos.attachment(PortId{p});
      RC_ASSERT(at.plane < clos.shape().planes);
      RC_ASSERT(at.leaf < clos.shape().leaves());
      RC_ASSERT(at.leaf_port < clos.shape().leaf_down);
      RC_ASSERT(seen.emplace(at.plane, at.leaf, at.leaf_port).second);
    }
  }));
}

TEST(TopologyProperty, RandomFailuresAreExactInNumber) {
  EXPECT_TRUE(rc::check([] {
    FabricSpec s = any_spec();
    const auto healthy = any_topology(s);
    const LinkTier tier = *rc::gen::element(LinkTier::kHost, LinkTier::kLeafSpine, LinkTier::kSpineCore);
    std::uint32_t n = 0;
    for (std::uint32_t l = 0; l < healthy->link_count(); l += 2) n += healthy->tier(LinkId{l}) == tier ? 1 : 0;
    RC_PRE(n > 0);
    const std::uint32_t count = *rc::gen::inRange(0U, n + 1);
    FailureSpec f;
    f.link_tier = tier;
    f.count = count;
    f.seed = *rc::gen::arbitrary<std::uint64_t>();
    s.failures = {f};
    const auto failed = any_topology(s);
    const auto again = any_topology(s);
    std::uint32_t dead = 0;
    for (std::uint32_t l = 0; l < failed->link_count(); l += 2) {
      RC_ASSERT(failed->rate(LinkId{l}) == again->rate(LinkId{l}));
      if (failed->rate(LinkId{l}).bits_per_second == 0) {
        RC_ASSERT(failed->tier(LinkId{l}) == tier);
        ++dead;
      }
    }
    RC_ASSERT(dead == count);
  }));
}

}  // namespace
}  // namespace weft
