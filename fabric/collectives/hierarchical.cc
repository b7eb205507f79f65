// Hierarchical collectives: rings inside each scale-up domain, and across domains one ring per place, rail by rail.
// The parts are pipelined over chunks of the message: overlap group 1, stage 0 scale-up, stage 1 scale-out.
// Source: Jeaugey, "Massively scale your deep learning training with NCCL 2.4" (2019), and the two-level algorithms it
// compares with; oracles "hierarchical all_reduce".
#include <fmt/format.h>

#include "fabric/collectives/domains.h"

namespace weft::collectives {
namespace {

// One ring in every domain: step t of p-1 sends shard (place - t - 1) when reducing, (place - t) when gathering.
Phase rings_inside(const Domains& domains, ChunkOrder order, Bytes shard, bool reduce) {
  const std::uint32_t n = domains.layout->group_size(), p = domains.places;
  Phase phase;
  phase.name = reduce ? "scale-up reduce-scatter" : "scale-up all-gather";
  phase.repeat = p - 1;
  phase.coupling = Coupling::kLockstep;
  phase.overlap_group = kOverlapGroup;
  phase.stage = kStageScaleUp;
  phase.lane_count = domains.layout->groups() * domains.count;
  phase.edge_count = std::uint64_t{domains.layout->groups()} * n;
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    for (std::uint64_t e = first; e < last; ++e) {
      const auto group = static_cast<std::uint32_t>(e / n), at = static_cast<std::uint32_t>(e % n);
      const std::uint32_t domain = at / p, place = at % p;
      sink(Edge{domains.rank(group, domain, place), domains.rank(group, domain, (place + 1) % p),
                group * domains.count + domain, 0, shard});
    }
  };
  phase.moves = [=](std::uint64_t step, const MoveSink& sink) {
    for (std::uint32_t group = 0; group < domains.layout->groups(); ++group)
      for (std::uint32_t at = 0; at < n; ++at) {
        const std::uint32_t domain = at / p, place = at % p;
        const std::uint32_t sent = minus(place, step + (reduce ? 1 : 0), p);
        for (std::uint32_t ring = 0; ring < domains.rings; ++ring)
          for (std::uint32_t d = 0; d < domains.count; ++d) {
            const std::uint64_t chunk = chunk_of(domains, order, group, sent * domains.rings + ring, d);
            sink(Move{domains.rank(group, domain, place), domains.rank(group, domain, (place + 1) % p), chunk, chunk, 1,
                      reduce});
          }
      }
  };
  return phase;
}

// Reduce inside, `reducing` and `gathering` across, gather inside: any of them may be left out.
Expected<Schedule> two_level(const Build& build, ChunkOrder order, bool reduce, bool gather) {
  const auto domains = equal_domains(build);
  if (!domains) return tl::unexpected(domains.error());
  const std::uint64_t m = std::uint64_t{domains->channels()} * domains->count;
  const Chunks chunks{build.request.size.count, m};
  const Bytes shard = order == ChunkOrder::kByChannel
                          ? chunks.largest_of(domains->places)
                          : chunks.largest() * (std::int64_t{domains->count} * domains->rings);
  Schedule schedule = start_schedule(build, m);
  const std::uint32_t inside = domains->places - 1, across = domains->count - 1;
  if (reduce && inside > 0) schedule.phases.push_back(rings_inside(*domains, order, shard, true));
  if (across > 0)
    schedule.phases.push_back(
        rings_across(*domains, order, chunks.largest(), reduce ? across : 0, gather ? across : 0));
  if (gather && inside > 0) schedule.phases.push_back(rings_inside(*domains, order, shard, false));
  const std::int64_t passes = (reduce ? 1 : 0) + (gather ? 1 : 0);
  schedule.steps = static_cast<std::uint64_t>(passes) * (std::uint64_t{inside} + across);
  schedule.bytes_sent_per_rank =
      shard * (passes * inside) + chunks.largest() * (passes * across * std::int64_t{domains->rings});
  return schedule;
}

}  // namespace

Expected<Domains> equal_domains(const Build& build) {
  Domains domains;
  domains.layout = domain_layout(build);
  const Layout& layout = *domains.layout;
  if (!layout.even())
    return input_error(
        fmt::format("{} needs groups that take the same number of ranks from each scale-up domain",
                    build.request.algorithm),
        fmt::format("domains with {} ranks", layout.uneven_example()),
        fmt::format("use algorithm ring{}, or groups of a multiple of {} ranks",
                    build.request.kind == CollectiveKind::kAllReduce ? " or tree" : "", build.shape.domain_gpus));
  domains.places = layout.largest_block();
  domains.count = layout.group_size() / domains.places;
  const std::uint32_t channels = build.request.channels;
  domains.rings = channels == 0 ? nics_of(build.shape, 1) : (channels + domains.places - 1) / domains.places;
  return domains;
}

Phase rings_across(const Domains& domains, ChunkOrder order, Bytes chunk, std::uint32_t reducing,
                   std::uint32_t gathering) {
  const std::uint32_t count = domains.count, channels = domains.channels();
  Phase phase;
  phase.name = "scale-out ring";
  phase.repeat = std::uint64_t{reducing} + gathering;
  phase.coupling = Coupling::kLockstep;
  phase.overlap_group = kOverlapGroup;
  phase.stage = kStageScaleOut;
  phase.lane_count = domains.layout->groups() * channels;
  phase.edge_count = std::uint64_t{phase.lane_count} * count;
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    for (std::uint64_t e = first; e < last; ++e) {
      const auto lane = static_cast<std::uint32_t>(e / count), domain = static_cast<std::uint32_t>(e % count);
      const std::uint32_t group = lane / channels, channel = lane % channels, place = channel / domains.rings;
      sink(Edge{domains.rank(group, domain, place), domains.rank(group, (domain + 1) % count, place), lane, channel,
                chunk});
    }
  };
  phase.moves = [=](std::uint64_t step, const MoveSink& sink) {
    const bool reduce = step < reducing;
    const std::uint64_t lag = reduce ? step + 1 : step - reducing;
    for (std::uint32_t group = 0; group < domains.layout->groups(); ++group)
      for (std::uint32_t channel = 0; channel < channels; ++channel)
        for (std::uint32_t domain = 0; domain < count; ++domain) {
          const std::uint32_t place = channel / domains.rings;
          const std::uint64_t sent = chunk_of(domains, order, group, channel, minus(domain, lag, count));
          sink(Move{domains.rank(group, domain, place), domains.rank(group, (domain + 1) % count, place), sent, sent, 1,
                    reduce});
        }
  };
  return phase;
}

Expected<Schedule> hierarchical_all_reduce(const Build& build) {
  return two_level(build, ChunkOrder::kByChannel, true, true);
}

Expected<Schedule> hierarchical_all_gather(const Build& build) {
  return two_level(build, ChunkOrder::kByMember, false, true);
}

Expected<Schedule> hierarchical_reduce_scatter(const Build& build) {
  return two_level(build, ChunkOrder::kByMember, true, false);
}

}  // namespace weft::collectives
