#include "emulator/packet/collective_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace weft::packet {
namespace {

constexpr std::uint64_t kMostSlices = 64;

// What a stage moves: its messages in bytes.
struct Volume {
  std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max(), sum = 0;
};

Volume volume_of(const Stage& stage) {
  Volume v;
  stage.edges([&](const Edge& edge) {
    const auto bytes = static_cast<std::uint64_t>(edge.bytes.count);
    v.smallest = std::min(v.smallest, bytes);
    v.sum += bytes;
  });
  return v;
}

// Slices of a pipelined message, so that no slice of the smallest QP's share is empty.
std::uint32_t slices_of(std::uint64_t smallest, const PlanOptions& options) {
  const std::uint64_t share = smallest / options.qps;
  const std::uint64_t packets = (share + options.mtu - 1) / options.mtu;
  const auto chunk = static_cast<std::uint64_t>(options.pipeline_chunk.count);
  const std::uint64_t wanted = chunk > 0 ? (smallest + chunk - 1) / chunk : kMostSlices;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(std::min(wanted, packets), 1, kMostSlices));
}

class Planner {
 public:
  Planner(const Schedule& schedule, const PlanOptions& options) : schedule_(schedule), options_(options) {}

  Expected<Plan> make() {
    if (auto fits = check_size(); !fits) return tl::unexpected(fits.error());
    for (std::uint32_t p = 0; p < schedule_.phases.size(); ++p) {
      const Phase& phase = schedule_.phases[p];
      if (phase.edge_count == 0 || phase.repeat == 0) continue;
      add_phase(phase, p);
    }
    for (const Block& block : plan_.blocks) cut(block);
    if (steps_ > 0) plan_.share = static_cast<double>(run_) / static_cast<double>(steps_);
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::uint64_t steps_to_run(const Phase& phase) const {
    const bool cut = options_.steps_limit > 0 && phase.coupling == Coupling::kLockstep && phase.depth == 0;
    return cut ? std::min(phase.repeat, options_.steps_limit) : phase.repeat;
  }

  // Before a single edge is produced.
  Expected<void> check_size() {
    double edges = 0, messages = 0;
    for (const Phase& phase : schedule_.phases) {
      const bool lockstep = phase.coupling == Coupling::kLockstep;
      const auto count = static_cast<double>(phase.edge_count);
      edges += count * (lockstep ? 1.0 : static_cast<double>(phase.repeat));
      messages += count * static_cast<double>(steps_to_run(phase));
    }
    const char* way_out = "fewer ranks (--ranks), smaller groups (--group-size), or --backend fluid";
    if (edges > static_cast<double>(options_.max_edges))
      return input_error("too many transfers for the packet engine", fmt::format("{:.4g}", edges),
                         fmt::format("the limit is {}; use {}", options_.max_edges, way_out));
    if (messages > static_cast<double>(options_.max_messages))
      return input_error("too many messages for the packet engine", fmt::format("{:.4g}", messages),
                         fmt::format("the limit is {}; use --steps, {}", options_.max_messages, way_out));
    return {};
  }

  void add_phase(const Phase& phase, std::uint32_t index) {
    const bool joins = phase.overlap_group > 0 && phase.overlap_group == group_ && !plan_.blocks.empty();
    group_ = phase.overlap_group;
    const bool ring = phase.coupling == Coupling::kLockstep && phase.depth == 0;
    const std::uint64_t stages = ring || phase.depth > 0 ? 1 : phase.repeat;
    const std::uint64_t run = steps_to_run(phase);
    if (ring) {
      steps_ += phase.repeat;
      run_ += run;
      if (run < phase.repeat)
        plan_.notes.push_back(fmt::format(
            "phase '{}': only {} of its {} steps were run; the time is theirs, algbw counts their share of the message",
            phase.name, run, phase.repeat));
    }
    for (std::uint64_t step = 0; step < stages; ++step) {
      Stage stage;
      stage.phase = &phase;
      stage.phase_index = index;
      stage.step = step;
      stage.last_of_phase = step + 1 == stages;
      stage.kind = phase.depth > 0 ? StageKind::kTree : ring ? StageKind::kRing : StageKind::kOnce;
      stage.steps = ring ? static_cast<std::uint32_t>(run) : 1;
      const auto at = static_cast<std::uint32_t>(plan_.stages.size());
      plan_.stages.push_back(stage);
      if (joins || (group_ > 0 && step > 0))
        ++plan_.blocks.back().stage_count;
      else
        plan_.blocks.push_back({at, 1});
    }
    plan_.edges += phase.edge_count * stages;
  }

  void cut(const Block& block) {
    Volume all;
    bool tree = false;
    for (std::uint32_t s = block.first_stage; s < block.first_stage + block.stage_count; ++s) {
      const Stage& stage = plan_.stages[s];
      const Volume v = volume_of(stage);
      all.smallest = std::min(all.smallest, v.smallest);
      plan_.bytes += static_cast<double>(v.sum) * stage.steps;
      tree = tree || stage.kind == StageKind::kTree;
    }
    if (block.stage_count == 1 && !tree) return;
    const std::uint32_t slices = slices_of(all.smallest, options_);
    for (std::uint32_t s = block.first_stage; s < block.first_stage + block.stage_count; ++s)
      plan_.stages[s].slices = slices;
  }

  const Schedule& schedule_;
  const PlanOptions& options_;
  Plan plan_;
  std::uint32_t group_ = 0;
  std::uint64_t steps_ = 0, run_ = 0;
};

}  // namespace

Expected<Plan> make_plan(const Schedule& schedule, const PlanOptions& options) {
  return Planner(schedule, options).make();
}

}  // namespace weft::packet
