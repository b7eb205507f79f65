#include "emulator/fluid/flows.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "emulator/fluid/parallel.h"

namespace weft {
namespace {

// Edges are routed in blocks; the blocks, in order, are the result, whichever thread routed them.
constexpr std::uint64_t kBlockEdges = 1U << 15;

struct RoutedEdge {
  std::uint32_t entries = 0;
  std::uint32_t lane = 0;
  std::uint32_t qps = 1;
  double bits = 0;
};

struct Block {
  std::vector<RoutedEdge> edges;
  std::vector<std::uint32_t> resources;
  std::vector<double> weights;
  HopSums hops;
};

// What routing one block needs, shared by all of them.
struct Context {
  const Topology& topology;
  Router& router;
  const Schedule& schedule;
  const Phase& phase;
  std::uint64_t step;
};

Error no_path_error(const Context& context, const Edge& edge, GpuId source, GpuId destination) {
  return {ErrorCode::kInput,
          "no path between two GPUs",
          fmt::format("rank {} on {} -> rank {} on {}", edge.source.value,
                      context.topology.name(NodeRef{NodeKind::kGpu, source.value}), edge.destination.value,
                      context.topology.name(NodeRef{NodeKind::kGpu, destination.value})),
          "repair a failure, let rails join, or use an algorithm that stays on rails",
          {}};
}

void count_hops(const Context& context, const Route& route, bool inside, HopSums& hops) {
  ++hops.edges;
  if (inside) {
    ++hops.scale_up_edges;
    return;
  }
  ++hops.scale_out_edges;
  hops.scale_out_delay_sum += route.delay.seconds();
  hops.scale_out_delay_max = std::max(hops.scale_out_delay_max, route.delay.seconds());
  if (!route.resources.empty() && route.resources.front() < context.topology.first_host_link()) hops.proxied = true;
}

// Routes one edge over all its QPs into the block. nullopt: done.
std::optional<Error> route_edge(const Context& context, const Edge& edge, Route& route, Block& block) {
  const auto& gpu_of = context.schedule.gpu_of;
  const GpuId source = gpu_of ? gpu_of(edge.source) : GpuId{edge.source.value};
  const GpuId destination = gpu_of ? gpu_of(edge.destination) : GpuId{edge.destination.value};
  const Connection connection{source, destination, edge.channel};
  const Via via = context.phase.via;
  const std::uint32_t qps = context.router.qps(connection, via);
  const bool inside =
      via == Via::kScaleUpReduce || via == Via::kScaleUpMulticast || context.topology.same_domain(source, destination);
  const std::size_t before = block.resources.size();
  for (std::uint32_t qp = 0; qp < qps; ++qp) {
    route.clear();
    if (!context.router.route(connection, via, qp, route)) return no_path_error(context, edge, source, destination);
    block.resources.insert(block.resources.end(), route.resources.begin(), route.resources.end());
    block.weights.insert(block.weights.end(), route.weights.begin(), route.weights.end());
    if (qp == 0) count_hops(context, route, inside, block.hops);
  }
  block.edges.push_back({static_cast<std::uint32_t>(block.resources.size() - before), edge.lane, qps,
                         8.0 * static_cast<double>(edge.bytes.count)});
  return std::nullopt;
}

Expected<Block> route_block(const Context& context, std::uint64_t first, std::uint64_t last) {
  Block block;
  block.edges.reserve(last - first);
  Route route;
  std::optional<Error> error;
  const auto sink = [&](const Edge& edge) {
    if (!error) error = route_edge(context, edge, route, block);
  };
  if (context.phase.varying)
    context.phase.edges_at(context.step, first, last, sink);
  else
    context.phase.edges(first, last, sink);
  if (error) return tl::unexpected(*error);
  return block;
}

void add_hops(HopSums& to, const HopSums& from) {
  to.edges += from.edges;
  to.scale_up_edges += from.scale_up_edges;
  to.scale_out_edges += from.scale_out_edges;
  to.scale_out_delay_sum += from.scale_out_delay_sum;
  to.scale_out_delay_max = std::max(to.scale_out_delay_max, from.scale_out_delay_max);
  to.proxied = to.proxied || from.proxied;
}

// One variable a transfer.
void append_transfers(FlowSet& set, std::vector<Block>& blocks) {
  std::size_t edges = 0, entries = 0, weights = 0;
  for (const Block& block : blocks) {
    edges += block.edges.size();
    entries += block.resources.size();
    weights += block.weights.size();
  }
  set.arrays.offsets.reserve(edges + 1);
  set.arrays.resources.reserve(entries);
  set.arrays.weights.reserve(weights);
  set.work.reserve(edges);
  set.transfer_bits.reserve(edges);
  for (Block& block : blocks) {
    set.arrays.resources.insert(set.arrays.resources.end(), block.resources.begin(), block.resources.end());
    set.arrays.weights.insert(set.arrays.weights.end(), block.weights.begin(), block.weights.end());
    for (const RoutedEdge& edge : block.edges) {
      set.arrays.offsets.push_back(set.arrays.offsets.back() + edge.entries);
      set.work.push_back(edge.bits / edge.qps);
      set.transfer_bits.push_back(edge.bits);
      set.paths += edge.qps;
    }
    block = Block{};  // 66 M transfers: give the memory back while copying
  }
}

// Sums the entries of all transfers of one lane at a time in a dense table.
class LaneGatherer {
 public:
  LaneGatherer(std::uint32_t resources, FlowSet& set) : share_(resources, 0.0), set_(set) {}

  void add(const RoutedEdge& edge, const std::uint32_t* resources, const double* weights) {
    const double per_qp = edge.bits / edge.qps;
    for (std::uint32_t i = 0; i < edge.entries; ++i) {
      double& share = share_[resources[i]];
      if (share == 0.0) touched_.push_back(resources[i]);
      share += weights == nullptr ? per_qp : per_qp * weights[i];
    }
    largest_ = std::max(largest_, edge.bits);
    set_.paths += edge.qps;
  }
  void end_lane(std::uint64_t repeat) {
    std::sort(touched_.begin(), touched_.end());
    for (const std::uint32_t resource : touched_) {
      if (largest_ > 0) {
        set_.arrays.resources.push_back(resource);
        set_.arrays.weights.push_back(share_[resource] / largest_);
      }
      share_[resource] = 0.0;
    }
    set_.arrays.end_variable();
    set_.work.push_back(largest_ * static_cast<double>(repeat));
    touched_.clear();
    largest_ = 0;
  }

 private:
  std::vector<double> share_;  // bits of this lane's step that cross each resource
  std::vector<std::uint32_t> touched_;
  double largest_ = 0;
  FlowSet& set_;
};

struct LaneEdge {
  std::uint32_t block = 0, edge = 0;
  std::size_t entry = 0;
};

// One variable a lane.
void append_lanes(FlowSet& set, const std::vector<Block>& blocks, const Phase& phase, std::uint32_t resource_count) {
  std::vector<std::size_t> start(phase.lane_count + 1, 0);
  for (const Block& block : blocks)
    for (const RoutedEdge& edge : block.edges) ++start[edge.lane + 1];
  for (std::uint32_t lane = 0; lane < phase.lane_count; ++lane) start[lane + 1] += start[lane];
  std::vector<LaneEdge> order(start.back());
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  for (std::uint32_t b = 0; b < blocks.size(); ++b) {
    std::size_t entry = 0;
    for (std::uint32_t e = 0; e < blocks[b].edges.size(); ++e) {
      order[next[blocks[b].edges[e].lane]++] = {b, e, entry};
      entry += blocks[b].edges[e].entries;
    }
  }
  LaneGatherer gatherer(resource_count, set);
  for (std::uint32_t lane = 0; lane < phase.lane_count; ++lane) {
    for (std::size_t i = start[lane]; i < start[lane + 1]; ++i) {
      const Block& block = blocks[order[i].block];
      gatherer.add(block.edges[order[i].edge], block.resources.data() + order[i].entry,
                   block.weights.empty() ? nullptr : block.weights.data() + order[i].entry);
    }
    gatherer.end_lane(phase.repeat);
  }
}

// Routes all blocks on all threads. Stateful routing is a chain: one thread, in order.
Expected<std::vector<Block>> route_blocks(const Context& context, const RunOptions& options) {
  const std::uint64_t edges = context.phase.edge_count;
  std::vector<Block> blocks((edges + kBlockEdges - 1) / kBlockEdges);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<std::pair<std::size_t, Error>> first_error;  // the lowest block's, whichever thread met it
  const auto worker = [&](std::size_t, std::size_t, std::size_t) {
    for (std::size_t i = next++; i < blocks.size(); i = next++) {
      if (options.cancelled != nullptr && *options.cancelled) return;
      auto block = route_block(context, i * kBlockEdges, std::min(edges, (i + 1) * kBlockEdges));
      if (block) {
        blocks[i] = std::move(*block);
        continue;
      }
      const std::lock_guard lock(mutex);
      if (!first_error || i < first_error->first) first_error.emplace(i, block.error());
      return;
    }
  };
  const unsigned threads = context.router.stateful() ? 1U : resolve_threads(options.threads);
  parallel_for(threads, threads, worker);
  if (first_error) return tl::unexpected(first_error->second);
  if (options.cancelled != nullptr && *options.cancelled)
    return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted while routing", {}, {}, {}});
  return blocks;
}

}  // namespace

Expected<FlowSet> route_step(const Topology& topology, Router& router, const Schedule& schedule, const Phase& phase,
                             std::uint64_t step, const RunOptions& options) {
  router.start_step();
  auto blocks = route_blocks({topology, router, schedule, phase, step}, options);
  if (!blocks) return tl::unexpected(blocks.error());
  FlowSet set;
  for (const Block& block : *blocks) add_hops(set.hops, block.hops);
  if (phase.coupling == Coupling::kLockstep)
    append_lanes(set, *blocks, phase, router.resource_count());
  else
    append_transfers(set, *blocks);
  return set;
}

}  // namespace weft
