// Whether the neighbour of a port obeys PFC (IEEE 802.1Qbb): its traffic is counted, one priority is paused, and
// resumed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dpdk/frame_io.h"
#include "fabric/error.h"
#include "fabric/units.h"
#include "fabric/wire/network_headers.h"

namespace weft::dpdk {

struct PauseCheckOptions {
  std::uint8_t priority = 3;
  std::uint16_t quanta = 0xFFFF;  // of each pause, 512 bit times each; sent again when half is over
  Rate link{Rate::gbps(100)};     // of the port: how long quanta are
  wire::MacAddress source{};
  Duration phase{Duration::us(1'000'000)};  // each of: before, paused, after
  Duration grace{Duration::us(10'000)};     // from a change until it must show: reaction, and what was on the way
};

using Frames = std::array<std::uint64_t, 8>;  // by priority

struct PauseCheckResult {
  Frames before{}, paused{}, after{};  // without the graces
  std::uint64_t pauses_sent = 0;
  // This side's own doing: while its pauses are further apart than quanta last, the neighbour rightly sends.
  std::uint64_t lapses = 0;
  Duration longest_gap{};               // between two pauses
  std::optional<Duration> last_frame;   // of the priority, after the first pause
  std::optional<Duration> first_frame;  // of the priority, after the resume
  bool interrupted = false;
  std::string invalid;                // why there is no verdict: pauses of this side came too late
  std::vector<std::string> failures;  // a sentence each
};

// The PFC frame that pauses the priority of `options`; 0 resumes it.
[[nodiscard]] std::vector<std::uint8_t> pause_frame(const PauseCheckOptions& options, std::uint16_t quanta);

// The class that a frame belongs to: its VLAN tag's PCP, else the upper three bits of its DSCP; nullopt where it has
// neither.
[[nodiscard]] std::optional<std::uint8_t> priority_of(std::span<const std::uint8_t> frame);

// `now` from any start. Takes 3 phases and 2 graces.
[[nodiscard]] PauseCheckResult check_pause(FrameIo& io, const PauseCheckOptions& options,
                                           const std::function<Duration()>& now, const std::atomic<bool>& stop);

}  // namespace weft::dpdk
