#include "emulator/packet/congestion/dctcp.h"

#include <algorithm>

namespace weft::packet {

void Dctcp::start(const CongestionParams& params, Ps base_rtt, Gate& gate) {
  *this = {};
  most = most_in_flight(params, kFreeWindowBdps * params.bdp(base_rtt));
  threshold = kNoWindow;
  gate.window = bounded_window(params, params.transport.dctcp.initial_window_packets * params.packet_payload, most);
}

// Slow start by what is acknowledged until the first mark, then a packet a window (RFC 5681, section 3.1).
void Dctcp::on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate) {
  if (!begun) {
    begun = true;
    window_end = ack.next_psn;
  }
  packets += ack.packets;
  marked += ack.marked_packets;
  if (ack.marked_packets > 0) threshold = std::min(threshold, gate.window);
  const double grown = gate.window < threshold
                           ? std::min(gate.window + ack.acked_bytes, threshold)
                           : gate.window + static_cast<double>(params.packet_payload) * ack.acked_bytes / gate.window;
  gate.window = bounded_window(params, grown, most);
  if (packets > 0 && !psn_before(ack.acked_psn, window_end)) end_window(params, ack.next_psn, gate);
}

// Equations (1) and (2): a = (1-g) a + g F, W = W (1 - a/2), once a window of data.
void Dctcp::end_window(const CongestionParams& params, std::uint32_t next_psn, Gate& gate) {
  const double g = params.transport.dctcp.g;
  alpha = std::clamp((1 - g) * alpha + g * std::min(1.0, static_cast<double>(marked) / packets), 0.0, 1.0);
  if (marked > 0) gate.window = threshold = bounded_window(params, gate.window * (1 - alpha / 2), most);
  window_end = next_psn;
  packets = marked = 0;
}

// RFC 8257, section 3.5: loss is as in TCP: half the window; after a timeout, one packet and slow start.
void Dctcp::on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate) {
  threshold = std::max(gate.window / 2, 2.0 * params.packet_payload);
  gate.window = bounded_window(params, loss.timeout ? 0 : threshold, most);
}

}  // namespace weft::packet
