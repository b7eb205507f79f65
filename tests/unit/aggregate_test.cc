// An all_to_all added up by counting puts on every link what its transfers, routed one by one under spray, put there.
#include "emulator/fluid/aggregate.h"

#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;
using testing::close_to;
using testing::sprayed;

FabricSpec several_nics() {
  FabricSpec s = sprayed(testing::fat_tree(16, 16, 2, 4));
  s.hosts.gpus = s.hosts.scale_up.domain_gpus = 2;
  return s;
}
FabricSpec shared_nic() {
  FabricSpec s = sprayed(testing::fat_tree(16, 8, 3, 4));
  s.hosts.nics = s.hosts.rails = 2;
  return s;
}
FabricSpec oversubscribed() {
  FabricSpec s = sprayed(testing::fat_tree(96, 32, 2));
  s.topology.leaf_oversubscription = 3;
  return s;
}

Mapping mapping_of(MappingKind kind) {
  Mapping mapping;
  mapping.kind = kind;
  mapping.stride = 4;
  return mapping;
}

void expect_same_loads(const FabricSpec& spec, const std::string& algorithm, MappingKind kind, std::uint32_t groups) {
  auto request = ask(CollectiveKind::kAllToAll, algorithm, {Bytes{16 * 9 * 5 * 7 * (1LL << 20)}});
  request.mapping = mapping_of(kind);
  request.collective.group_size = spec.gpu_count() / groups;
  const auto r = testing::routed(spec, request);
  const auto* clos = dynamic_cast<const ClosTopology*>(r.topology.get());
  ASSERT_NE(clos, nullptr);
  const Bytes chunk{r.schedule.size.count / r.schedule.group_size};
  const auto sum = aggregate_all_to_all(*clos, r.schedule, r.schedule.phases.at(0).via, chunk);
  ASSERT_TRUE(sum) << sum.error().text();
  const FlowSet flows = r.flows();
  const std::vector<double> bits = link_bits(flows, *r.router, clos->link_count());
  for (std::uint32_t l = 0; l < clos->link_count(); ++l)
    ASSERT_TRUE(close_to(sum->bits[l], bits[l], 1e-5))
        << spec.name << " " << algorithm << " mapping " << static_cast<int>(kind) << " groups " << groups << " link "
        << clos->name(LinkId{l});
}

TEST(Aggregate, EqualsTheRoutedLoadsLinkByLink) {
  for (const FabricSpec& spec :
       {sprayed(testing::fat_tree(32, 8, 2)), sprayed(testing::fat_tree(16, 8, 3, 4)), several_nics(), shared_nic(),
        oversubscribed(), sprayed(testing::rails(16, 16, 2, RailJoin::kSpine)),
        sprayed(testing::planes(PlaneSplit::kPort)), sprayed(testing::small_dual_tor(3))})
    for (const MappingKind kind : {MappingKind::kPacked, MappingKind::kStrided, MappingKind::kRandom})
      for (const std::uint32_t groups : {1U, 2U}) expect_same_loads(spec, "all_at_once", kind, groups);
}

TEST(Aggregate, RailAlignedEqualsTheRoutedLoadsLinkByLink) {
  for (const FabricSpec& spec :
       {sprayed(testing::rails(16, 16, 2, RailJoin::kSpine)), sprayed(testing::rails(32, 8, 3, RailJoin::kNever)),
        sprayed(testing::rail_only()), sprayed(testing::planes(PlaneSplit::kNic)), sprayed(testing::superpod(8))})
    for (const MappingKind kind : {MappingKind::kPacked, MappingKind::kStrided, MappingKind::kRandom})
      expect_same_loads(spec, "rail_aligned", kind, 1);
}

TEST(Aggregate, EngineTakesTheSameTimeWhenItAddsUp) {
  const FabricSpec spec = oversubscribed();
  const auto topology = testing::topology_of(spec);
  const auto request = ask(CollectiveKind::kAllToAll, "all_at_once");
  const auto placement = make_placement({}, spec.gpu_count(), spec.gpu_count());
  const ScheduleFactory factory = [&](Bytes size, const std::string&) {
    CollectiveRequest collective = request.collective;
    collective.size = size;
    return make_schedule(shape_of(spec), *placement, collective);
  };
  FluidOptions options;
  options.max_transfers = 100;
  const auto m = FluidBackend(options).run(*topology, factory, request.sizes, {});
  ASSERT_TRUE(m) << m.error().text();
  EXPECT_TRUE(close_to(testing::seconds(*m), testing::seconds(testing::run(spec, request))));
  ASSERT_EQ(m->notes.size(), 1U);
  EXPECT_NE(m->notes[0].find("added up link by link"), std::string::npos);
}

TEST(Aggregate, DeadSpineSpreadsOverTheLiveLinks) {
  FabricSpec spec = sprayed(testing::fat_tree(32, 8, 2));
  spec.failures = {testing::dead("spine0")};
  expect_same_loads(spec, "all_at_once", MappingKind::kPacked, 1);
}

TEST(Aggregate, RefusesWhatCountingWouldHideWithTheWayOut) {
  FabricSpec polarized = testing::fat_tree(32, 8, 2), cut = polarized;
  polarized.routing.hash_seed = HashSeed::kShared;
  FabricSpec flowlets = polarized;
  flowlets.routing.kind = RoutingKind::kFlowlet;
  const auto host_cable = testing::routed(cut, ask(CollectiveKind::kAllToAll, "all_at_once"));
  const Topology& healthy = *host_cable.topology;
  cut.failures = {testing::dead(healthy.name(healthy.host_link(PortId{3}, false)))};
  for (const FabricSpec& spec : {polarized, flowlets, cut}) {
    const auto topology = testing::topology_of(spec);
    const auto sum =
        aggregate_all_to_all(dynamic_cast<const ClosTopology&>(*topology), host_cable.schedule, Via::kAuto, Bytes{1});
    ASSERT_FALSE(sum);
    EXPECT_NE(sum.error().text().find("--algorithm pairwise"), std::string::npos);
  }
}

}  // namespace
}  // namespace weft
