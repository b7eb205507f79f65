// ScheduleSolver: a schedule in, the cost of its phases and the load of every link out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emulator/cost.h"
#include "emulator/fluid/completion.h"
#include "emulator/fluid/engine.h"
#include "emulator/fluid/loads.h"

namespace weft {

// One schedule, solved at its reference size.
struct SolvedSchedule {
  ScheduleCost cost;
  std::vector<double> bits;   // per link, of the whole operation
  std::vector<double> flows;  // per link, of the phase with the longest data time
  double jain = 1;
  std::map<std::string, double> counters;
  std::vector<std::string> notes;
};

// Solves phase after phase. Keeps the capacities between phases and schedules.
class ScheduleSolver {
 public:
  ScheduleSolver(const Topology& topology, Router& router, const FluidOptions& fluid, const RunOptions& run)
      : topology_(topology), router_(router), fluid_(fluid), run_(run), pools_(topology) {}

  // Errors: kInput where a pair has no path or a step has too many transfers; kInterrupted when cancelled.
  [[nodiscard]] Expected<SolvedSchedule> solve(const Schedule& schedule);

 private:
  // One step's outcome. `seconds` of all repeats where the phase is lockstep.
  struct Step {
    double seconds = 0;
    std::uint64_t slowest = 0;  // of several steps, which took longest
    std::vector<double> bits, flows;
    HopSums hops;
    double congestion_share = 1;
    double jain = 1;
    double rate_mean = 0, rate_min = 0;  // bits/s, of transfers that leave their domain, over their time
  };

  Expected<void> solve_phase(const Phase& phase);
  [[nodiscard]] std::vector<std::uint64_t> steps_to_solve(const Phase& phase) const;
  Expected<Step> solve_step(const Phase& phase, std::uint64_t index, const TierShares& shares);
  Expected<Completion> finish_times(const FlowSet& flows, const std::vector<double>& capacity);
  Expected<void> aggregate_phase(const Phase& phase, const TierShares& shares);
  void finish_phase(const Phase& phase, Step& total, const DataTime& data, const std::string& tier);
  void note_sampling(const Phase& phase, const std::vector<double>& seconds);
  // Per resource, bits/s of payload. Kept until a phase of another kind comes.
  const std::vector<double>& capacity(const TierShares& shares);
  void report_progress(const Phase& phase, std::size_t done, std::size_t of) const;

  const Topology& topology_;
  Router& router_;
  const FluidOptions& fluid_;
  const RunOptions& run_;
  LinkPools pools_;
  const Schedule* schedule_ = nullptr;
  std::vector<double> capacity_;
  TierShares capacity_shares_;
  double longest_ = -1;
  SolvedSchedule out_;
};

}  // namespace weft
