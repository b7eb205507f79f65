// What congestion control leaves of a shared link: the packet engine's answer, in numbers that the fluid engine takes.
#pragma once

#include <cstdint>

#include "fabric/schedule.h"
#include "fabric/spec.h"

namespace weft {

// How a collective's transfers load a bottleneck.
enum class TrafficClass : std::uint8_t {
  kRing,  // lockstep: steps of a chunk each, one sender a link at a time. Told apart by whether all hops cross the
          // network, or most stay in a scale-up domain, where a NIC has time between two steps. Behind one slow hop the
          // others wait anyway, and what counts is how that one is shared: kPair
  kPair,  // messages between pairs, few on a link
  kMany,  // all_to_all: many on every link
};
[[nodiscard]] TrafficClass traffic_class(CollectiveKind kind);

// Completion time by max-min sharing / completion time in the packet engine, of messages long enough for a steady
// state: 1 is a control that fills the links and shares them fairly. Medians over the even scenarios of
// scripts/agreement, whose odd ones are the check (docs/agreement.md).
[[nodiscard]] double congestion_efficiency(const FabricSpec& spec, TrafficClass traffic);

}  // namespace weft
