// Congestion control of one QP: what each algorithm keeps, and how ACKs, CNPs, losses and time move rate and window.
// No ns-3 in here: arithmetic that unit tests check against the papers' formulas.
#pragma once

#include <cstdint>
#include <span>

#include "fabric/spec.h"

namespace weft::packet {

using Ps = std::int64_t;  // simulated time, picoseconds

// In-band telemetry of one hop, as a switch stamps it when the packet leaves (HPCC, SIGCOMM'19, figure 7).
struct IntHop {
  std::uint64_t tx_bytes = 0;  // sent by the port so far
  Ps stamp = 0;
  std::uint32_t queue_bytes = 0;
  float bytes_per_ps = 0;  // rate of the port
};
inline constexpr std::size_t kMaxIntHops = 8;

struct AckEvent {
  Ps now = 0;
  Ps rtt = 0;                       // of the packet that asked for this ACK
  std::uint32_t acked_bytes = 0;    // payload, newly acknowledged
  std::uint32_t packets = 0;        // newly acknowledged
  std::uint32_t marked_packets = 0; // of these, CE
  std::uint32_t acked_psn = 0;      // first PSN not acknowledged yet
  std::uint32_t next_psn = 0;       // first PSN never sent
  std::uint32_t hop_count = 0;      // links on the path
  std::span<const IntHop> hops;     // HPCC only
};

// What all QPs of a run share.
struct CongestionParams {
  TransportSpec transport;
  double line_ps_per_byte = 0;      // of the NIC port, wire bytes
  std::uint32_t packet_payload = 0, packet_wire = 0;  // bytes of a full packet
};

// One QP's control. Trivially copyable, small: a million of them are kept. `window` and `ps_per_byte` are what the
// NIC obeys: it starts a packet when less than `window` payload bytes are in flight and ps_per_byte x wire bytes have
// passed since the last one began.
class CongestionControl {
 public:
  void start(const CongestionParams& params, Ps base_rtt);
  void on_send(const CongestionParams& params, Ps now, std::uint32_t wire_bytes);
  void on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops);
  void on_cnp(const CongestionParams& params, Ps now);
  // A NAK, a trimmed header or a selective gap; `timeout`: nothing came back at all.
  void on_loss(const CongestionParams& params, Ps now, bool timeout);
  // Applies every timer that has run out by `now`. Cheap when none has.
  void advance(const CongestionParams& params, Ps now);

  [[nodiscard]] double ps_per_byte() const { return ps_per_byte_; }
  [[nodiscard]] std::uint64_t window() const { return window_; }
};

}  // namespace weft::packet
