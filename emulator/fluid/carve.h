// Carver: paths of a routed step in, a CarveOut out.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "emulator/carve_out.h"
#include "emulator/fluid/routed_step.h"
#include "topologies/forwarding.h"

namespace weft {

class Carver {
 public:
  // All must outlive it.
  Carver(const RoutedStep& step, const Forwarding& forwarding, Via via, std::uint32_t most_flows)
      : step_(step), forwarding_(forwarding), topology_(step.topology()), via_(via), most_flows_(most_flows) {}

  // The bottleneck, its flows and their paths; `others` cross these paths elsewhere. The max-min rates of the step are
  // those of the carve-out, since every flow has its bottleneck in it or a limit. Others that share the same links of
  // the foreground are merged where they are too many; what then is beyond the limit is taken off the links' rates.
  [[nodiscard]] CarveOut carve(std::uint32_t resource, std::span<const RoutedPath> foreground,
                               std::span<const RoutedPath> others) const;
  // `foreground` is a sample; each stands for `thinning` flows and sends and gets as many times as much. All that is
  // not in the sample is taken off the rates of the links, the bottleneck's apart.
  [[nodiscard]] CarveOut carve_sample(std::uint32_t resource, std::span<const RoutedPath> foreground,
                                      double thinning) const;

 private:
  class Builder;
  const RoutedStep& step_;
  const Forwarding& forwarding_;
  const Topology& topology_;
  Via via_;
  std::uint32_t most_flows_;
};

// The carve-out with `scale` of its bytes, solved as fluid: finishes in seconds, background's too.
[[nodiscard]] Expected<std::vector<double>> solve_fluid(const CarveOut& carve, double scale);
// Max-min rates while all of it sends, payload bits/s.
[[nodiscard]] std::vector<double> fluid_rates(const CarveOut& carve);

}  // namespace weft
