// Time of one route on the million-GPU rail fabric, by routing kind, healthy and with failed links; and of one switch's
// forwarding of one packet, on the same fabric and on one of 1,024 GPUs.
#include <benchmark/benchmark.h>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/forwarding.h"
#include "topologies/hash.h"
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

// A packet's arrival at a switch, at every hop of paths between random ports.
struct Arrival {
  LinkId link;
  PortId to;
  std::uint64_t digest = 0;
};
std::vector<Arrival> arrivals(const Topology& topology, const Forwarding& forwarding) {
  constexpr std::size_t kArrivals = 4'096;
  std::vector<Arrival> out;
  std::vector<LinkId> path;
  for (std::uint64_t i = 0; out.size() < kArrivals; ++i) {
    const std::uint64_t digest = mix64(i + kGolden);
    const PortId from{static_cast<std::uint32_t>(digest >> 32) % topology.port_count()};
    const PortId to{static_cast<std::uint32_t>(digest) % topology.port_count()};
    path.clear();
    if (!forwarding.path(from, to, digest, path)) continue;
    for (std::size_t hop = 0; hop + 1 < path.size(); ++hop) out.push_back({path[hop], to, digest});
  }
  return out;
}

void forward_one(benchmark::State& state, const FabricSpec& spec, bool hash) {
  const auto topology = build_topology(spec);
  if (!topology) return state.SkipWithError(topology.error().text().c_str());
  const auto forwarding = Forwarding::create(**topology, 1);
  if (!forwarding) return state.SkipWithError(forwarding.error().text().c_str());
  const std::vector<Arrival> packets = arrivals(**topology, **forwarding);
  std::size_t i = 0;
  for (auto _ : state) {
    const Arrival& packet = packets[i];
    i = i + 1 == packets.size() ? 0 : i + 1;
    const NextHops hops = (*forwarding)->next_hops(packet.link, packet.to);
    benchmark::DoNotOptimize(hops.link(0));
    if (hash) benchmark::DoNotOptimize((*forwarding)->hashed_choice(hops, packet.digest));
  }
}

BENCHMARK_CAPTURE(forward_one, next_hops_1024, testing::fat_tree(1024, 16, 3), false);
BENCHMARK_CAPTURE(forward_one, next_hops_and_choice_1024, testing::fat_tree(1024, 16, 3), true);
BENCHMARK_CAPTURE(forward_one, next_hops, fabric(RoutingKind::kEcmp, kHealthy), false);
BENCHMARK_CAPTURE(forward_one, next_hops_and_choice, fabric(RoutingKind::kEcmp, kHealthy), true);
BENCHMARK_CAPTURE(forward_one, next_hops_and_choice_few_failures, fabric(RoutingKind::kEcmp, kFew), true);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
