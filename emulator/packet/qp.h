// One reliable connection's queue pair: sender at one end, receiver at the other, in one record.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "emulator/packet/arena.h"
#include "emulator/packet/congestion/congestion.h"
#include "emulator/packet/port.h"

namespace weft::packet {

inline constexpr std::uint32_t kInlinePath = 6;  // links of a path through three tiers

// Messages of one size that follow one another.
struct MessageRun {
  std::uint32_t packets = 1;       // of each
  std::uint32_t last_payload = 0;  // bytes of each one's last packet
  std::uint32_t base_psn = 0, base_message = 0;

  [[nodiscard]] static MessageRun of(std::uint64_t bytes, std::uint32_t mtu) {
    const std::uint64_t packets = std::max<std::uint64_t>(1, (bytes + mtu - 1) / mtu);
    return {static_cast<std::uint32_t>(packets), static_cast<std::uint32_t>(bytes - (packets - 1) * mtu)};
  }
  [[nodiscard]] std::uint64_t bytes(std::uint32_t mtu) const { return std::uint64_t{packets - 1} * mtu + last_payload; }

  [[nodiscard]] std::uint32_t message_at(std::uint32_t psn) const { return base_message + (psn - base_psn) / packets; }
  [[nodiscard]] std::uint32_t packet_at(std::uint32_t psn) const {  // within its message
    return packets == 1 ? 0 : (psn - base_psn) % packets;
  }
  // One beyond the last PSN of the message that `psn` belongs to.
  [[nodiscard]] std::uint32_t end_of_message(std::uint32_t psn) const { return psn - packet_at(psn) + packets; }
};

// Bits of Qp::flags.
inline constexpr std::uint16_t kQpInUse = 1;
inline constexpr std::uint16_t kQpScaleUp = 2;      // inside a scale-up domain: no headers, no marks, no loss
inline constexpr std::uint16_t kQpNakSent = 4;      // receiver: asked once for what is missing
inline constexpr std::uint16_t kQpMixed = 8;        // messages of other sizes follow: Network::later_runs_
inline constexpr std::uint16_t kQpSend = 16;        // SEND: consumes a posted receive for each message
inline constexpr std::uint16_t kQpFailed = 32;      // retries used up, or no path
inline constexpr std::uint16_t kQpAckOwed = 64;     // receiver: an ACK request overtook what it waits for
inline constexpr std::uint16_t kQpRnrWait = 128;    // told that the receiver is not ready
inline constexpr std::uint16_t kQpPerPacket = 256;  // switches choose for each packet
inline constexpr std::uint16_t kQpDirectAck = 512;  // ends in a switch (in-network reduction): acknowledged out of band
inline constexpr std::uint16_t kQpExplicit = 1024;  // its path was given, and stays
inline constexpr std::uint16_t kQpTimer = 2048;     // its retransmit timer runs
inline constexpr std::uint16_t kQpRateLimited = 4096;                // by Network::rate_limits_
inline constexpr std::uint16_t kQpReorder = 32768;                   // has a Reorder
inline constexpr std::uint16_t kQpInRing = 8192, kQpInHeap = 16384;  // of its injector; neither: not waiting to send

// A million are kept: what few QPs need stands in tables of Network. PSNs are 32 bits here and never wrap: 2^32 packets
// of 4 KiB are 17 TB a QP.
struct Qp {
  std::uint32_t next_ready = kNone;      // in the injector's ring; in its heap: next child of the same parent
  std::uint16_t flags = 0;               // not among the first four bytes, which Arena overwrites
  std::uint8_t hops = 0, back_hops = 0;  // links of the path and of the way back
  std::uint8_t priority = 0;
  std::uint8_t retries = 0;
  std::uint16_t sent_wire = 0;               // bytes of the last packet
  std::uint16_t unanswered = 0, marked = 0;  // receiver: data packets since the last ACK, and those of them with CE
  std::uint32_t first_child = kNone;         // in the injector's heap
  std::uint32_t next_timer = kNone;          // in the chain of RetransmitTimers
  std::array<std::uint32_t, kInlinePath> path{};  // links; longer ones: path[0] is a place in Network::long_paths_
  std::array<std::uint32_t, kInlinePath> back_path{};

  std::uint32_t next_psn = 0, first_unacked = 0, end_psn = 0;
  std::uint32_t highest_sent = 0;  // one beyond
  std::uint32_t asked = 0;         // one beyond the last that asked for an ACK
  std::uint32_t expected = 0;      // receiver
  MessageRun run;                  // the oldest that is not all acknowledged
  std::uint32_t tag = 0;           // the user's
  std::uint32_t frames = 0;        // of this QP in the network
  Ps next_send = 0;                // pacing: not before
  Ps last_send = 0;
  Ps last_progress = 0;
  CongestionControl control;
  Ps last_cnp = -1;                           // receiver
  std::uint64_t digest = 0, back_digest = 0;  // of the 5-tuples: what switches hash
};

static_assert(sizeof(Qp) <= 248);

}  // namespace weft::packet
