#include "emulator/fluid/routed_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>

#include "emulator/fluid/aggregate.h"
#include "emulator/fluid/completion.h"
#include "emulator/fluid/parallel.h"
#include "topologies/hash.h"

namespace weft {
namespace {

constexpr std::uint64_t kBlockEdges = 1U << 15;
constexpr double kNearly = 1e-6;  // rates that differ by less are equal

// What packets leave of each resource: all but headers. No software is in it.
std::vector<double> wire_capacity(const Topology& topology, const Router& router) {
  const TransportSpec& transport = topology.spec().transport;
  const double payload = static_cast<double>(transport.mtu) / (transport.mtu + transport.header_bytes);
  std::vector<double> capacity(router.resource_count());
  for (std::uint32_t r = 0; r < capacity.size(); ++r)
    capacity[r] = router.capacity(r) * (r < topology.first_host_link() ? 1.0 : payload);
  return capacity;
}

bool all_equal(const std::vector<double>& work) {
  return std::adjacent_find(work.begin(), work.end(), std::not_equal_to<>()) == work.end();
}

}  // namespace

struct RoutedStep::Block {
  std::vector<RoutedPath> paths;
};

Expected<RoutedStep> RoutedStep::solve(const Topology& topology, Router& router, const Schedule& schedule,
                                       const Phase& phase, std::uint64_t step, const FluidOptions& fluid,
                                       const RunOptions& run) {
  RoutedStep out(topology, router, schedule, phase, step, run);
  auto flows = route_step(topology, router, schedule, phase, step, run);
  if (!flows) return tl::unexpected(flows.error());
  out.capacity_ = wire_capacity(topology, router);
  const MaxMinProblem problem = flows->problem(out.capacity_);
  CompletionOptions options;
  options.batch_epsilon = flows->work.size() > fluid.exact_transfers ? fluid.batch_epsilon : 0.0;
  options.threads = run.threads;
  options.cancelled = run.cancelled;
  auto done = complete(problem, flows->work, options);
  if (!done) return tl::unexpected(done.error());
  out.makespan_ = done->makespan;
  std::vector<double> rates(flows->work.size());
  if (all_equal(flows->work)) {
    for (std::size_t v = 0; v < rates.size(); ++v)
      rates[v] = done->finish[v] > 0 ? flows->work[v] / done->finish[v] : 0.0;
  } else {
    MaxMinSolver().solve(problem, transpose(problem, run.threads), rates);
  }
  out.add_up(*flows, rates);
  out.rate_ = std::move(rates);
  out.finish_ = std::move(done->finish);
  out.work_ = std::move(flows->work);
  return out;
}

Expected<RoutedStep> RoutedStep::count(const ClosTopology& topology, Router& router, const Schedule& schedule,
                                       const Phase& phase, const RunOptions& run) {
  RoutedStep out(topology, router, schedule, phase, 0, run);
  const std::int64_t n = schedule.group_size;
  const Bytes message{(schedule.size.count + n - 1) / n};
  const auto loads = aggregate_all_to_all(topology, schedule, phase.via, message);
  if (!loads) return tl::unexpected(loads.error());
  out.capacity_ = wire_capacity(topology, router);
  out.bits_ = loads->bits;
  out.bits_.resize(out.capacity_.size(), 0.0);
  for (std::uint32_t r = topology.link_count(); r < out.bits_.size(); ++r) {
    const std::uint32_t links = router.pool_size(r);
    for (std::uint32_t i = 0; i < links; ++i) out.bits_[r] += loads->bits[router.pool_link(r, i).value];
  }
  const bool pooled = router.weighted();  // a sprayed path knows only pools above its host links
  for (std::uint32_t l = topology.first_fabric_link(); pooled && l < topology.link_count(); ++l) out.bits_[l] = 0;
  for (std::uint32_t r = topology.first_host_link(); r < out.bits_.size(); ++r) {
    if (out.bits_[r] > 0) out.makespan_ = std::max(out.makespan_, out.bits_[r] / out.capacity_[r]);
  }
  out.load_ = out.count_ = out.bits_;
  const double path_bits =
      8.0 * static_cast<double>(message.count) / (pooled ? 1 : topology.spec().transport.qps_per_connection);
  for (double& load : out.load_) load /= std::max(out.makespan_, 1e-300);
  for (double& paths : out.count_) paths /= std::max(path_bits, 1.0);
  return out;
}

void RoutedStep::add_up(const FlowSet& flows, const std::vector<double>& rates) {
  const MaxMinArrays& arrays = flows.arrays;
  bits_.assign(capacity_.size(), 0.0);
  load_ = count_ = fastest_ = bits_;
  for (std::size_t v = 0; v < rates.size(); ++v) {
    for (std::uint32_t e = arrays.offsets[v]; e < arrays.offsets[v + 1]; ++e) {
      const std::uint32_t r = arrays.resources[e];
      const double weight = arrays.weights.empty() ? 1.0 : arrays.weights[e];
      bits_[r] += weight * flows.work[v];
      load_[r] += weight * rates[v];
      count_[r] += weight;
      fastest_[r] = std::max(fastest_[r], rates[v]);
    }
  }
}

bool RoutedStep::saturated(std::uint32_t resource) const {
  return load_[resource] >= capacity_[resource] * (1 - kNearly);
}

void RoutedStep::stream(std::uint64_t first, std::uint64_t last, const std::function<void(const Edge&)>& sink) const {
  if (phase_->varying)
    phase_->edges_at(step_, first, last, sink);
  else
    phase_->edges(first, last, sink);
}

bool RoutedStep::wanted(const PathFilter& filter, const Route& route, std::uint64_t edge, std::uint32_t qp) const {
  for (const std::uint32_t r : route.resources) {
    const std::uint32_t mark = filter.mark[r];
    if (mark == 0) continue;
    if (filter.keep[mark] >= 1) return true;
    const std::uint64_t draw = mix64(mix64(filter.seed + kGolden * r) ^ (edge * 64 + qp));
    if (static_cast<double>(draw >> 11U) * 0x1.0p-53 < filter.keep[mark]) return true;
  }
  return false;
}

void RoutedStep::route_edge(const Edge& edge, std::uint64_t index, const PathFilter& filter, Route& route,
                            Block& block) const {
  const auto gpu = [&](Rank rank) { return schedule_->gpu_of ? schedule_->gpu_of(rank) : GpuId{rank.value}; };
  const Connection connection{gpu(edge.source), gpu(edge.destination), edge.channel};
  const std::uint32_t qps = router_->qps(connection, phase_->via);
  for (std::uint32_t qp = 0; qp < qps; ++qp) {
    route.clear();
    if (!router_->route(connection, phase_->via, qp, route)) return;  // route_step has told of it
    if (!wanted(filter, route, index, qp)) continue;
    RoutedPath path;
    path.edge = index;
    path.connection = connection;
    path.qp = qp;
    path.delay = route.delay;
    const bool lockstep = phase_->coupling == Coupling::kLockstep;
    const std::size_t v = lockstep ? edge.lane : index;
    const double repeat = lockstep ? static_cast<double>(phase_->repeat) : 1.0;
    path.bits = 8.0 * static_cast<double>(edge.bytes.count) / qps * repeat;
    path.rate = work_[v] > 0 ? rate_[v] * path.bits / work_[v] : 0.0;
    path.finish = finish_[v];
    path.held_back = false;
    for (std::size_t i = 0; i < route.resources.size(); ++i) {
      const std::uint32_t r = route.resources[i];
      if (r < topology_->first_host_link()) continue;
      path.resources.push_back(r);
      if (!route.weights.empty()) path.weights.push_back(route.weights[i]);
      if (saturated(r) && rate_[v] >= fastest_[r] * (1 - kNearly)) path.held_back = true;
    }
    if (!path.resources.empty() && path.bits > 0) block.paths.push_back(std::move(path));
  }
}

void RoutedStep::route_block(std::uint64_t first, std::uint64_t last, const PathFilter& filter, Block& block) const {
  Route route;
  std::uint64_t index = first;
  stream(first, last, [&](const Edge& edge) { route_edge(edge, index++, filter, route, block); });
}

Expected<std::vector<RoutedPath>> RoutedStep::paths(const PathFilter& filter) const {
  router_->start_step();
  const std::uint64_t edges = phase_->edge_count;
  std::vector<Block> blocks((edges + kBlockEdges - 1) / kBlockEdges);
  std::atomic<std::size_t> next{0}, found{0};
  const auto stop = [&] { return (run_->cancelled != nullptr && *run_->cancelled) || found > filter.most; };
  const unsigned threads = router_->stateful() ? 1U : resolve_threads(run_->threads);
  parallel_for(threads, threads, [&](std::size_t, std::size_t, std::size_t) {
    for (std::size_t i = next++; i < blocks.size() && !stop(); i = next++) {
      route_block(i * kBlockEdges, std::min(edges, (i + 1) * kBlockEdges), filter, blocks[i]);
      found += blocks[i].paths.size();
    }
  });
  if (found > filter.most)
    return input_error("too many paths cross the links of a component", fmt::format("more than {}", filter.most), "");
  if (stop()) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted while routing", {}, {}, {}});
  std::vector<RoutedPath> all;
  all.reserve(found);
  for (Block& block : blocks) std::move(block.paths.begin(), block.paths.end(), std::back_inserter(all));
  return all;
}

}  // namespace weft
