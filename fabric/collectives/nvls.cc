// all_reduce with the reduction in the scale-up switch (NVLS), sharded: GPU j of the domain owns shard j. The switch
// adds up what all p GPUs send of it and hands the sum to j; j carries it across the domains; the switch copies the
// result of j to all. Each GPU sends S + S/p up and takes S/p + S down: factor 1 + 1/p in place of 2(p-1)/p.
// Source: Klenk et al., ISCA 2020 (in-switch collectives); NCCL user guide (NCCL_NVLS_ENABLE, NVLSTree).
#include "fabric/collectives/domains.h"
#include "fabric/collectives/double_tree.h"

namespace weft::collectives {
namespace {

// How a switch phase's bytes count: every GPU's whole buffer, or its shard only.
enum class Part : std::uint8_t { kWhole, kShard };

// Edges of one direction of the switch: one a GPU. Upwards only `source` matters, downwards only `destination`; the
// other end is a peer of the domain.
Phase switch_phase(const Domains& domains, Chunks shards, std::string name, bool up, Part part) {
  const std::uint32_t n = domains.layout->group_size(), p = domains.places;
  Phase phase;
  phase.name = std::move(name);
  phase.via = up ? Via::kScaleUpReduce : Via::kScaleUpMulticast;
  phase.overlap_group = kOverlapGroup;
  phase.stage = up ? kStageScaleUp : kStageScaleUpDown;
  phase.edge_count = std::uint64_t{domains.layout->groups()} * n;
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    for (std::uint64_t e = first; e < last; ++e) {
      const auto group = static_cast<std::uint32_t>(e / n), at = static_cast<std::uint32_t>(e % n);
      const std::uint32_t domain = at / p, place = at % p;
      const Rank self = domains.rank(group, domain, place), peer = domains.rank(group, domain, (place + 1) % p);
      sink(Edge{up ? self : peer, up ? peer : self, 0, 0,
                part == Part::kWhole ? Bytes{shards.size} : shards.range(place, 1)});
    }
  };
  return phase;
}

// Moves between every GPU of a domain and the switch buffer of every owner.
template <typename Visit>
void for_each_owner(const Domains& domains, Visit visit) {
  for (std::uint32_t group = 0; group < domains.layout->groups(); ++group)
    for (std::uint32_t domain = 0; domain < domains.count; ++domain)
      for (std::uint32_t owner = 0; owner < domains.places; ++owner) visit(group, domain, owner);
}

// `all`: every GPU of the domain takes part in the owner's shard; otherwise the owner alone.
void add_moves(Phase& phase, const Domains& domains, std::uint64_t shard_chunks, bool up, bool all) {
  phase.moves = [=](std::uint64_t, const MoveSink& sink) {
    for_each_owner(domains, [&](std::uint32_t group, std::uint32_t domain, std::uint32_t owner) {
      const Rank buffer = domains.rank(group, domain, owner);
      for (std::uint32_t place = all ? 0 : owner; place < (all ? domains.places : owner + 1); ++place) {
        const Rank gpu = domains.rank(group, domain, place);
        sink(Move{up ? gpu : buffer, up ? buffer : gpu, owner * shard_chunks, owner * shard_chunks, shard_chunks, up,
                  up ? Hop::kToSwitch : Hop::kFromSwitch});
      }
    });
  };
}

// The four switch phases around `across`.
void surround(Schedule& schedule, const Domains& domains, Bytes size, std::vector<Phase> across) {
  const std::uint64_t shard_chunks = schedule.chunk_grid / domains.places;
  const Chunks shards{size.count, domains.places};
  const bool switched = domains.places > 1;
  const auto push = [&](const char* name, bool up, Part part) {
    Phase phase = switch_phase(domains, shards, name, up, part);
    add_moves(phase, domains, shard_chunks, up, part == Part::kWhole);
    schedule.phases.push_back(std::move(phase));
  };
  if (switched) {
    push("switch reduce, up", true, Part::kWhole);
    push("switch reduce, down", false, Part::kShard);
    schedule.steps += 1;
  }
  for (Phase& phase : across) {
    schedule.steps += phase.move_steps();
    schedule.phases.push_back(std::move(phase));
  }
  if (switched) {
    push("switch multicast, up", true, Part::kShard);
    push("switch multicast, down", false, Part::kWhole);
    schedule.steps += 1;
  }
}

Expected<Domains> nvls_domains(const Build& build) {
  if (!build.shape.in_network_reduction)
    return input_error("the scale-up domain has no in-network reduction", build.request.algorithm,
                       "use algorithm hierarchical or tree, or set hosts.scale_up.in_network_reduction");
  return equal_domains(build);
}

// What a GPU sends to the switch.
Bytes sent_up(const Domains& domains, Bytes size) {
  if (domains.places == 1) return Bytes{0};
  return size + Chunks{size.count, domains.places}.largest();
}

}  // namespace

Expected<Schedule> nvls_ring_all_reduce(const Build& build) {
  const auto domains = nvls_domains(build);
  if (!domains) return tl::unexpected(domains.error());
  Schedule schedule = start_schedule(build, std::uint64_t{domains->channels()} * domains->count);
  const Bytes chunk = Chunks{build.request.size.count, schedule.chunk_grid}.largest();
  const std::uint32_t across = domains->count - 1;
  std::vector<Phase> phases;
  if (across > 0) phases.push_back(rings_across(*domains, ChunkOrder::kByChannel, chunk, across, across));
  surround(schedule, *domains, build.request.size, std::move(phases));
  schedule.bytes_sent_per_rank =
      sent_up(*domains, build.request.size) + chunk * (2 * std::int64_t{across} * domains->rings);
  return schedule;
}

Expected<Schedule> nvls_tree_all_reduce(const Build& build) {
  const auto domains = nvls_domains(build);
  if (!domains) return tl::unexpected(domains.error());
  Schedule schedule = start_schedule(build, 2 * std::uint64_t{domains->channels()});
  const auto tree =
      std::make_shared<const DoubleTree>(domains->layout, domains->channels(), domains->channels(), false);
  std::vector<Phase> phases;
  if (domains->count > 1)
    for (const bool reduce : {true, false}) {
      phases.push_back(tree_phase(tree, build.request.size, reduce));
      phases.back().overlap_group = kOverlapGroup;
      phases.back().stage = kStageScaleOut;
    }
  surround(schedule, *domains, build.request.size, std::move(phases));
  schedule.bytes_sent_per_rank = busiest_sender(schedule);
  return schedule;
}

}  // namespace weft::collectives
