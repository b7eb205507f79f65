// The flow-level peer: the same flows on the same links in SimGrid, as pure max-min sharing.
#pragma once

#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft::bench {

struct SimGridRun {
  double platform_s = 0.0;     // building hosts, links and routes
  double run_s = 0.0;          // simulating all flows to the end
  std::vector<double> finish;  // per variable, simulated seconds
};

// Runs every variable as one flow of `bits` over its entries. Once per process: SimGrid's engine is a singleton.
SimGridRun run_simgrid(const MaxMinProblem& problem, double bits);

}  // namespace weft::bench
