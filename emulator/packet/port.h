// The sending side of a directed link, and the counters of its receiving side.
#pragma once

#include <array>
#include <cstdint>

#include "emulator/packet/arena.h"
#include "emulator/packet/congestion/signals.h"
#include "emulator/packet/read_ahead.h"
#include "fabric/priorities.h"
#include "fabric/units.h"

namespace weft::packet {

class Network;

struct FrameQueue {
  std::uint32_t head = kNone, tail = kNone, bytes = 0;
};

// What a port keeps of one priority. Few of the eight are in use: Network tells which lane a priority has, and keeps
// those that do not fit into the port elsewhere.
struct Lane {
  FrameQueue queue;
  std::uint32_t ingress = 0;  // receiving side: bytes in the switch that came by this link
};
inline constexpr std::uint32_t kPortLanes = 4;

[[nodiscard]] inline double ps_per_byte(Rate rate) { return 8e12 / static_cast<double>(rate.bits_per_second); }

// Bits of Port::flags.
inline constexpr std::uint8_t kToSwitch = 1;
inline constexpr std::uint8_t kEarly = 2;  // handed over when the header is in: into a cut-through switch
inline constexpr std::uint8_t kDead = 4;   // the cable is down
inline constexpr std::uint8_t kBitErrors = 8;
inline constexpr std::uint8_t kMarksEcn = 16;
inline constexpr std::uint8_t kWatched = 32;  // someone wants to see its frames
inline constexpr std::uint8_t kScaleUpLink = 64;
inline constexpr std::uint8_t kCrossing = 128;  // leads to another process's part of the fabric, or from there

// One event a hop: a frame's start and arrival are computed when the port gets to it, which may be later in event order
// than the start itself, but is never later than anything that could change it. So a port has at most one event of its
// own in the future that counts (`event_at`): the arrival of the frame at the head of its wire, or, with an empty wire,
// the moment when it can next start one.
//
// The event is the port itself, which saves an allocation and a cache line: ns-3's reference count never reaches 0.
struct alignas(64) Port final : ReadAheadEvent {
  Network* network = nullptr;
  Ps free_at = 0;  // when the last frame's tail leaves
  Ps event_at = kNever;
  std::uint32_t wire_head = kNone, wire_tail = kNone;  // frames that have left and not arrived
  std::uint64_t ps_fixed = 0;                          // picoseconds a byte, times 2^20
  std::uint32_t delay = 0;    // ps: propagation, plus the pipeline of the switch at the far end
  std::uint8_t nonempty = 0;  // priorities with frames queued
  std::uint8_t paused = 0;    // priorities that the far end has paused
  std::uint8_t flags = 0;
  std::uint8_t pausing = 0;  // receiving side: priorities for which this link's sender is told to pause

  std::uint32_t onward = kNone;     // Frame::onward of the frame at the head of the wire
  std::uint32_t at_switch = kNone;  // that it leaves from; kNone: a NIC or GPU
  std::uint32_t to_switch = kNone;  // that it leads to
  std::uint32_t injector = kNone;   // of the QPs that send here
  std::uint32_t ecn_min = 0, ecn_max = 0;
  std::uint32_t queue_peak = 0;  // bytes of the fullest priority
  std::uint64_t tx_bytes = 0;
  std::uint32_t tx_frames = 0, marks = 0, drops = 0, pauses = 0;  // pauses: received
  alignas(64) std::array<Lane, kPortLanes> lanes;

  [[nodiscard]] Ps serialization(std::uint32_t bytes) const { return static_cast<Ps>((bytes * ps_fixed) >> 20U); }
  [[nodiscard]] bool is(std::uint8_t flag) const { return (flags & flag) != 0; }

  void read_ahead(Distance distance) const override;

 protected:
  void Notify() override;
};
static_assert(sizeof(Port) <= 192);

}  // namespace weft::packet
