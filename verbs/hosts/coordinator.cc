#include "verbs/hosts/coordinator.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "verbs/hosts/round_run.h"

namespace weft::verbs {
namespace {

std::string new_session() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

std::string flow_name(const std::vector<Party>& parties, const HostFlow& flow) {
  return fmt::format("{} > {}", parties[flow.from].host.name, parties[flow.to].host.name);
}

Expected<std::vector<Party>> greet(const ClusterRequest& request, ClusterResult& result) {
  const std::string session = new_session();
  std::vector<Party> parties(request.hosts.size());
  for_all(parties.size(), [&](std::size_t i) {
    Party& party = parties[i];
    party.host = request.hosts[i];
    party.link = AgentLink::to(party.host, request.security, session, request.weft);
    auto info = party.link->hello(request.hello);
    if (info) party.info = std::move(*info);
    if (!info) party.dead = info.error();
  });
  std::vector<std::string> absent;
  const Party* first = nullptr;
  for (const Party& party : parties) {
    if (!party.dead) continue;
    result.failures.push_back(party.dead->text());
    absent.push_back(party.host.name);
    if (first == nullptr) first = &party;
  }
  if (first == nullptr) return parties;
  for_all(parties.size(), [&](std::size_t i) {
    if (!parties[i].dead) parties[i].link->leave(request.answer);
  });
  Error error = *first->dead;
  if (absent.size() > 1) error.message += fmt::format(" (and {} more of {})", absent.size() - 1, parties.size());
  return tl::unexpected(error);
}

void add_notes(const std::vector<Party>& parties, ClusterResult& result) {
  double error = 0, drift = 0;
  for (const Party& party : parties) {
    if (!party.clock) continue;
    error = std::max(error, static_cast<double>(party.clock->error) / 1e3);
    ClockRelation relation(*party.first_clock);
    relation.close(*party.clock);
    if (const auto ppm = relation.drift_ppm()) drift = std::max(drift, std::abs(*ppm));
    if (!party.info.launcher.empty())
      result.notes.push_back(fmt::format("{} is {}, rank {} of {} of {}", party.host.name, party.info.host,
                                         party.info.rank, party.info.size, party.info.launcher));
    else
      result.notes.push_back(fmt::format("{} is {}", party.host.name, party.info.host));
  }
  result.counters["clock_error_us"] = error;
  if (drift > 0) result.counters["clock_drift_ppm"] = drift;
}

void take(const RoundRun& round, const std::vector<Party>& parties, ClusterResult& result,
          std::vector<PairFigure>& figures) {
  std::map<std::size_t, std::string> failures;  // the first is the likeliest cause
  for (const RoundRun::Flow& flow : round.flows()) {
    result.points.insert(result.points.end(), flow.points.begin(), flow.points.end());
    PairFigure figure{parties[flow.hosts.from].host.name, parties[flow.hosts.to].host.name, {}, 0, !flow.error};
    if (!flow.points.empty()) figure.gbits = flow.points.back().gbits_average;
    figures.push_back(std::move(figure));
    if (flow.error && flow.error->code != ErrorCode::kInterrupted)
      failures.emplace_hint(failures.end(),
                            flow.failed_as != 0 ? flow.failed_as : failures.size() + round.flows().size(),
                            flow_name(parties, flow.hosts) + ": " + flow.error->text());
  }
  for (auto& [order, text] : failures) result.failures.push_back(std::move(text));
  for (const std::string& note : round.notes())
    if (std::ranges::find(result.notes, note) == result.notes.end()) result.notes.push_back(note);
  auto& spread = result.counters["start_spread_us"];
  spread = std::max(spread, round.start_spread_us());
}

// What all ranks have told of a size. Times are the slowest rank's, for a collective is done when all are.
void add_operations(const RoundRun& round, const CollectiveSpec& spec, ClusterResult& result) {
  for (std::size_t i = 0; i < spec.sizes.size(); ++i) {
    Operation operation;
    double wrong = 0;
    std::size_t ranks = 0;
    for (const auto& [host, points] : round.rank_points()) {
      if (i >= points.size()) continue;
      ++ranks;
      operation.size = points[i].size;
      operation.algorithm = points[i].transport;
      operation.time = std::max(operation.time, points[i].time);
      if (const auto at = points[i].counters.find("wrong"); at != points[i].counters.end()) wrong += at->second;
    }
    if (ranks < spec.ranks) return;
    const double seconds = std::max(operation.time.seconds(), 1e-12);
    operation.algbw = static_cast<double>(operation.size.count) / seconds / 1e9;
    operation.busbw = operation.algbw * bus_bandwidth_factor(spec.kind, spec.ranks);
    result.operations.push_back(std::move(operation));
    result.wrong.push_back(static_cast<std::uint64_t>(wrong));
  }
}

void judge(const std::vector<Party>& parties, const std::vector<PairFigure>& figures, const ClusterRequest& request,
           bool stopped, ClusterResult& result) {
  std::vector<std::string> dead;
  for (const Party& party : parties) {
    if (!party.dead) continue;
    dead.push_back(party.host.name);
    result.failures.insert(result.failures.begin(), party.dead->text());
  }
  if (!request.plan.latency && !request.collective && !stopped) result.slow = blame(figures, request.rule);
  result.counters["flows"] = static_cast<double>(figures.size());
  result.counters["flows_failed"] =
      static_cast<double>(std::ranges::count_if(figures, [](const PairFigure& f) { return !f.ended; }));
  if (stopped) {
    result.error = Error{ErrorCode::kInterrupted, "interrupted: what was measured is above", {}, {}, {}};
  } else if (!dead.empty()) {
    result.error = Error{ErrorCode::kEnvironment,
                         fmt::format("{} of {} hosts died", dead.size(), parties.size()),
                         fmt::format("{}", fmt::join(dead, ", ")),
                         "the results of all others are above",
                         {}};
  } else if (!result.failures.empty()) {
    result.error = Error{ErrorCode::kEnvironment,
                         fmt::format("{} of {} flows failed", result.failures.size(), figures.size()),
                         result.failures.front(),
                         {},
                         {}};
  }
}

}  // namespace

ClusterResult run_cluster(const ClusterRequest& request, const OnClusterPoint& on_point,
                          const OnClusterProgress& on_progress, const std::atomic<bool>& stop) {
  ClusterResult result;
  const auto hosts = static_cast<std::uint32_t>(request.hosts.size());
  const auto rounds = request.collective ? make_rounds(Shape::kAllAtOnce, hosts, true)
                                         : make_rounds(request.shape, hosts, request.plan.bidirectional, request.hub);
  if (!rounds) {
    result.error = rounds.error();
    return result;
  }
  auto parties = greet(request, result);
  if (!parties) {
    result.error = parties.error();
    return result;
  }
  std::vector<PairFigure> figures;
  ClusterProgress progress{0, rounds->size(), 0, 0};
  for (const auto& flows : *rounds) {
    if (stop) break;
    ++progress.round;
    progress.flows = flows.size();
    RoundRun round(request, *parties, flows, stop);
    round.run(on_point, [&](std::size_t done) {
      progress.flows_done = done;
      on_progress(progress);
    });
    take(round, *parties, result, figures);
    if (request.collective) add_operations(round, *request.collective, result);
  }
  for_all(parties->size(), [&](std::size_t i) {
    if (!(*parties)[i].dead) (*parties)[i].link->leave(std::chrono::milliseconds(2000));
  });
  add_notes(*parties, result);
  judge(*parties, figures, request, stop, result);
  return result;
}

}  // namespace weft::verbs
