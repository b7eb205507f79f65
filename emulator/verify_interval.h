// What the components of a verification say of the whole.
#pragma once

#include <vector>

#include "fabric/measurement.h"

namespace weft {

// Bounds on (time by packets) / (fluid time) of the whole step's data time; 0 where no component ended.
struct RatioInterval {
  double low = 0, high = 0;
};
[[nodiscard]] RatioInterval ratio_interval(const std::vector<VerifiedComponent>& components);

}  // namespace weft
