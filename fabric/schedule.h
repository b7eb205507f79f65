// Schedule: a collective as transfers with dependencies, without writing a million steps out.
//
// A schedule is a list of phases that run in order. A phase is `repeat` steps of the same traffic
// pattern (same pairs, same bytes; only the chunk indices move), so an engine solves it once. The
// symbolic proof in tests/ executes every step of every phase with `steps(...)`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/ids.h"
#include "fabric/units.h"

namespace weft {

enum class CollectiveKind : std::uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kBroadcast,
  kSendRecv,
  kPermutation,
  kShift,
  kIncast,
  kBisection
};

// What an engine may let go ahead of what.
enum class Coupling : std::uint8_t {
  kIndependent,  // transfers of a step compete freely; the step ends with its last transfer
  kLockstep,     // transfers of one lane advance at one rate: a pipelined ring runs at the pace of its slowest hop
};

// How the bytes travel.
enum class Via : std::uint8_t {
  kAuto,              // scale-up inside a domain, NIC outside
  kRailAligned,       // outside: first through the scale-up domain to the GPU on the receiver's rail (PXN)
  kScaleUpReduce,     // to the domain's switch, which adds up (NVLS): only the up link is loaded
  kScaleUpMulticast,  // from the domain's switch, which copies (NVLS): only the down link is loaded
};

// One edge of a phase's traffic pattern, the same in every repeat. Ranks are global ranks.
struct Edge {
  Rank source, destination;
  // Lockstep unit within the phase (ring channel x group). Pipelined trees: what arrives by an edge is passed on by the
  // edges out of that rank that share a lane with it; an edge carries `lanes` of them. Elsewhere ignored.
  std::uint32_t lane = 0;
  std::uint32_t channel = 0;  // picks the NIC port and enters the QP numbers: channel c of a pair is its own connection
  Bytes bytes;                // payload of ONE step; in a repeated phase that of the largest chunk
  std::uint32_t lanes = 1;
};

// Where a move ends or begins: at a GPU, or in a buffer of the domain's switch (NVLS).
enum class Hop : std::uint8_t {
  kDirect,      // GPU to GPU
  kToSwitch,    // the switch buffer of `destination` adds what `source` sends
  kFromSwitch,  // `destination` takes what the switch buffer of `source` holds; emptied at the end of that step
};

// One symbolic move of one step: `source`'s buffer range goes to `destination`. All moves of a step read
// before any of them writes. A move to oneself is a local copy: it has no edge.
// Chunks [0, chunk_grid) are the buffer, chunks [chunk_grid, 2 chunk_grid) the receive buffer of collectives
// that do not work in place (all_to_all, sendrecv, the patterns).
struct Move {
  Rank source, destination;
  std::uint64_t source_chunk = 0, destination_chunk = 0, chunks = 1;  // in units of the schedule's chunk grid
  bool reduce = false;                                                // add to what is there, or overwrite
  Hop hop = Hop::kDirect;
};

struct Phase {
  std::string name;          // "ring", "scale-up reduce-scatter"
  std::uint64_t repeat = 1;  // steps with this pattern
  Coupling coupling = Coupling::kIndependent;
  Via via = Via::kAuto;
  // Phases with the same overlap group > 0 are pipelined over chunks of the message with one another.
  // Those in the same `stage` of that group share links and add up; different stages overlap.
  // (NVLS: what GPUs send up is stage 0, the scale-out part stage 1, what the switch sends down stage 2.)
  std::uint32_t overlap_group = 0;
  std::uint32_t stage = 0;
  // > 0: a pipelined chain or tree. All edges are busy at once and carry all their bytes (repeat is 1), and the
  // first chunk passes `depth` hops one after the other: latency counts depth hops.
  std::uint64_t depth = 0;
  std::uint64_t edge_count = 0;  // of one step
  std::uint32_t lane_count = 0;  // kLockstep: lanes are [0, lane_count)
  // Calls `sink` for every edge, in a fixed order. Cheap: arithmetic, no tables.
  // Edges are produced in [first, last) so that threads can share the work.
  std::function<void(std::uint64_t first, std::uint64_t last, const std::function<void(const Edge&)>& sink)> edges;
  // The pattern differs from step to step (pairwise exchange): `edges` is empty, and edges_at gives those of step
  // `step` (0 <= step < repeat), edge_count in each.
  bool varying = false;
  std::function<void(std::uint64_t step, std::uint64_t first, std::uint64_t last,
                     const std::function<void(const Edge&)>& sink)>
      edges_at;
  // The moves of step `step` (0 <= step < move_steps()), for the symbolic proof and for execution over verbs.
  std::function<void(std::uint64_t step, const std::function<void(const Move&)>& sink)> moves;

  [[nodiscard]] std::uint64_t move_steps() const { return depth > 0 ? depth : repeat; }
};

class Schedule {
 public:
  CollectiveKind collective = CollectiveKind::kAllReduce;
  std::string algorithm;
  std::uint32_t ranks = 0;       // all groups together
  std::uint32_t group_size = 0;  // ranks of one collective; ranks / group_size run at the same time
  Rank second_member{1};         // of the first group: tells packed from strided groups
  Bytes size{};                  // S as nccl-tests reports it, per group
  std::uint64_t chunk_grid = 1;  // m chunks that S is cut into for `moves`: chunk k is [S k / m, S (k+1) / m)
  std::vector<Phase> phases;
  // Steps on the critical path and bytes one rank sends, as docs/collectives.md states them (per group).
  std::uint64_t steps = 0;
  Bytes bytes_sent_per_rank{};        // the busiest rank's, each message counted as large as its largest chunk
  std::function<GpuId(Rank)> gpu_of;  // the placement; empty: rank r on GPU r
};

// nccl-tests: busbw = algbw x factor. REQUIRES: ranks >= 1. Patterns count as sendrecv: 1.
[[nodiscard]] double bus_bandwidth_factor(CollectiveKind kind, std::uint32_t ranks);
[[nodiscard]] std::string_view name_of(CollectiveKind kind);

}  // namespace weft
