// Time of one route on the million-GPU rail fabric, by routing kind, healthy and with failed links.
#include <benchmark/benchmark.h>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/routing.h"

namespace weft {
namespace {

FabricSpec fabric(RoutingKind kind, double failed_fraction) {
  FabricSpec spec = testing::rail_1m();
  spec.routing.kind = kind;
  if (failed_fraction > 0) {
    FailureSpec failure;
    failure.link_tier = LinkTier::kLeafSpine;
    failure.fraction = failed_fraction;
    spec.failures = {failure};
    failure.link_tier = LinkTier::kSpineCore;
    spec.failures.push_back(failure);
  }
  return spec;
}

void route_one(benchmark::State& state, RoutingKind kind, double failed_fraction) {
  const auto topology = build_topology(fabric(kind, failed_fraction));
  if (!topology) return state.SkipWithError(topology.error().text().c_str());
  const auto router = Router::create(**topology, 1);
  if (!router) return state.SkipWithError(router.error().text().c_str());
  const std::uint32_t gpus = (*topology)->gpu_count();
  Route route;
  std::uint32_t source = 0;
  for (auto _ : state) {
    source = source + 1 == gpus ? 0 : source + 1;  // as the edges of a collective come
    const Connection c{GpuId{source}, GpuId{(source + 524'288U + source % 4096 * 8) % gpus}, source % 8};
    benchmark::DoNotOptimize((*router)->route(c, Via::kAuto, 0, route));
    benchmark::DoNotOptimize(route.resources.data());
  }
  state.counters["entries"] = static_cast<double>(route.resources.size());
}

// Ten failed links of a million in each tier; and one in a hundred.
constexpr double kHealthy = 0, kFew = 1e-5, kMany = 1e-2;
BENCHMARK_CAPTURE(route_one, ecmp, RoutingKind::kEcmp, kHealthy);
BENCHMARK_CAPTURE(route_one, ecmp_few_failures, RoutingKind::kEcmp, kFew);
BENCHMARK_CAPTURE(route_one, ecmp_many_failures, RoutingKind::kEcmp, kMany);
BENCHMARK_CAPTURE(route_one, static, RoutingKind::kStatic, kHealthy);
BENCHMARK_CAPTURE(route_one, adaptive, RoutingKind::kAdaptive, kHealthy);
BENCHMARK_CAPTURE(route_one, spray, RoutingKind::kSpray, kHealthy);
BENCHMARK_CAPTURE(route_one, spray_few_failures, RoutingKind::kSpray, kFew);
BENCHMARK_CAPTURE(route_one, spray_many_failures, RoutingKind::kSpray, kMany);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
