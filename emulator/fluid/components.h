// Components of a routed step: bottlenecks, the flows that cross them, and what those flows share links with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emulator/fluid/carve.h"

namespace weft {

struct ComponentOptions {
  std::uint32_t contended = 8, random = 8;
  std::uint64_t seed = 1;
  std::uint32_t most_foreground = 256;  // paths of a bottleneck; of more a sample
  std::uint32_t most_grown = 1'024;     // once grown
  std::uint32_t most_flows = 2'000;     // QPs of a carve-out
  std::uint32_t most_others = 20'000;   // paths that share links with the foreground; more are taken off the links
};

struct Component {
  std::uint32_t resource = 0;
  bool random = false;
  double paths = 0;  // across the bottleneck, in the step
  double drain = 0;  // seconds that the bottleneck needs for what crosses it
  CarveOut base;
  std::optional<CarveOut> grown;  // absent: no other contended link, so nothing to grow by
};

struct Components {
  std::vector<Component> played;
  // Bottlenecks that are not among them: place i of kDrainBins counts those that need i / kDrainBins to (i + 1) /
  // kDrainBins of the longest drain.
  std::vector<std::uint64_t> unplayed;
  double longest = 0;       // drain, seconds
  double step_seconds = 0;  // the last finish of the whole step
};
inline constexpr std::size_t kDrainBins = 64;

// The most contended first: those whose bottleneck needs longest for what crosses it, ties by more paths and then by
// the lower id; then the random ones, drawn from the other resources that hold some flow back. One whose flows are all
// in those before it is passed over, so there may be fewer than asked for. Grown by the flows that cross the other
// saturated links of its flows' paths; a sample grows to twice its size.
// Routes all edges three times. Errors: kInput where nothing of the step crosses the network, kInterrupted.
[[nodiscard]] Expected<Components> find_components(const RoutedStep& step, const Forwarding& forwarding,
                                                   const ComponentOptions& options);

}  // namespace weft
