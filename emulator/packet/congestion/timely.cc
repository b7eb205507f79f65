#include "emulator/packet/congestion/timely.h"

#include <algorithm>

namespace weft::packet {

void Timely::start(const CongestionParams& params, Ps base_rtt, Gate& gate) {
  *this = {};
  const TimelySpec& spec = params.transport.timely;
  min_rtt = std::max<Ps>(spec.min_rtt ? spec.min_rtt->picoseconds : base_rtt, 1);
  rate = params.line_rate();
  gate.window = bounded_window(params, most_in_flight(params, kNoWindow), kNoWindow);
}

// Algorithm 1 at each completion event (an ACK); N of section 4.3 (hyperactive increase).
void Timely::on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate) {
  const TimelySpec& spec = params.transport.timely;
  const auto rtt = static_cast<double>(std::max<Ps>(ack.rtt, 1));
  if (last_rtt > 0) rtt_diff = (1 - spec.ewma) * rtt_diff + spec.ewma * static_cast<double>(ack.rtt - last_rtt);
  last_rtt = ack.rtt;
  const double gradient = rtt_diff / static_cast<double>(min_rtt);
  const double step = spec.additive_increase.bytes_per_second();
  const auto high = static_cast<double>(spec.t_high.picoseconds);
  falling = gradient <= 0 ? std::min(falling + 1, spec.hai_threshold) : 0;
  if (ack.rtt < spec.t_low.picoseconds) {
    rate += step;
  } else if (rtt > high) {
    rate *= 1 - spec.beta * (1 - high / rtt);
  } else if (gradient <= 0) {
    constexpr double kHyper = 5;
    rate += falling >= spec.hai_threshold ? kHyper * step : step;
  } else {
    rate *= 1 - spec.beta * gradient;
  }
  const double line = params.line_rate();
  rate = std::clamp(rate, std::min(std::max(step, 1.0), line), line);
  set_rate(params, rate, gate);
}

}  // namespace weft::packet
