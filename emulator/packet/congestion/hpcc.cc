#include "emulator/packet/congestion/hpcc.h"

#include <algorithm>

namespace weft::packet {

// W_init = B_NIC x T; W_AI = W_init (1 - eta) / N (section 3). The bound leaves room for packets that wait for their
// common ACK; the paper acknowledges each.
void Hpcc::start(const CongestionParams& params, Ps rtt, Gate& gate) {
  *this = {};
  const HpccSpec& spec = params.transport.hpcc;
  base_rtt = std::max<Ps>(rtt, 1);
  const double initial = params.bdp(base_rtt);
  most = most_in_flight(params, initial + (std::max(params.transport.ack_every, 1U) - 1.0) * params.packet_payload);
  additive = spec.additive_increase ? static_cast<double>(spec.additive_increase->count)
                                    : initial * (1 - spec.eta) / std::max(spec.flows_expected, 1U);
  gate.window = reference = bounded_window(params, initial, most);
}

// Algorithm 1, NewAck. The first ACK, and one by another path, only says where counting starts.
void Hpcc::on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops, Gate& gate) {
  const auto hops = ack.hops.first(std::min({ack.hops.size(), last_hops.size(), kMaxIntHops}));
  if (hops.empty()) return;
  const bool known = known_hops == hops.size();
  if (known && measure_inflight(hops, last_hops)) {
    const bool update = psn_before(last_update, ack.acked_psn);
    compute_window(params, update, gate);
    if (update) last_update = ack.next_psn;
  } else if (!known) {
    known_hops = static_cast<std::uint32_t>(hops.size());
    last_update = ack.next_psn;
  }
  std::copy(hops.begin(), hops.end(), last_hops.begin());
}

// Algorithm 1, MeasureInflight: u of the fullest link, averaged over T. False if no time has passed at any hop.
bool Hpcc::measure_inflight(std::span<const IntHop> hops, std::span<const IntHop> last_hops) {
  const auto rtt = static_cast<double>(base_rtt);
  double fullest = 0, tau = 0;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    const IntHop &now = hops[i], &then = last_hops[i];
    if (now.stamp <= then.stamp || now.tx_bytes < then.tx_bytes || now.bytes_per_ps <= 0) continue;
    const auto elapsed = static_cast<double>(now.stamp - then.stamp);
    const double port = now.bytes_per_ps;
    const double sent = static_cast<double>(now.tx_bytes - then.tx_bytes) / elapsed;
    const double load = std::min(now.queue_bytes, then.queue_bytes) / (port * rtt) + sent / port;
    if (load > fullest || tau == 0) {
      fullest = load;
      tau = elapsed;
    }
  }
  const double weight = std::min(tau, rtt) / rtt;
  utilisation = (1 - weight) * utilisation + weight * fullest;
  return tau > 0;
}

// Algorithm 1, ComputeWind; then R = W / T.
void Hpcc::compute_window(const CongestionParams& params, bool update_reference, Gate& gate) {
  const HpccSpec& spec = params.transport.hpcc;
  const bool multiplicative = utilisation >= spec.eta || inc_stage >= spec.max_stage;
  const double window = (multiplicative ? reference / std::max(utilisation / spec.eta, 1e-6) : reference) + additive;
  gate.window = bounded_window(params, window, most);
  if (update_reference) {
    reference = gate.window;
    inc_stage = multiplicative ? 0 : inc_stage + 1;
  }
  const double wire = gate.window * params.packet_wire / params.packet_payload;
  gate.ps_per_byte = std::max(params.line_ps_per_byte, static_cast<double>(base_rtt) / wire);
}

}  // namespace weft::packet
