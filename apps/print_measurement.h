// A Measurement as text for people.
#pragma once

#include <string>

#include "fabric/measurement.h"

namespace weft {

// The nccl-tests columns, one line a size, then why. `explain`: per-phase times and more.
[[nodiscard]] std::string print_measurement(const Measurement& measurement, bool explain);

}  // namespace weft
