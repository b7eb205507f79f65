// A TrafficResult as a Measurement.
#pragma once

#include "dpdk/traffic.h"
#include "fabric/measurement.h"

namespace weft::dpdk {

// One point a stream that was sent, and one for what was received. Provenance: backend and options alone.
[[nodiscard]] Measurement to_measurement(const TrafficOptions& options, const TrafficResult& result);

}  // namespace weft::dpdk
