// Components of an all_to_all that is only counted, against the same one routed path by path.
#include "emulator/fluid/counted_components.h"

#include <gtest/gtest.h>

#include "tests/support/components.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;

const RunOptions kRun = testing::one_thread();

FabricSpec rails_of_eight() {
  FabricSpec spec = testing::rails(16, 8, 3, RailJoin::kCore);
  spec.hosts.scale_up.domain_gpus = spec.hosts.gpus;
  return spec;
}

TEST(CountedComponents, DrainsAreThoseOfTheRoutedStep) {
  FabricSpec spec = rails_of_eight();
  spec.routing.kind = RoutingKind::kSpray;  // an even spread, as counting takes it
  const auto r = testing::routed(spec, ask(CollectiveKind::kAllToAll, "rail_aligned"));
  const Phase& phase = r.schedule.phases.at(0);
  const auto& clos = dynamic_cast<const ClosTopology&>(*r.topology);
  const auto counted = RoutedStep::count(clos, *r.router, r.schedule, phase, kRun);
  ASSERT_TRUE(counted.has_value()) << counted.error().text();
  const auto routed = RoutedStep::solve(clos, *r.router, r.schedule, phase, 0, {}, kRun);
  ASSERT_TRUE(routed.has_value()) << routed.error().text();
  for (std::uint32_t l = clos.first_host_link(); l < routed->bits().size(); ++l) {
    EXPECT_TRUE(testing::close_to(counted->bits()[l], routed->bits()[l])) << l;
    EXPECT_TRUE(testing::close_to(counted->count()[l], routed->count()[l])) << l;
  }
}

TEST(CountedComponents, SamplesCrossTheirBottleneckAndFillIt) {
  const FabricSpec spec = rails_of_eight();
  const auto r = testing::routed(spec, ask(CollectiveKind::kAllToAll, "rail_aligned"));
  const auto forwarding = Forwarding::create(*r.topology, 1);
  const ComponentOptions options{.contended = 3, .random = 5, .most_foreground = 6};
  const auto found =
      find_counted_components(*r.topology, *r.router, **forwarding, r.schedule, r.schedule.phases.at(0), options, kRun);
  ASSERT_TRUE(found.has_value()) << found.error().text();
  EXPECT_GE(found->played.size(), 4U);
  for (const Component& component : found->played) {
    ASSERT_TRUE(component.grown.has_value());
    EXPECT_GT(component.grown->flows.size(), component.base.flows.size());
    for (const CarveOut* out : {&component.base, &*component.grown}) {
      EXPECT_EQ(out->foreground(), out->flows.size());
      EXPECT_TRUE(testing::close_to(out->thinning * static_cast<double>(out->flows.size()), component.paths));
      for (const CarvedFlow& flow : out->flows) {
        EXPECT_NE(std::find(flow.resources.begin(), flow.resources.end(), out->resource), flow.resources.end());
        EXPECT_FALSE(flow.path.empty());
        EXPECT_FALSE(flow.back_path.empty());
      }
      const auto fluid = solve_fluid(*out, 1);
      ASSERT_TRUE(fluid.has_value());
      EXPECT_GE(*std::max_element(fluid->begin(), fluid->end()), component.drain * (1 - 1e-6));
    }
  }
}

}  // namespace
}  // namespace weft
