// Multi-channel rings: all_reduce, all_gather, reduce_scatter, and the pipelined chain of broadcast.
// Source: Thakur, Rabenseifner, Gropp, IJHPCA 2005 (ring reduce-scatter and allgather); NCCL user guide (channels).
#include "fabric/collectives/ring_order.h"

namespace weft::collectives {
namespace {

RingOrderPtr make_order(const Build& build) {
  return std::make_shared<const RingOrder>(host_layout(build), build.shape, build.request.channels);
}

// Edge e of `hops` per ring: ring e / hops (group, then channel), hop e % hops from step first_step(group, channel).
template <typename FirstStep>
void ring_edges(const RingOrder& order, std::uint32_t hops, Bytes per_channel, FirstStep first_step,
                std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
  const std::uint32_t n = order.layout().group_size();
  for (std::uint64_t e = first; e < last;) {
    const auto lane = static_cast<std::uint32_t>(e / hops);
    const std::uint32_t group = lane / order.channels(), channel = lane % order.channels();
    std::uint64_t y = (first_step(group, channel) + e % hops) % n;
    Rank source = order.rank(group, channel, static_cast<std::uint32_t>(y));
    for (const std::uint64_t end = std::min(last, (std::uint64_t{lane} + 1) * hops); e < end; ++e) {
      if (++y == n) y = 0;
      const Rank destination = order.rank(group, channel, static_cast<std::uint32_t>(y));
      sink(Edge{source, destination, lane, channel, per_channel});
      source = destination;
    }
  }
}

// A ring of n hops per channel, one chunk a hop and step.
Phase ring_phase(const RingOrderPtr& order, std::uint64_t repeat, Bytes chunk) {
  const std::uint32_t n = order->layout().group_size();
  Phase phase;
  phase.name = "ring";
  phase.repeat = repeat;
  phase.coupling = Coupling::kLockstep;
  phase.lane_count = order->layout().groups() * order->channels();
  phase.edge_count = std::uint64_t{phase.lane_count} * n;
  phase.edges = [order, n, chunk](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    ring_edges(
        *order, n, chunk, [](std::uint32_t, std::uint32_t) { return 0U; }, first, last, sink);
  };
  return phase;
}

// Calls visit(group, channel, y, source, destination) for every hop of every ring.
template <typename Visit>
void for_each_hop(const RingOrder& order, Visit visit) {
  const std::uint32_t n = order.layout().group_size();
  for (std::uint32_t group = 0; group < order.layout().groups(); ++group)
    for (std::uint32_t channel = 0; channel < order.channels(); ++channel)
      for (std::uint32_t y = 0; y < n; ++y)
        visit(group, channel, y, order.rank(group, channel, y), order.rank(group, channel, (y + 1) % n));
}

Schedule finish(const Build& build, const RingOrder& order, Schedule schedule, Phase phase) {
  const Chunks chunks{build.request.size.count, schedule.chunk_grid};
  schedule.steps = phase.repeat;
  schedule.bytes_sent_per_rank = chunks.largest() * static_cast<std::int64_t>(phase.repeat * order.channels());
  schedule.phases.push_back(std::move(phase));
  return schedule;
}

// Half an all_reduce where chunk (member * channels + channel) belongs to `member`. `lag`: at step t the place y sends
// the chunk of the member at place y - t - lag.
Expected<Schedule> member_ring(const Build& build, bool reduce, std::uint32_t lag) {
  const RingOrderPtr order = make_order(build);
  const std::uint32_t n = build.request.group_size;
  const std::uint64_t m = std::uint64_t{n} * order->channels();
  Schedule schedule = start_schedule(build, m);
  if (n == 1) return schedule;
  Phase phase = ring_phase(order, n - 1, Chunks{build.request.size.count, m}.largest());
  phase.moves = [order, n, reduce, lag](std::uint64_t step, const MoveSink& sink) {
    for_each_hop(*order,
                 [&](std::uint32_t group, std::uint32_t channel, std::uint32_t y, Rank source, Rank destination) {
                   const std::uint32_t owner =
                       order->layout().member_at(group, order->position(group, channel, minus(y, step + lag, n)));
                   const std::uint64_t chunk = std::uint64_t{owner} * order->channels() + channel;
                   sink(Move{source, destination, chunk, chunk, 1, reduce});
                 });
  };
  return finish(build, *order, std::move(schedule), std::move(phase));
}

}  // namespace

// Channel c reduces and gathers chunks [c n, (c+1) n). One pattern, 2(n-1) steps: reduce-scatter, then all-gather.
Expected<Schedule> ring_all_reduce(const Build& build) {
  const RingOrderPtr order = make_order(build);
  const std::uint32_t n = build.request.group_size;
  const std::uint64_t m = std::uint64_t{n} * order->channels();
  Schedule schedule = start_schedule(build, m);
  if (n == 1) return schedule;
  Phase phase = ring_phase(order, 2 * (std::uint64_t{n} - 1), Chunks{build.request.size.count, m}.largest());
  phase.moves = [order, n](std::uint64_t step, const MoveSink& sink) {
    const bool reduce = step < n - 1;
    for_each_hop(*order, [&](std::uint32_t, std::uint32_t channel, std::uint32_t y, Rank source, Rank destination) {
      // After n-1 reducing steps place y holds the sum of chunk y + 1, and that is the first it passes on.
      const std::uint64_t chunk = std::uint64_t{channel} * n + minus(y, step, n);
      sink(Move{source, destination, chunk, chunk, 1, reduce});
    });
  };
  return finish(build, *order, std::move(schedule), std::move(phase));
}

Expected<Schedule> ring_all_gather(const Build& build) { return member_ring(build, false, 0); }

Expected<Schedule> ring_reduce_scatter(const Build& build) { return member_ring(build, true, 1); }

// A chain from the root along each ring, all hops busy at once; channel c carries chunk c.
Expected<Schedule> ring_broadcast(const Build& build) {
  const RingOrderPtr order = make_order(build);
  const std::uint32_t n = build.request.group_size;
  Schedule schedule = start_schedule(build, order->channels());
  if (n == 1) return schedule;
  const Chunks chunks{build.request.size.count, schedule.chunk_grid};
  auto roots = std::make_shared<std::vector<std::uint32_t>>(order->layout().groups());
  for (std::uint32_t group = 0; group < order->layout().groups(); ++group)
    (*roots)[group] = order->layout().position_of(group, build.request.root);
  const auto root_step = [order, roots](std::uint32_t group, std::uint32_t channel) {
    return order->step_of(group, channel, (*roots)[group]);
  };
  Phase phase = ring_phase(order, 1, chunks.largest());
  phase.name = "chain";
  phase.depth = n - 1;
  phase.edge_count = std::uint64_t{phase.lane_count} * (n - 1);
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    ring_edges(*order, n - 1, chunks.largest(), root_step, first, last, sink);
  };
  phase.moves = [=](std::uint64_t step, const MoveSink& sink) {
    for (std::uint32_t group = 0; group < order->layout().groups(); ++group)
      for (std::uint32_t channel = 0; channel < order->channels(); ++channel) {
        const auto y = static_cast<std::uint32_t>((root_step(group, channel) + step) % n);
        sink(Move{order->rank(group, channel, y), order->rank(group, channel, (y + 1) % n), channel, channel});
      }
  };
  schedule.steps = n - 1;
  schedule.bytes_sent_per_rank = chunks.largest() * order->channels();
  schedule.phases.push_back(std::move(phase));
  return schedule;
}

}  // namespace weft::collectives
