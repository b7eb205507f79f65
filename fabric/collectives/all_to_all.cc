// all_to_all: chunk j of a rank's buffer goes to member j, into its receive buffer at the sender's place.
// Source: Thakur, Rabenseifner, Gropp, IJHPCA 2005 (pairwise exchange); NCCL 2.12 notes (PXN).
#include "fabric/collectives/pairs.h"

namespace weft::collectives {
namespace {

// Member i of `group` to member i + distance.
struct Transposition {
  LayoutPtr layout;
  [[nodiscard]] PairMessage at(std::uint32_t group, std::uint32_t i, std::uint32_t distance) const {
    const std::uint32_t n = layout->group_size();
    const std::uint32_t j = i < n - distance ? i + distance : i - (n - distance);
    return {layout->rank_of_member(group, i), layout->rank_of_member(group, j), j, std::uint64_t{n} + i, 1};
  }
};

// What stays with its rank: no edge.
void local_copies(const Layout& layout, const MoveSink& sink) {
  const std::uint32_t n = layout.group_size();
  for (std::uint32_t group = 0; group < layout.groups(); ++group)
    for (std::uint32_t i = 0; i < n; ++i) {
      const Rank rank = layout.rank_of_member(group, i);
      sink(Move{rank, rank, i, std::uint64_t{n} + i});
    }
}

Schedule finish(const Build& build, Schedule schedule, Phase phase, std::uint64_t steps) {
  const std::uint32_t n = build.request.group_size;
  schedule.steps = n == 1 ? 0 : steps;
  schedule.bytes_sent_per_rank = Chunks{build.request.size.count, n}.largest() * (static_cast<std::int64_t>(n) - 1);
  schedule.phases.push_back(std::move(phase));
  return schedule;
}

// Message x is (group, sender, distance - 1), the last running fastest: the 66 million of a large run in order.
Phase all_pairs(const Build& build) {
  const std::uint32_t n = build.request.group_size;
  const Transposition pairs{domain_layout(build)};
  Phase phase = pair_phase("all pairs", std::uint64_t{build.request.ranks} * (n - 1), pair_channels(build),
                           Chunks{build.request.size.count, n}, false, [pairs, n](std::uint64_t x) {
                             const auto sender = static_cast<std::uint32_t>(x / (n - 1));
                             return pairs.at(sender / n, sender % n, static_cast<std::uint32_t>(x % (n - 1)) + 1);
                           });
  phase.moves = [pairs, remote = phase.moves](std::uint64_t step, const MoveSink& sink) {
    local_copies(*pairs.layout, sink);
    remote(step, sink);
  };
  return phase;
}

}  // namespace

// Step t: member i sends to i + t + 1. A million steps are one phase whose edges depend on the step.
Expected<Schedule> pairwise_all_to_all(const Build& build) {
  const std::uint32_t n = build.request.group_size;
  const Transposition pairs{domain_layout(build)};
  const auto step_phase = [=, ranks = build.request.ranks, channels = pair_channels(build),
                           chunks = Chunks{build.request.size.count, n}](std::uint64_t step) {
    return pair_phase("pairwise", ranks, channels, chunks, false, [=](std::uint64_t x) {
      return pairs.at(static_cast<std::uint32_t>(x / n), static_cast<std::uint32_t>(x % n),
                      static_cast<std::uint32_t>(step) + 1);
    });
  };
  Phase phase;
  phase.name = "pairwise";
  phase.repeat = n == 1 ? 1 : n - 1;
  phase.varying = true;
  phase.edge_count = n == 1 ? 0 : std::uint64_t{build.request.ranks} * pair_channels(build);
  phase.edges_at = [=](std::uint64_t step, std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    step_phase(step).edges(first, last, sink);
  };
  phase.moves = [=](std::uint64_t step, const MoveSink& sink) {
    if (step == 0) local_copies(*pairs.layout, sink);
    if (n > 1) step_phase(step).moves(0, sink);
  };
  return finish(build, start_schedule(build, n), std::move(phase), n - 1);
}

Expected<Schedule> all_at_once_all_to_all(const Build& build) {
  return finish(build, start_schedule(build, build.request.group_size), all_pairs(build), 1);
}

// As all at once, but what leaves a host crosses first, inside the sender's scale-up domain, to the GPU on the
// receiver's rail, so that no message crosses rails in the network.
Expected<Schedule> rail_aligned_all_to_all(const Build& build) {
  Phase phase = all_pairs(build);
  phase.via = Via::kRailAligned;
  return finish(build, start_schedule(build, build.request.group_size), std::move(phase), 1);
}

}  // namespace weft::collectives
