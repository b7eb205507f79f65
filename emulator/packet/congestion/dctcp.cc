#include "emulator/packet/congestion/dctcp.h"

#include <algorithm>

namespace weft::packet {

void Dctcp::start(const CongestionParams& params, Ps base_rtt, Gate& gate) {
  *this = {};
  most = most_in_flight(params, kFreeWindowBdps * params.bdp(base_rtt));
  threshold = kNoWindow;
  gate.window = bounded_window(params, params.transport.dctcp.initial_window_packets * params.packet_payload, most);
}

// Slow start by what is acknowledged until the first mark, then a packet a window (RFC 5681, section 3.1). Marked
// packets add nothing (RFC 3168, section 6.1.2), and the first of a window cuts at once: W = W (1 - a/2), equation (2).
void Dctcp::on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate) {
  if (!begun) {
    begun = true;
    window_end = ack.next_psn;
    cut_end = ack.acked_psn;
  }
  packets += ack.packets;
  marked += ack.marked_packets;
  const double unmarked = ack.packets > ack.marked_packets
                              ? static_cast<double>(ack.packets - ack.marked_packets) / ack.packets * ack.acked_bytes
                              : 0;
  const double grown = gate.window < threshold ? std::min(gate.window + unmarked, threshold)
                                               : gate.window + params.packet_payload * unmarked / gate.window;
  gate.window = bounded_window(params, grown, most);
  if (packets > 0 && !psn_before(ack.acked_psn, window_end)) end_window(params, ack.next_psn);
  if (ack.marked_packets > 0 && !psn_before(ack.acked_psn, cut_end)) {
    gate.window = threshold = bounded_window(params, gate.window * (1 - alpha / 2), most);
    cut_end = ack.next_psn;
  }
}

// Equation (1): a = (1-g) a + g F.
void Dctcp::end_window(const CongestionParams& params, std::uint32_t next_psn) {
  const double g = params.transport.dctcp.g;
  alpha = std::clamp((1 - g) * alpha + g * std::min(1.0, static_cast<double>(marked) / packets), 0.0, 1.0);
  window_end = next_psn;
  packets = marked = 0;
}

// RFC 8257, section 3.5: loss is as in TCP: half the window; after a timeout, one packet and slow start.
void Dctcp::on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate) {
  threshold = std::max(gate.window / 2, 2.0 * params.packet_payload);
  gate.window = bounded_window(params, loss.timeout ? 0 : threshold, most);
}

}  // namespace weft::packet
