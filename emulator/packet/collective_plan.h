// A schedule made ready to be executed message by message: blocks, which a rank passes one after the other, of stages,
// which it works on side by side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "fabric/schedule.h"

namespace weft::packet {

// When the next message of an edge may go.
enum class StageKind : std::uint8_t {
  kOnce,  // as soon as the stage is open
  kRing,  // message s of a lane when its source has message s - 1 of that lane
  kTree,  // slice k when its source has slice k of all edges into it that share a lane
};

// One phase, or one step of a phase whose transfers compete freely.
struct Stage {
  const Phase* phase = nullptr;
  std::uint32_t phase_index = 0;
  StageKind kind = StageKind::kOnce;
  std::uint64_t step = 0;    // of a phase that varies
  std::uint32_t steps = 1;   // kRing: messages one after the other
  std::uint32_t slices = 1;  // each of them is cut into
  bool last_of_phase = true;

  [[nodiscard]] std::uint32_t units() const { return steps * slices; }
  [[nodiscard]] bool to_switch() const { return phase->via == Via::kScaleUpReduce; }
  [[nodiscard]] bool from_switch() const { return phase->via == Via::kScaleUpMulticast; }
  void edges(const std::function<void(const Edge&)>& sink) const {
    if (phase->varying)
      phase->edges_at(step, 0, phase->edge_count, sink);
    else
      phase->edges(0, phase->edge_count, sink);
  }
};

// One stage, or all phases of an overlap group, in the order in which data flows through them.
struct Block {
  std::uint32_t first_stage = 0, stage_count = 0;
};

struct PlanOptions {
  std::uint32_t mtu = 4096;
  std::uint32_t qps = 1;                 // of a connection
  Bytes pipeline_chunk{0};               // of a pipelined message; 0: a 64th of it, whole packets
  std::uint64_t steps_limit = 0;         // > 0: of a lockstep phase only this many steps
  std::uint64_t max_edges = 20'000'000;  // of all stages together
  std::uint64_t max_messages = 20'000'000'000;
};

struct Plan {
  std::vector<Stage> stages;
  std::vector<Block> blocks;
  std::uint64_t edges = 0;  // of all stages
  double bytes = 0;         // payload of all transfers
  double share = 1;         // of the steps, where a limit cut them
  std::vector<std::string> notes;
};

// The schedule must outlive the plan. Streams every edge once. Errors: kInput for more than the limits.
[[nodiscard]] Expected<Plan> make_plan(const Schedule& schedule, const PlanOptions& options);

}  // namespace weft::packet
