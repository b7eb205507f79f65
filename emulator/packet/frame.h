// A frame on its way through the fabric: parsed fields only. It becomes a real packet with headers where someone looks.
#pragma once

#include <cstdint>

#include "emulator/packet/arena.h"
#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

enum class FrameKind : std::uint8_t { kData, kAck, kNak, kRnrNak, kCnp };

// Bits of Frame::flags.
inline constexpr std::uint8_t kCongestionExperienced = 1;
inline constexpr std::uint8_t kTrimmed = 2;     // the payload was cut off by a switch that had no room
inline constexpr std::uint8_t kAckRequest = 4;  // BTH's AckReq
inline constexpr std::uint8_t kLastOfMessage = 8;
inline constexpr std::uint8_t kRetransmitted = 16;

// One cache line. PSNs count from 0 and do not wrap (24 bits of them go on the wire).
struct alignas(64) Frame {
  std::uint32_t next = kNone;  // in a queue or on a wire
  std::uint32_t qp = kNone;
  std::uint32_t psn = 0;          // data: its own; ACK, NAK: the first one not received yet
  std::uint32_t in_link = kNone;  // by which it entered the switch that holds it
  std::uint16_t wire = 0;         // bytes of line time: payload, headers, preamble and gap
  std::uint16_t payload = 0;
  FrameKind kind = FrameKind::kData;
  std::uint8_t priority = 0;
  std::uint8_t flags = 0;
  std::uint8_t hop = 0;                   // links crossed before the one it is on
  Ps at = 0;                              // on a wire: arrival; in a queue: not to start before
  Ps sent = 0;                            // data: when the NIC sent it; ACK: that of the frame it answers
  std::uint64_t sack = 0;                 // ACK, NAK: bit i: psn + 1 + i was received
  std::uint32_t entropy = 0;              // data under spray: picks the path
  std::uint32_t telemetry = kNone;        // HPCC: index of its IntRecord
  std::uint16_t packets = 0, marked = 0;  // ACK: data packets it answers, and how many of them carried CE
  union {
    std::uint32_t onward = kNone;  // data: the link behind the one it is on, where that is known: only a hint
    std::uint32_t received;        // ACK under reordering: distinct packets received so far
  };
};
static_assert(sizeof(Frame) == 64);

// What switches wrote into one data packet, and its ACK carries back.
struct IntRecord {
  std::uint32_t hops = 0;
  std::uint32_t unused = 0;
  IntHop hop[kMaxIntHops];
};

}  // namespace weft::packet
