// Frames and pauses as bytes, for another process of the same program (docs/packet-mpi.md has the layout).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "emulator/packet/frame.h"
#include "fabric/ids.h"

namespace weft::packet {

// The most that one record takes.
inline constexpr std::size_t kMaxRecordBytes = 256;

// What crosses a cut cable.
struct Crossing {
  enum class Kind : std::uint8_t { kFrame, kPause, kResume };
  Kind kind = Kind::kFrame;
  LinkId link;                    // that the frame is on, or that is paused
  Frame frame;                    // kFrame; but `next`, `in_link`, and `telemetry` (an index over there)
  std::optional<IntRecord> hops;  // kFrame, HPCC
  std::uint8_t priority = 0;      // kPause, kResume
  Ps at = 0;                      // kPause, kResume: when it takes effect
};

void append_frame(LinkId link, const Frame& f, const IntRecord* telemetry, std::vector<std::uint8_t>& out);
void append_pause(LinkId link, std::uint8_t priority, bool pause, Ps at, std::vector<std::uint8_t>& out);

// Takes the first record off `bytes`. nullopt, and `bytes` empty, where nothing is left. Bytes that no append_* wrote
// are a programmer's mistake: they abort.
[[nodiscard]] std::optional<Crossing> take_crossing(std::span<const std::uint8_t>& bytes);

}  // namespace weft::packet
