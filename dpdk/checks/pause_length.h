// How long one PFC frame stops the neighbour, against what its quanta say (IEEE 802.1Qbb: 512 bit times each).
#pragma once

#include "dpdk/checks/pause_check.h"

namespace weft::dpdk {

struct PauseLengthResult {
  std::uint64_t before = 0;        // frames of the priority in the first phase
  Duration asked{};                // what the quanta are at the link's rate
  Duration spacing{};              // longest between two frames of the priority while nothing was paused
  Duration tolerance{};            // of a measured silence
  std::vector<Duration> silences;  // of each pause: longest between two frames of the priority after it, sorted
  std::uint64_t unresumed = 0;     // pauses after which no frame came any more
  bool interrupted = false;
  std::string invalid;                // why there is no verdict
  std::vector<std::string> failures;  // a sentence each

  [[nodiscard]] Duration median() const { return silences.empty() ? Duration{} : silences[silences.size() / 2]; }
};

// Sends `pauses` single pauses, each after the stream flows again, and judges their median: one hiccup of a busy
// machine is no fault of the neighbour.
//
// The silence that is seen begins with the last frame before the stop and ends with the first one behind it: where the
// stream has a frame every T, it is up to 2 T longer than the pause, and what delays frames or their receipt comes in
// twice as well. Tolerance: twice the longest spacing in the first phase, which holds both.
[[nodiscard]] PauseLengthResult measure_pause(FrameIo& io, const PauseCheckOptions& options, std::uint32_t pauses,
                                              const std::function<Duration()>& now, const std::atomic<bool>& stop);

}  // namespace weft::dpdk
