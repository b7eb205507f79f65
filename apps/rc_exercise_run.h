// The exercise of dpdk/rc/exercise.h from the side of a user-space endpoint: parameters exchanged over TCP, steps run
// and judged while the endpoint answers its peer.
#pragma once

#include <atomic>
#include <vector>

#include "dpdk/frame_io.h"
#include "dpdk/rc/endpoint.h"
#include "dpdk/rc/exercise.h"
#include "fabric/measurement.h"
#include "verbs/control.h"

namespace weft {

struct RcSide {
  bool caller = true;  // connected, and says what is done; else listened
  dpdk::rc::Exercise exercise;
  std::string address;  // of this end, IPv4 or IPv6
  wire::MacAddress mac{};
  dpdk::rc::Settings settings;  // window, timers, retries; the rest comes from the exchange
  Duration step_limit{Duration::us(60'000'000)};
  const std::atomic<bool>* stop = nullptr;
};

struct RcOutcome {
  std::vector<TrafficPoint> points;  // one a step; failures say what was wrong
  dpdk::rc::EndpointCounts endpoint;
  std::optional<Error> ended;  // why the steps that are missing were not run
};

// Errors: those of the exchange: refused, timed out, a peer that speaks something else.
[[nodiscard]] Expected<RcOutcome> run_exercise(verbs::Control& control, dpdk::FrameIo& io, RcSide side);

}  // namespace weft
