#include "emulator/fluid/schedule_solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "emulator/congestion_efficiency.h"
#include "emulator/fluid/aggregate.h"
#include "emulator/fluid/completion.h"
#include "emulator/fluid/flows.h"
#include "emulator/fluid/fold.h"

namespace weft {
namespace {

double congestion_share(const Constants& c, const FabricSpec& spec, TrafficClass traffic) {
  return c.count_congestion ? congestion_efficiency(spec, traffic) : 1.0;
}

// NCCL's collectives and its point to point have efficiencies of their own; testers' patterns are plain RDMA writes.
TierShares shares_of(const Constants& c, const FabricSpec& spec, CollectiveKind kind, Via via) {
  const double kept = congestion_share(c, spec, traffic_class(kind));
  const double payload = payload_share(spec, c) * kept;
  if (via == Via::kScaleUpReduce || via == Via::kScaleUpMulticast) return {c.nvls_scale_up, payload, payload};
  switch (kind) {
    case CollectiveKind::kAllReduce:
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kBroadcast:
      return {c.ring_scale_up, payload * c.ring_scale_out, payload};
    case CollectiveKind::kAllToAll:
    case CollectiveKind::kSendRecv:
      return {c.pair_scale_up, payload * c.pair_scale_out, payload};
    default:
      return {c.pair_scale_up, payload, payload};
  }
}

// Hops of a pipelined double tree that stay inside a domain: the chain below each domain's entry. Per channel, N
// domains of p ranks have N (p - 1) edges inside and 2 (N - 1) across; n = N p. Solved for p - 1, in the mean over
// domains.
double chain_hops(const HopSums& hops, std::uint32_t group_size) {
  const double inside = static_cast<double>(hops.scale_up_edges);
  const double across = static_cast<double>(hops.scale_out_edges) / 2;
  const double channels = (inside + across) / (group_size - 1);
  return std::round(inside / (across + channels));
}

// A lockstep lane passes all its hops in turn: each step costs their mean. Elsewhere the slowest hop counts, and a
// tree passes its chains and then the hops across.
void add_hops(const Phase& phase, const HopSums& hops, std::uint32_t group_size, PhaseCost& cost) {
  const double steps = static_cast<double>(phase.move_steps());
  const double edges = static_cast<double>(std::max<std::uint64_t>(1, hops.edges));
  if (phase.via == Via::kScaleUpMulticast) return;  // up to the switch and down from it is one step, counted going up
  if (phase.coupling == Coupling::kLockstep) {
    cost.scale_up_hops = steps * static_cast<double>(hops.scale_up_edges) / edges;
    cost.scale_out_hops = steps * static_cast<double>(hops.scale_out_edges) / edges;
    cost.path_seconds = steps * hops.scale_out_delay_sum / edges;
  } else if (phase.depth > 0) {
    cost.scale_up_hops = std::min(steps, chain_hops(hops, group_size));
    cost.scale_out_hops = steps - cost.scale_up_hops;
    cost.path_seconds = cost.scale_out_hops * hops.scale_out_delay_max;
  } else {
    const bool out = hops.scale_out_edges > 0;
    cost.scale_out_hops = out ? steps : 0;
    cost.scale_up_hops = !out || hops.proxied ? steps : 0;
    cost.path_seconds = steps * hops.scale_out_delay_max;
    cost.messages = steps * hops.messages_per_nic;
  }
}

// A lane behind a hop slower than its hosts' links: steps wait for that one, and what congestion control loses between
// steps elsewhere is hidden. `relief`: the ring's share of a link / that of flows that meet at a bottleneck. Not below
// the time of the hosts' links. False where no lane is slowed.
bool hide_lost_steps(DataTime& data, double relief) {
  constexpr double kRounding = 1.001;  // of the solver; no lane is slowed by less
  const double hosts = data.ideal + data.scale_up + data.protocol;
  const double total = data.total();
  if (total <= kRounding * hosts) return false;
  const double kept = (std::max(hosts, total * relief) - hosts) / (total - hosts);
  for (double* part : {&data.oversubscription, &data.failures, &data.hash_collisions}) *part *= kept;
  return true;
}

void accumulate(DataTime& to, const DataTime& from, double weight) {
  to.ideal += weight * from.ideal;
  to.scale_up += weight * from.scale_up;
  to.protocol += weight * from.protocol;
  to.oversubscription += weight * from.oversubscription;
  to.failures += weight * from.failures;
  to.hash_collisions += weight * from.hash_collisions;
}

void accumulate_links(std::vector<double>& to, const std::vector<double>& from, double weight) {
  for (std::size_t l = 0; l < to.size(); ++l) to[l] += weight * from[l];
}

// Mean rate of each variable that leaves its scale-up domain. Reuses the memory of `flows.work`.
const std::vector<double>& network_rates(FlowSet& flows, const std::vector<double>& finish,
                                         std::uint32_t first_host_link) {
  std::size_t kept = 0;
  for (std::size_t v = 0; v < finish.size(); ++v) {
    const auto first = flows.arrays.resources.begin() + flows.arrays.offsets[v];
    const auto last = flows.arrays.resources.begin() + flows.arrays.offsets[v + 1];
    const bool leaves = std::any_of(first, last, [&](std::uint32_t r) { return r >= first_host_link; });
    if (!leaves || finish[v] <= 0) continue;
    const double bits = flows.transfer_bits.empty() ? flows.work[v] : flows.transfer_bits[v];
    flows.work[kept++] = bits / finish[v];
  }
  flows.work.resize(kept);
  return flows.work;
}

}  // namespace

Expected<SolvedSchedule> ScheduleSolver::solve(const Schedule& schedule) {
  schedule_ = &schedule;
  longest_ = -1;
  out_ = {};
  out_.cost.reference = schedule.size;
  out_.cost.algorithm = schedule.algorithm;
  out_.cost.shards = std::min(schedule.group_size, topology_.spec().hosts.scale_up.domain_gpus);
  out_.bits.assign(topology_.link_count(), 0.0);
  out_.flows.assign(topology_.link_count(), 0.0);
  for (const Phase& phase : schedule.phases) {
    if (phase.via == Via::kScaleUpReduce || phase.via == Via::kScaleUpMulticast) out_.cost.simple_only = true;
    if (phase.edge_count == 0 || phase.repeat == 0) continue;
    auto done = solve_phase(phase);
    if (!done) return tl::unexpected(done.error());
  }
  return std::move(out_);
}

Expected<void> ScheduleSolver::solve_phase(const Phase& phase) {
  const TierShares shares = shares_of(fluid_.constants, topology_.spec(), schedule_->collective, phase.via);
  if (phase.edge_count > fluid_.max_transfers) return aggregate_phase(phase, shares);
  const std::vector<std::uint64_t> steps = steps_to_solve(phase);
  // Steps of one pattern need one solve; `weight` is how many steps each solved one stands for.
  const double weight =
      static_cast<double>(phase.coupling == Coupling::kLockstep ? 1 : phase.repeat) / static_cast<double>(steps.size());
  std::vector<double> seconds;
  Step total;
  const double ring = congestion_share(fluid_.constants, topology_.spec(), traffic_class(schedule_->collective));
  const double pair = congestion_share(fluid_.constants, topology_.spec(), TrafficClass::kPair);
  total.congestion_share = ring;
  DataTime data;
  std::string tier;
  for (const std::uint64_t s : steps) {
    report_progress(phase, seconds.size(), steps.size());
    auto step = solve_step(phase, s, shares);
    if (!step) return tl::unexpected(step.error());
    DataTime part = explain_time(topology_, pools_, step->bits, shares, step->seconds, tier);
    if (router_.weighted()) {  // nothing is hashed: an even split over uneven links is what is left
      (topology_.spec().failing_from_start() ? part.failures : part.oversubscription) += part.hash_collisions;
      part.hash_collisions = 0;
    }
    if (phase.coupling == Coupling::kLockstep && hide_lost_steps(part, ring / pair)) {
      step->seconds = part.total();
      total.congestion_share = pair;
      if (fluid_.constants.count_congestion) out_.counters["slowed_lockstep_phases"] += 1;
    }
    accumulate(data, part, weight);
    accumulate_links(out_.bits, step->bits, weight);
    if (seconds.empty() || step->seconds > *std::max_element(seconds.begin(), seconds.end())) total.slowest = s;
    total.seconds += step->seconds * weight;
    seconds.push_back(step->seconds);
    total.hops = step->hops;
    total.jain = step->jain;
    total.rate_mean = step->rate_mean;
    total.rate_min = step->rate_min;
    total.flows = std::move(step->flows);
  }
  note_sampling(phase, seconds);
  finish_phase(phase, total, data, tier);
  return {};
}

std::vector<std::uint64_t> ScheduleSolver::steps_to_solve(const Phase& phase) const {
  if (!phase.varying) return {0};
  const std::uint64_t affordable =
      std::max<std::uint64_t>(fluid_.sampled_steps, fluid_.max_transfers / (8 * phase.edge_count));
  std::vector<std::uint64_t> steps;
  if (phase.repeat <= affordable) {
    for (std::uint64_t s = 0; s < phase.repeat; ++s) steps.push_back(s);
    return steps;
  }
  // A stratified sample: one random step from each of equal parts of the phase.
  std::mt19937_64 random(run_.seed);
  for (std::uint64_t i = 0; i < fluid_.sampled_steps; ++i) {
    const std::uint64_t first = phase.repeat * i / fluid_.sampled_steps;
    const std::uint64_t last = phase.repeat * (i + 1) / fluid_.sampled_steps;
    steps.push_back(first + random() % (last - first));
  }
  return steps;
}

Expected<ScheduleSolver::Step> ScheduleSolver::solve_step(const Phase& phase, std::uint64_t index,
                                                          const TierShares& shares) {
  auto flows = route_step(topology_, router_, *schedule_, phase, index, run_);
  if (!flows) return tl::unexpected(flows.error());
  Step step;
  step.hops = flows->hops;
  step.bits = link_bits(*flows, router_, topology_.link_count());
  step.flows = link_flows(*flows, router_, topology_.link_count());
  out_.counters["paths_routed"] += static_cast<double>(flows->paths);
  out_.counters["variables"] += static_cast<double>(flows->work.size());
  auto finish = finish_times(*flows, capacity(shares));
  if (!finish) return tl::unexpected(finish.error());
  out_.counters["solves"] += static_cast<double>(finish->solves);
  step.seconds = finish->makespan;
  const std::vector<double>& rates = network_rates(*flows, finish->finish, topology_.first_host_link());
  step.jain = jain_index(rates);
  if (!rates.empty()) {
    step.rate_mean = std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
    step.rate_min = *std::min_element(rates.begin(), rates.end());
  }
  return step;
}

// Hashed paths do not fold; shared (sprayed) and arithmetic ones do, and a class is then solved once.
Expected<Completion> ScheduleSolver::finish_times(const FlowSet& flows, const std::vector<double>& capacity) {
  CompletionOptions options;
  options.batch_epsilon = flows.work.size() > fluid_.exact_transfers ? fluid_.batch_epsilon : 0.0;
  options.threads = run_.threads;
  options.cancelled = run_.cancelled;
  const MaxMinProblem problem = flows.problem(capacity);
  const RoutingKind routing = topology_.spec().routing.kind;
  const bool arithmetic = routing == RoutingKind::kSpray || routing == RoutingKind::kStatic;
  // Equal sizes take one solve, which costs less than finding the classes.
  const bool equal =
      std::adjacent_find(flows.work.begin(), flows.work.end(), std::not_equal_to<>()) == flows.work.end();
  if (!fluid_.fold || !arithmetic || equal) return complete(problem, flows.work, options);
  const auto folded = fold(problem, transpose(problem, run_.threads), flows.work);
  if (!folded) return complete(problem, flows.work, options);
  std::vector<double> class_work(folded->class_size.size());
  for (std::size_t v = 0; v < flows.work.size(); ++v) class_work[folded->variable_class[v]] = flows.work[v];
  auto finish = complete(folded->quotient.view(), class_work, options);
  if (!finish) return finish;
  out_.counters["folded_variables"] += static_cast<double>(class_work.size());
  finish->finish = folded->expand(finish->finish);
  return finish;
}

Expected<void> ScheduleSolver::aggregate_phase(const Phase& phase, const TierShares& shares) {
  const auto* clos = dynamic_cast<const ClosTopology*>(&topology_);
  if (clos == nullptr || schedule_->collective != CollectiveKind::kAllToAll)
    return input_error("too many transfers in one step", fmt::format("{} in phase '{}'", phase.edge_count, phase.name),
                       fmt::format("the limit is {}; use smaller groups (--group-size) or fewer ranks (--ranks)",
                                   fluid_.max_transfers));
  const std::int64_t n = schedule_->group_size;
  const Bytes message{(schedule_->size.count + n - 1) / n};
  auto loads = aggregate_all_to_all(*clos, *schedule_, phase.via, message);
  if (!loads) return tl::unexpected(loads.error());
  Step total;
  total.congestion_share = congestion_share(fluid_.constants, topology_.spec(), traffic_class(schedule_->collective));
  total.hops = loads->hops;
  const double paths_per_bit =
      topology_.spec().transport.qps_per_connection / (8.0 * static_cast<double>(message.count));
  for (const double bits : loads->bits) total.flows.push_back(bits * paths_per_bit);
  std::string tier;
  DataTime data = explain_time(topology_, pools_, loads->bits, shares, 0.0, tier);
  total.seconds = data.total();
  accumulate_links(out_.bits, loads->bits, 1.0);
  out_.notes.push_back(fmt::format(
      "{:.3g} transfers are added up link by link, hashing taken as even: a link carries {:.3g} single paths, so the "
      "fullest lies at most about {:.2f} % above the mean",
      static_cast<double>(phase.edge_count), loads->flows_per_link, 100 * loads->hash_excess));
  finish_phase(phase, total, data, tier);
  return {};
}

void ScheduleSolver::finish_phase(const Phase& phase, Step& total, const DataTime& data, const std::string& tier) {
  PhaseCost cost;
  cost.name = phase.name;
  cost.steps = phase.move_steps();
  cost.data = data;
  cost.depth = phase.depth;
  cost.overlap_group = phase.overlap_group;
  cost.stage = phase.stage;
  cost.congestion_share = total.congestion_share;
  cost.uses_nic = total.hops.scale_out_edges > 0;
  cost.slowest_step = total.slowest;
  cost.binding_tier = tier;
  add_hops(phase, total.hops, schedule_->group_size, cost);
  // The phase that stands for the fabric: the longest of those that use it.
  const double weight = cost.uses_nic ? data.total() + 1 : 0;
  if (weight >= longest_) {
    longest_ = weight;
    out_.flows = std::move(total.flows);
    out_.jain = total.jain;
    if (total.rate_mean > 0) {
      out_.counters["transfer_rate_mean_gbps"] = total.rate_mean / 1e9;
      out_.counters["transfer_rate_min_gbps"] = total.rate_min / 1e9;
    }
  }
  out_.cost.phases.push_back(std::move(cost));
}

void ScheduleSolver::note_sampling(const Phase& phase, const std::vector<double>& seconds) {
  if (!phase.varying || seconds.size() == phase.repeat) return;
  double mean = 0, squares = 0;
  for (const double s : seconds) mean += s / static_cast<double>(seconds.size());
  for (const double s : seconds) squares += (s - mean) * (s - mean);
  const double count = static_cast<double>(seconds.size());
  const double error = std::sqrt(squares / (count - 1) / count) / mean;
  out_.notes.push_back(
      fmt::format("phase '{}': {} of its {} steps were routed and solved, the rest taken as their mean; "
                  "standard error of the mean {:.2f} %",
                  phase.name, seconds.size(), phase.repeat, 100 * error));
}

const std::vector<double>& ScheduleSolver::capacity(const TierShares& shares) {
  if (!capacity_.empty() && capacity_shares_ == shares) return capacity_;
  capacity_.resize(router_.resource_count());
  for (std::uint32_t r = 0; r < capacity_.size(); ++r) {
    // Pools hold links of the fabric only; those of a dead spine hold none.
    const LinkTier tier = r < topology_.link_count() ? topology_.tier(LinkId{r}) : LinkTier::kLeafSpine;
    capacity_[r] = router_.capacity(r) * shares.of(tier);
  }
  capacity_shares_ = shares;
  return capacity_;
}

void ScheduleSolver::report_progress(const Phase& phase, std::size_t done, std::size_t of) const {
  if (run_.progress) run_.progress(phase.name, static_cast<double>(done), static_cast<double>(of));
}

}  // namespace weft
