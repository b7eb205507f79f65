// When each variable finishes what it has to send, as rates are shared out again after each finish.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft {

struct CompletionOptions {
  // 0: exact, every finish shares out again what it frees. Above 0: batched. Finishes that fall within
  // (1 + batch_epsilon) x the time of the first of them are taken together, and more as long as what they leave unused
  // is below batch_epsilon of what is sent meanwhile; it is shared out when the last of them is done.
  double batch_epsilon = 0.0;
  // Steps through the events even where all sizes are equal and one solve is exact; for tests.
  bool always_step = false;
  unsigned threads = 1;                                     // 0: all cores. The result does not depend on it
  std::function<void(double done, double total)> progress;  // variables finished; at most ten times a second
  const std::atomic<bool>* cancelled = nullptr;             // polled between solves
};

struct Completion {
  std::vector<double> finish;  // per variable, in size units per rate unit (bits and bits/s: seconds);
                               // kUnbounded where a variable can never finish
  std::uint64_t solves = 0;    // how often rates were shared out
  double makespan = 0.0;       // the last finish that is not kUnbounded
};

// Equal sizes need one solve, exactly: whoever finishes first is the fastest, so nobody left had its bottleneck where
// it was (there nobody is faster), and all rates stay as they are until the end.
//
// `sizes`: what each variable has to send at its rate, in rate units x time (bits for bits/s), >= 0; or one value for
// all. A lockstep variable's size is that of one of its parts. Errors: kInput for a bad problem or size, kInterrupted
// when cancelled. Memory besides the problem: about 12 bytes an entry and 40 a variable.
[[nodiscard]] Expected<Completion> complete(const MaxMinProblem& problem, std::span<const double> sizes,
                                            const CompletionOptions& options = {});

}  // namespace weft
