// verify: a fluid prediction refereed by packets. The bottlenecks of its heaviest step are carved out as small fabrics
// and played by the packet engine; what that says of the prediction is an interval on it (docs/verify.md).
#pragma once

#include "emulator/cost.h"
#include "emulator/predict.h"
#include "fabric/backend.h"

namespace weft {

// Packet hops that one carve-out may cost; its bytes are scaled down to it, and twice as many once grown.
inline constexpr double kVerifyHops = 10e6;

// Adds a Verification to `m`, which is the fluid backend's answer; `cost` is that of its largest size.
// Where it is interrupted, what is done stays, and `unfinished` says how many components are not. options.so_far is
// called after each. Errors: kInput where the phase cannot be carved, kEnvironment without ns-3 or for a worker that
// dies.
[[nodiscard]] Expected<void> verify(const Topology& topology, const ScheduleFactory& schedule, const ScheduleCost& cost,
                                    const PredictRequest& request, const RunOptions& options, Measurement& m);

}  // namespace weft
