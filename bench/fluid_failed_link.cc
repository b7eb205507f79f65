// One failed link at 131,072 GPUs on eight planes, 4 QPs a connection: the real topology, router and solver.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bench/table.h"
#include "emulator/fluid/flows.h"
#include "emulator/fluid/maxmin_warm.h"
#include "emulator/predict.h"
#include "topologies/build.h"
#include "topologies/spec_yaml.h"

namespace weft::bench {
namespace {

template <typename T>
T must(Expected<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "weft: error: {}\n", result.error().text());
  std::exit(3);
}

FabricSpec spec_with(const std::vector<std::string>& extra) {
  std::vector<std::string> overrides{"transport.qps_per_connection=4"};
  overrides.insert(overrides.end(), extra.begin(), extra.end());
  return must(load_spec(WEFT_SOURCE_DIR "/topologies/specs/planes8-131072.yaml", overrides));
}

Schedule permutation(const Topology& topology) {
  CollectiveRequest request;
  request.kind = CollectiveKind::kPermutation;
  request.size = Bytes{1 << 30};
  const Placement placement = must(make_placement({}, topology.gpu_count(), topology.gpu_count()));
  return must(make_schedule(shape_of(topology.spec()), placement, request));
}

std::vector<double> capacities(const Router& router) {
  std::vector<double> capacity(router.resource_count());
  for (std::uint32_t r = 0; r < capacity.size(); ++r) capacity[r] = router.capacity(r);
  return capacity;
}

// The fabric link that most variables cross.
std::uint32_t fullest_link(const Topology& topology, const Incidence& incidence) {
  std::uint32_t best = topology.first_fabric_link();
  for (std::uint32_t l = best; l < topology.link_count(); ++l)
    if (incidence.degree(l) > incidence.degree(best)) best = l;
  return best;
}

// Reroutes the users of both directions of a dead cable and shares out again.
WarmStats fail_cable(WarmMaxMin& warm, std::uint32_t link, Router& router, const Schedule& schedule) {
  std::vector<std::uint32_t> users = warm.users(link);
  const std::vector<std::uint32_t> other = warm.users(link ^ 1U);
  users.insert(users.end(), other.begin(), other.end());
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  Route route;
  std::vector<std::uint32_t> entries;
  for (const std::uint32_t variable : users) {
    entries.clear();
    schedule.phases[0].edges(variable, variable + 1, [&](const Edge& edge) {
      const Connection connection{schedule.gpu_of(edge.source), schedule.gpu_of(edge.destination), edge.channel};
      for (std::uint32_t qp = 0; qp < router.qps(connection, Via::kAuto); ++qp) {
        if (!router.route(connection, Via::kAuto, qp, route)) std::exit(3);
        entries.insert(entries.end(), route.resources.begin(), route.resources.end());
      }
    });
    warm.set_entries(variable, entries);
  }
  warm.set_capacity(link, 0);
  warm.set_capacity(link ^ 1U, 0);
  return warm.resolve();
}

void failed_link(Table& table) {
  const auto topology = must(build_topology(spec_with({})));
  const auto router = must(Router::create(*topology, 1));
  const Schedule schedule = permutation(*topology);
  RunOptions options;
  const FlowSet flows = must(route_step(*topology, *router, schedule, schedule.phases[0], 0, options));
  const std::vector<double> capacity = capacities(*router);
  const MaxMinProblem problem = flows.problem(capacity);
  const Incidence incidence = transpose(problem);
  MaxMinSolver solver;
  std::vector<double> rates(problem.variable_count());
  const double cold = median_seconds(5, [&] { solver.solve(problem, incidence, rates); });
  const std::uint32_t link = fullest_link(*topology, incidence);

  const auto failed = must(build_topology(
      spec_with({fmt::format("failures=[{{target: link, name: '{}'}}]", topology->name(LinkId{link}))})));
  const auto failed_router = must(Router::create(*failed, 1));
  WarmStats stats;
  std::vector<double> seconds;
  std::vector<double> warm_rates;
  for (int run = 0; run < 5; ++run) {
    WarmMaxMin warm(problem, incidence);
    seconds.push_back(median_seconds(1, [&] { stats = fail_cable(warm, link, *failed_router, schedule); }));
    warm_rates.assign(warm.rates().begin(), warm.rates().end());
  }
  std::sort(seconds.begin(), seconds.end());

  // The same failure from scratch: all flows routed again on the failed fabric, one cold solve.
  const FlowSet again = must(route_step(*failed, *failed_router, schedule, schedule.phases[0], 0, options));
  const std::vector<double> live = capacities(*failed_router);
  const std::vector<double> exact = MaxMinSolver().solve(again.problem(live));
  double worst = 0;
  for (std::size_t v = 0; v < exact.size(); ++v)
    worst = std::max(worst, std::abs(exact[v] - warm_rates[v]) / std::max(exact[v], 1.0));

  fmt::print("{}: {} connections, {} single paths; {} solved again in {} rounds\n", topology->name(LinkId{link}),
             flows.work.size(), flows.paths, stats.active_variables, stats.rounds);
  table.add("failed link, planes8-131072, 4 QPs, re-route and re-solve (s)", seconds[2], "5 % of the cold solve",
            0.05 * cold);
  table.add("same, largest relative difference to routing and solving all", std::max(worst, 1e-16), "limit", 1e-9);
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  CLI::App app{"The fluid engine on a failed link"};
  std::string json;
  bool full = false;
  app.add_option("--json", json, "write the table as JSON");
  app.add_flag("--full", full, "same as without: nothing is left out");
  CLI11_PARSE(app, argc, argv);
  weft::bench::Table table;
  weft::bench::failed_link(table);
  if (!json.empty()) table.write(json);
  return 0;
}
