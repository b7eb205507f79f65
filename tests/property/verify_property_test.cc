// A carve-out holds every flow of the step where it stands: the max-min rates of the whole are those of the part.
#include <fmt/format.h>
#include <rapidcheck.h>

#include "tests/support/components.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;
using Kind = CollectiveKind;

FabricSpec random_fabric() {
  static const std::vector<FabricSpec> fabrics{testing::fat_tree(32, 8, 2),
                                               testing::fat_tree(64, 8, 3),
                                               testing::fat_tree(8, 16, 2, 4),
                                               testing::rails(16, 16, 2, RailJoin::kSpine),
                                               testing::rails(16, 8, 3, RailJoin::kCore),
                                               testing::trunked()};
  FabricSpec s = *rc::gen::elementOf(fabrics);
  s.routing.kind = *rc::gen::element(RoutingKind::kEcmp, RoutingKind::kSpray, RoutingKind::kStatic,
                                     RoutingKind::kAdaptive, RoutingKind::kFlowlet);
  s.routing.seed = *rc::gen::inRange<std::uint64_t>(1, 100);
  s.transport.qps_per_connection = *rc::gen::element(1U, 2U, 4U);
  s.topology.leaf_oversubscription = *rc::gen::element(1.0, 1.0, 3.0);
  return s;
}

PredictRequest random_request() {
  const Kind kind = *rc::gen::element(Kind::kPermutation, Kind::kShift, Kind::kIncast, Kind::kBisection,
                                      Kind::kAllReduce, Kind::kAllToAll);
  PredictRequest request = ask(kind, kind == Kind::kAllReduce ? "ring" : "", {Bytes{1 << 24}});
  if (kind == Kind::kAllToAll) request.collective.algorithm = "all_at_once";
  if (kind == Kind::kIncast) request.collective.fan_in = *rc::gen::inRange(2U, 6U);
  request.mapping.kind = *rc::gen::element(MappingKind::kPacked, MappingKind::kRandom);
  return request;
}

void holds_all_that_stands_there(const CarveOut& out) {
  const std::vector<double> rates = fluid_rates(out);
  std::vector<double> load(out.capacity.size(), 0.0);
  for (std::size_t i = 0; i < out.flows.size(); ++i) {
    const CarvedFlow& flow = out.flows[i];
    if (!testing::close_to(rates[i], flow.rate, 1e-6))
      RC_FAIL(fmt::format("{}: flow {} of {} ({}) has {} bits/s, in the whole step {}", out.bottleneck, i,
                          out.flows.size(), flow.foreground ? "foreground" : "background", rates[i], flow.rate));
    for (std::size_t e = 0; e < flow.resources.size(); ++e) {
      load[flow.resources[e]] += flow.rate * (flow.weights.empty() ? 1.0 : flow.weights[e]);
    }
  }
  for (std::size_t r = 0; r < load.size(); ++r) RC_ASSERT(load[r] <= out.capacity[r] * (1 + 1e-6));
}

TEST(VerifyProperty, CarvedFluidSolveReproducesTheRatesOfTheWhole) {
  RC_ASSERT(rc::check([] {
    const FabricSpec spec = random_fabric();
    const PredictRequest request = random_request();
    const auto c = testing::carve(spec, request, {.contended = 3, .random = 3}, *rc::gen::inRange<std::uint64_t>(1, 9));
    RC_LOG() << spec.name << ", routing " << static_cast<int>(spec.routing.kind) << ", "
             << name_of(request.collective.kind) << ", QPs " << spec.transport.qps_per_connection;
    RC_PRE(!c.components.played.empty());
    for (const Component& component : c.components.played) {
      if (component.base.thinning > 1) continue;  // a sample has the mean of the rates
      holds_all_that_stands_there(component.base);
      if (component.grown) holds_all_that_stands_there(*component.grown);
      RC_ASSERT(component.base.foreground() > 0U);
      // The bottleneck itself: as full in the part as in the whole.
      double across = 0;
      for (const CarvedFlow& flow : component.base.flows)
        for (std::size_t e = 0; e < flow.resources.size(); ++e)
          if (flow.resources[e] == component.base.resource)
            across += flow.rate * (flow.weights.empty() ? 1.0 : flow.weights[e]);
      RC_ASSERT(testing::close_to(across, c.step->load()[component.resource], 1e-6));
    }
  }));
}

}  // namespace
}  // namespace weft
