#include "emulator/verify_interval.h"

#include <algorithm>

namespace weft {

RatioInterval ratio_interval(const std::vector<VerifiedComponent>& components) {
  RatioInterval out;
  for (const VerifiedComponent& c : components) {
    const double ratio = c.grown_packet_seconds > 0 ? c.grown_ratio() : c.ratio();
    if (ratio <= 0) continue;
    out.low = out.low == 0 ? ratio : std::min(out.low, ratio);
    out.high = std::max(out.high, ratio);
  }
  return out;
}

}  // namespace weft
