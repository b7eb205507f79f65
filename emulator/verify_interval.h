// What the components of a verification say of the whole (docs/verify.md).
#pragma once

#include "fabric/measurement.h"

namespace weft {

// Bounds on (time by packets) / (fluid time) of the step's data time; 0 where no component ended.
struct RatioInterval {
  double low = 0, high = 0;
};

// The step ends with the last of its bottlenecks, so what packets need for it is near the longest packet time P of the
// components, each taken as grown where it was. Around that:
//   s   the larger of: one look at a bottleneck against another, that is the root mean square of the change (log) of
//       the contended components when grown, over sqrt 2; and the spread of the contended ratios (log) of components
//       not much shorter than the step. Where fewer than two were grown, the second alone, or the spread of all ratios.
//       At least kLeastSpread
//   t   Student's two-sided 95 % for that many changes
//   u   longest of the bottlenecks not played, times the largest ratio seen
//   r   spread of the ratios of the components within 5 % of the longest drain, for the n - k others that were not
//       played: z(n) - z(k) deviations, z(n) the normal quantile of n / (n + 1)
//   low = P exp(-t s), high = max(P, u) exp(t s + r (z(n) - z(k)))
inline constexpr double kLeastSpread = 0.02;
[[nodiscard]] RatioInterval ratio_interval(const Verification& v);

}  // namespace weft
