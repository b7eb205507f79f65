// Packets at a rate that rises through what a bottleneck carries, so that its queue grows, and back to none: each tells
// the queue that it met by its delay, and its mark. Sender and receiver share a clock. No DPDK in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "dpdk/checks/marking_curve.h"
#include "dpdk/frame_io.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {

struct MarkingRunOptions {
  wire::FrameHeaders headers;    // addresses, DSCP, QP; ECN is set to ECT(0), the opcode to SEND_ONLY
  std::uint32_t payload = 1024;  // bytes, at least kMarkingStamp
  double from = 0, to = 0;       // packets per second at both ends of a ramp
  Duration ramp = Duration::us(2'000'000);
  std::uint32_t rounds = 5;
  Duration drain = Duration::us(500'000);  // silence after a ramp, for the queue to empty
  Duration late_poll = Duration::us(200);  // packets that come after a longer pause of this program are not samples
};
inline constexpr std::uint32_t kMarkingStamp = 16;

// Errors: payload too short, rates that are not 0 < from <= to, no rounds, no time.
[[nodiscard]] Expected<void> check(const MarkingRunOptions& options);

struct MarkingRunResult {
  std::vector<DelaySample> samples;
  double base = 0;  // shortest delay, seconds
  Rate drain{};     // of frame bytes, while the queue was long; 0: it never was
  std::uint64_t sent = 0, refused = 0, received = 0, foreign = 0;
  std::uint64_t not_capable = 0;  // came with ECN cleared: something on the way rewrites it
  std::uint64_t late = 0;         // came, but this program looked too late
  bool interrupted = false;
};

// Takes rounds x (ramp + drain). `now`: nanoseconds of a steady clock. REQUIRES: check(options).
[[nodiscard]] Expected<MarkingRunResult> run_marking(FrameIo& out, FrameIo& in, const MarkingRunOptions& options,
                                                     const std::function<std::uint64_t()>& now,
                                                     const std::atomic<bool>& stop);

}  // namespace weft::dpdk
