// Short ways to run a collective through a backend, for the tests of predictions.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emulator/analytic/analytic.h"
#include "emulator/fluid/engine.h"
#include "emulator/fluid/flows.h"
#include "emulator/predict.h"
#include "tests/support/specs.h"
#include "topologies/build.h"

namespace weft::testing {

inline constexpr std::int64_t kGiB = 1LL << 30;

// No bandwidth lost, `alpha` a step inside and outside the scale-up domain, nothing else.
inline Constants alpha_constants(Duration alpha) {
  Constants c = Constants::ideal();
  for (ProtocolConstants& p : c.protocols) p.scale_up_step = p.scale_out_step = alpha;
  return c;
}

inline FabricSpec sprayed(FabricSpec spec) {
  spec.routing.kind = RoutingKind::kSpray;
  return spec;
}

inline PredictRequest ask(CollectiveKind kind, std::string algorithm, std::vector<Bytes> sizes = {Bytes{kGiB}}) {
  PredictRequest request;
  request.collective.kind = kind;
  request.collective.algorithm = std::move(algorithm);
  request.sizes = std::move(sizes);
  return request;
}

inline std::unique_ptr<Topology> topology_of(const FabricSpec& spec) {
  auto topology = build_topology(spec);
  if (!topology) ADD_FAILURE() << topology.error().text();
  return topology ? std::move(*topology) : nullptr;
}

inline Measurement run(const FabricSpec& spec, PredictRequest request, BackendKind backend = BackendKind::kFluid,
                       std::uint64_t seed = 1, unsigned threads = 1) {
  request.backend = backend;
  RunOptions options;
  options.seed = seed;
  options.threads = threads;
  const auto topology = topology_of(spec);
  if (!topology) return {};
  auto m = predict(*topology, request, options);
  if (!m) ADD_FAILURE() << spec.name << ": " << m.error().text();
  return m ? std::move(*m) : Measurement{};
}

// Seconds of the one size asked for; NaN when there was an error.
inline double seconds(const Measurement& m) {
  return m.operations.empty() ? std::nan("") : m.operations.front().time.seconds();
}

// The first schedule of a request, with its topology and router: what the engine solves.
struct Routed {
  std::unique_ptr<Topology> topology;
  std::unique_ptr<Router> router;
  Schedule schedule;

  [[nodiscard]] FlowSet flows(std::size_t phase = 0, std::uint64_t step = 0) const {
    RunOptions options;
    options.threads = 1;
    auto set = route_step(*topology, *router, schedule, schedule.phases.at(phase), step, options);
    if (!set) ADD_FAILURE() << set.error().text();
    return set ? std::move(*set) : FlowSet{};
  }
  [[nodiscard]] std::vector<double> capacity() const {
    std::vector<double> capacity(router->resource_count());
    for (std::uint32_t r = 0; r < capacity.size(); ++r) capacity[r] = router->capacity(r);
    return capacity;
  }
};

inline Routed routed(const FabricSpec& spec, const PredictRequest& request, std::uint64_t seed = 1) {
  Routed out;
  out.topology = topology_of(spec);
  auto router = Router::create(*out.topology, seed);
  if (!router) ADD_FAILURE() << router.error().text();
  if (router) out.router = std::move(*router);
  const std::uint32_t ranks = request.collective.ranks != 0 ? request.collective.ranks : out.topology->gpu_count();
  const auto placement = make_placement(request.mapping, ranks, out.topology->gpu_count());
  CollectiveRequest collective = request.collective;
  collective.size = request.sizes.front();
  auto schedule = make_schedule(shape_of(spec), *placement, collective);
  if (!schedule) ADD_FAILURE() << schedule.error().text();
  if (schedule) out.schedule = std::move(*schedule);
  return out;
}

// Equal within a millionth.
inline ::testing::AssertionResult close_to(double seen, double wanted, double tolerance = 1e-6) {
  if (std::abs(seen - wanted) <= tolerance * std::abs(wanted) + 1e-11) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << seen << " is not " << wanted << " (ratio " << seen / wanted << ")";
}

}  // namespace weft::testing
