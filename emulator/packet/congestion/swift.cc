#include "emulator/packet/congestion/swift.h"

#include <algorithm>
#include <cmath>

namespace weft::packet {
namespace {

constexpr std::uint32_t kRetransmitReset = 5;  // RETX_RESET_THRESHOLD; the paper names no value

double packets(const CongestionParams& params, const Gate& gate) { return gate.window / params.packet_payload; }

}  // namespace

void Swift::start(const CongestionParams& params, Ps base_rtt, Gate& gate) {
  *this = {};
  const SwiftSpec& spec = params.transport.swift;
  base_target = spec.base_target ? spec.base_target->picoseconds : base_rtt + spec.target_queue.picoseconds;
  last_rtt = std::max<Ps>(base_rtt, 1);
  most = std::max(most_in_flight(params, kFreeWindowBdps * params.bdp(base_rtt)),
                  static_cast<double>(params.packet_payload));
  gate.window = bounded_window(params, params.bdp(base_rtt), most);
}

double Swift::target_delay(const SwiftSpec& spec, double cwnd, std::uint32_t hops) const {
  auto target = static_cast<double>(base_target + spec.hop_scale.picoseconds * hops);
  const double low = 1 / std::sqrt(std::max(spec.fs_max_cwnd, 1e-9));
  const double high = 1 / std::sqrt(std::max(spec.fs_min_cwnd, 1e-9));
  if (high > low) {
    const auto range = static_cast<double>(spec.fs_range.picoseconds);
    target += std::clamp(range * (1 / std::sqrt(cwnd) - low) / (high - low), 0.0, range);
  }
  return target;
}

// Algorithm 1, on receiving an ACK: additive increase below the target, else one decrease a round trip.
void Swift::on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate) {
  const SwiftSpec& spec = params.transport.swift;
  retransmits = 0;
  last_rtt = std::max<Ps>(ack.rtt, 1);
  const double cwnd = packets(params, gate);
  const double target = target_delay(spec, cwnd, ack.hop_count);
  const auto delay = static_cast<double>(last_rtt);
  if (delay < target) {
    set_cwnd(params, cwnd + spec.additive_increase * ack.packets / std::max(cwnd, 1.0), gate);
  } else if (ack.now - last_decrease >= last_rtt) {
    last_decrease = ack.now;
    set_cwnd(params, cwnd * std::max(1 - spec.beta * (delay - target) / delay, 1 - spec.max_decrease), gate);
  }
}

// Algorithm 1, on retransmit timeout and on fast recovery.
void Swift::on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate) {
  const SwiftSpec& spec = params.transport.swift;
  retransmits = loss.timeout ? retransmits + 1 : 0;
  if (retransmits >= kRetransmitReset) {
    last_decrease = loss.now;
    set_cwnd(params, spec.fs_min_cwnd, gate);
  } else if (loss.now - last_decrease >= last_rtt) {
    last_decrease = loss.now;
    set_cwnd(params, packets(params, gate) * (1 - spec.max_decrease), gate);
  }
}

// Below one packet the window is kept by pacing: a packet each rtt / cwnd.
void Swift::set_cwnd(const CongestionParams& params, double cwnd, Gate& gate) {
  const double least = std::clamp(params.transport.swift.fs_min_cwnd, 1e-3, 1.0);
  gate.window = std::min(std::max(cwnd, least) * params.packet_payload, most);
  const double bounded = packets(params, gate);
  gate.ps_per_byte =
      bounded >= 1 ? params.line_ps_per_byte
                   : std::max(params.line_ps_per_byte, static_cast<double>(last_rtt) / bounded / params.packet_wire);
}

}  // namespace weft::packet
