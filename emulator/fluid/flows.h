// Flows: one step of a phase as a max-min problem, every transfer routed and hashed.
#pragma once

#include <cstdint>
#include <vector>

#include "emulator/fluid/maxmin.h"
#include "fabric/backend.h"
#include "topologies/routing.h"

namespace weft {

// What the routes of a step cost in latency, over its edges.
struct HopSums {
  std::uint64_t edges = 0, scale_up_edges = 0, scale_out_edges = 0;
  double scale_out_delay_sum = 0, scale_out_delay_max = 0;  // seconds, one way
  double messages_per_nic = 0;                              // mean over the NICs of the ranks
  bool proxied = false;                                     // some scale-out route first crosses the scale-up domain
};

// Variables are transfers (their rate is that of one QP, of `qps` in lockstep) or lanes (their rate is that of the
// largest transfer). `work[v]` is the bits that variable v has to move at its rate.
struct FlowSet {
  MaxMinArrays arrays;                // capacity is left empty: the engine keeps one for all steps
  std::vector<double> work;           // bits
  std::vector<double> transfer_bits;  // kIndependent: work x QPs; kLockstep: empty
  HopSums hops;
  std::uint64_t paths = 0;  // single paths routed

  [[nodiscard]] MaxMinProblem problem(const std::vector<double>& capacity) const {
    return {capacity, arrays.offsets, arrays.resources, arrays.weights, arrays.bound};
  }
};

// Routes all edges of step `step` of `phase`.
// Errors: kInput for a pair with no path left, by the names of its GPUs; kInterrupted when cancelled.
[[nodiscard]] Expected<FlowSet> route_step(const Topology& topology, Router& router, const Schedule& schedule,
                                           const Phase& phase, std::uint64_t step, const RunOptions& options);

}  // namespace weft
