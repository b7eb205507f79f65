// A finished run as a Measurement.
#pragma once

#include "emulator/packet/collective_run.h"
#include "fabric/measurement.h"

namespace weft::packet {

// What was run, without a result.
[[nodiscard]] Measurement report_identity(const Topology& topology, const Schedule& schedule);
// REQUIRES: run.finished().
[[nodiscard]] Measurement report(const Topology& topology, const Schedule& schedule, const Plan& plan, Network& network,
                                 const CollectiveRun& run, bool explain);

}  // namespace weft::packet
