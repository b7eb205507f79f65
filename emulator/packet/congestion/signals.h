// What congestion control sees (ACKs and what they carry) and what it sets (the gate that a NIC obeys).
// No ns-3 in this folder: arithmetic that unit tests check against the papers' formulas.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "fabric/spec.h"

namespace weft::packet {

using Ps = std::int64_t;                                            // simulated time, picoseconds
inline constexpr Ps kNever = std::numeric_limits<Ps>::max();        // a timer that does not run
inline constexpr Ps kLongAgo = std::numeric_limits<Ps>::min() / 4;  // so long that any interval since is over
inline constexpr double kPsPerSecond = 1e12;
inline constexpr double kNoWindow = 0x1p62;                       // bytes: rate control alone
inline constexpr double kFreeWindowBdps = 1.5;                    // where neither user nor paper bounds the window
inline constexpr std::int64_t kNoBudget = std::int64_t{1} << 62;  // bytes: no byte counter runs

// In-band telemetry of one hop, as a switch stamps it when the packet leaves (HPCC, SIGCOMM'19, figure 7).
struct IntHop {
  std::uint64_t tx_bytes = 0;  // sent by the port so far
  Ps stamp = 0;
  std::uint32_t queue_bytes = 0;
  float bytes_per_ps = 0;  // rate of the port
};
inline constexpr std::size_t kMaxIntHops = 8;

// One ACK of one QP. PSNs count packets and may wrap at 2^32.
struct AckEvent {
  Ps now = 0;
  Ps rtt = 0;                        // of the packet that asked for this ACK
  std::uint32_t acked_bytes = 0;     // payload, newly acknowledged
  std::uint32_t packets = 0;         // newly acknowledged
  std::uint32_t marked_packets = 0;  // of these, CE
  std::uint32_t acked_psn = 0;       // first PSN not acknowledged yet
  std::uint32_t next_psn = 0;        // first PSN never sent
  std::uint32_t hop_count = 0;       // links on the path
  std::span<const IntHop> hops{};    // HPCC only
};

// A NAK, a trimmed packet's header, a selective gap; or nothing came back at all.
struct LossEvent {
  Ps now = 0;
  bool timeout = false;
  std::uint32_t lost_bytes = 0;       // payload to be sent again
  std::uint64_t in_flight_bytes = 0;  // payload, after taking out what is lost
};

// What all QPs of a NIC share. REQUIRES: line_ps_per_byte > 0, 0 < packet_payload <= packet_wire.
struct CongestionParams {
  TransportSpec transport{};
  double line_ps_per_byte = 0;                        // of the NIC port, wire bytes
  std::uint32_t packet_payload = 0, packet_wire = 0;  // bytes of a full packet
  bool trimming = false;                              // the switches trim (NSCC's default target)

  [[nodiscard]] double line_rate() const { return kPsPerSecond / line_ps_per_byte; }  // wire bytes per second
  // Payload bytes that fill the path of that round trip at line rate.
  [[nodiscard]] double bdp(Ps rtt) const {
    return static_cast<double>(rtt) / line_ps_per_byte * packet_payload / packet_wire;
  }
};

// What the NIC obeys: a packet starts when ps_per_byte x wire bytes have passed since the last one began, and its
// payload and what is in flight fit into `window`, or nothing is in flight.
struct Gate {
  double ps_per_byte = 0;
  double window = kNoWindow;
};

// Rates stay between a positive floor of the algorithm's and line rate. REQUIRES: bytes_per_second > 0.
inline void set_rate(const CongestionParams& params, double bytes_per_second, Gate& gate) {
  gate.ps_per_byte = std::max(params.line_ps_per_byte, kPsPerSecond / bytes_per_second);
}
// Between one packet and `most`, or one packet where `most` is less.
[[nodiscard]] inline double bounded_window(const CongestionParams& params, double payload_bytes, double most) {
  return std::max(std::min(payload_bytes, most), static_cast<double>(params.packet_payload));
}
// The most that may be in flight: as the user says, else `absent`.
[[nodiscard]] inline double most_in_flight(const CongestionParams& params, double absent) {
  const auto& window = params.transport.window;
  return window ? static_cast<double>(window->count) : absent;
}

// a is behind b, both counts that wrap.
[[nodiscard]] inline bool psn_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

}  // namespace weft::packet
