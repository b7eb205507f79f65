// FluidBackend: collectives as flows that share routed links max-min fairly.
#pragma once

#include <cstdint>
#include <functional>

#include "emulator/calibration.h"
#include "emulator/cost.h"
#include "fabric/backend.h"

namespace weft {

struct FluidOptions {
  Constants constants = Constants::ideal();
  // In steps of more than `exact_transfers`, transfers that finish within this share of the elapsed time are taken
  // together; 0: exact.
  double batch_epsilon = 0;
  std::uint64_t exact_transfers = 0;
  // Transfers solved one by one in a step; an all_to_all with more is added up link by link instead (see
  // emulator/fluid/aggregate.h), anything else is refused.
  std::uint64_t max_transfers = 128'000'000;
  // Steps solved of a phase whose pattern changes from step to step, if all of them were too many.
  std::uint32_t sampled_steps = 16;
  bool fold = true;  // solve symmetric parts once
  // Told what the phases of the largest size cost, at the end; may be empty.
  std::function<void(const ScheduleCost&)> on_cost;
};

class FluidBackend final : public Backend {
 public:
  explicit FluidBackend(FluidOptions options) : options_(std::move(options)) {}
  [[nodiscard]] std::string_view name() const override { return "fluid"; }
  // The pattern of a schedule is solved once, at the largest size; the sizes of a sweep scale its data times.
  [[nodiscard]] Expected<Measurement> run(const Topology& topology, const ScheduleFactory& schedule,
                                          const std::vector<Bytes>& sizes, const RunOptions& options) override;

 private:
  FluidOptions options_;
};

}  // namespace weft
