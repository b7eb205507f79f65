#include "emulator/packet/congestion/nscc.h"

#include <algorithm>
#include <limits>

namespace weft::packet {
namespace {

// Section 3.6.13.3 and its tables of parameters: gains are those of a reference network, 100 Gb/s and 12 us.
constexpr double kReferenceBdp = 150'000;
constexpr double kReferenceRtt = 12e6;
constexpr double kFairIncrease = 5;              // packets a round trip
constexpr double kMaxDecrease = 0.5;             // max_md_jump: one decrease leaves at least this
constexpr double kAdjustPackets = 8;             // increases are applied this often, or each round trip
constexpr std::uint32_t kMostReceived = 0xFFFF;  // more than kAdjustPackets of the largest MTU
constexpr double kAdaptGate = 8;          // quick adapt: less than 1/8 (2^-qa_gate) of the largest window arrived
constexpr double kAdaptDelay = 4;         // x target; without trimming this delay triggers quick adapt
constexpr double kTargetTrimming = 0.75;  // of the round trip; without trimming 1
constexpr double kClearDelay = 1e6;       // "delay about 0" of 3.6.13.6: 1 us as in the consortium's htsim

std::uint32_t saturating_sum(std::uint32_t a, std::uint64_t b) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(a + b, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

void Nscc::start(const CongestionParams& params, Ps rtt, Gate& gate) {
  *this = {};
  base_rtt = std::max<Ps>(rtt, 1);
  gate.window = bounded_window(params, most(params), most(params));
}

double Nscc::most(const CongestionParams& params) const {
  return most_in_flight(params, params.transport.nscc.max_window_bdps * params.bdp(base_rtt));
}

// scaling_a.
double Nscc::scale(const CongestionParams& params) const {
  return static_cast<double>(base_rtt) / params.line_ps_per_byte / kReferenceBdp;
}

double Nscc::target_delay(const CongestionParams& params) const {
  const auto& target = params.transport.nscc.target_queuing_delay;
  if (target) return static_cast<double>(std::max<Ps>(target->picoseconds, 1));
  return static_cast<double>(base_rtt) * (params.trimming ? kTargetTrimming : 1);
}

// get_avg_delay is to tell of the last round trip: a sample weighs the time since the one before.
void Nscc::sample_delay(double delay, Ps now) {
  const double weight = std::min(1.0, static_cast<double>(now - last_sample) / static_cast<double>(base_rtt));
  average_delay += static_cast<float>(weight * (delay - average_delay));
  last_sample = now;
}

// Section 3.6.13: four cases of mark and delay. An ACK of several packets is as its unmarked and its marked ones.
void Nscc::on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate) {
  const double delay = static_cast<double>(std::max<Ps>(ack.rtt - base_rtt, 0));
  const double target = target_delay(params);
  const double marked = ack.packets > 0 ? std::min(1.0, static_cast<double>(ack.marked_packets) / ack.packets) : 0;
  ignore(ack.acked_bytes);
  received = static_cast<std::uint16_t>(std::min(saturating_sum(received, ack.acked_bytes), kMostReceived));
  achieved = saturating_sum(achieved, ack.acked_bytes);
  sample_delay(delay, ack.now);
  const double in_flight = static_cast<double>(ack.next_psn - ack.acked_psn) * params.packet_payload;
  const bool stale = marked > 0 && to_ignore > 0;
  if (stale || quick_adapt(params, ack.now, delay, in_flight, gate)) {
    increase = 0;
    received = 0;
    return;
  }
  if (marked < 1) grow(params, ack.acked_bytes * (1 - marked), delay, gate);
  if (marked > 0 && delay >= target) decrease(params, ack.now, gate);
  const bool period = ack.now - last_adjust >= base_rtt;
  if (period || received > kAdjustPackets * params.packet_payload) apply_increase(params, ack.now, gate);
}

// 3.6.13.6, quick_adapt: each round trip plus target, if packets were trimmed or delay is extreme and next to nothing
// arrived, the window is what arrived.
bool Nscc::quick_adapt(const CongestionParams& params, Ps now, double delay, double in_flight, Gate& gate) {
  if (adapt_end != kNever && now < adapt_end) return false;
  const double target = target_delay(params);
  const bool extreme = !params.trimming && delay > kAdaptDelay * target;
  const bool first = adapt_end == kNever;
  const bool fires = !first && (trimmed || extreme) && achieved < most(params) / kAdaptGate;
  if (fires) {
    gate.window = bounded_window(params, std::min<double>(achieved, gate.window), most(params));
    to_ignore = saturating_sum(0, static_cast<std::uint64_t>(in_flight));
    trimmed = false;
  }
  achieved = 0;
  adapt_end = now + base_rtt + static_cast<Ps>(target);
  return fires;
}

// 3.6.13.5: unmarked and late, fair_increase; unmarked and early, proportional_increase or fast_increase.
void Nscc::grow(const CongestionParams& params, double bytes, double delay, Gate& gate) {
  const NsccSpec& spec = params.transport.nscc;
  const double target = target_delay(params), packet = params.packet_payload;
  if (delay >= target) {
    increase += static_cast<float>(kFairIncrease * scale(params) * packet * bytes);
    return;
  }
  clear = delay < kClearDelay ? saturating_sum(clear, static_cast<std::uint64_t>(bytes)) : 0;
  fast = clear > 0 && (fast || clear > gate.window);
  if (fast) {
    const double step = bytes * spec.fast_increase_scale * scale(params);
    gate.window = bounded_window(params, gate.window + step, most(params));
  } else {  // alpha = 4 scaling_a scaling_b MTU / target, of which scaling_b = target / 12 us
    increase += static_cast<float>(spec.alpha * scale(params) * packet / kReferenceRtt * bytes * (target - delay));
  }
}

// 3.6.13.5, multiplicative_decrease: by how far the average delay is beyond the target, once a round trip.
void Nscc::decrease(const CongestionParams& params, Ps now, Gate& gate) {
  fast = false;
  clear = 0;
  const double target = target_delay(params), average = average_delay;
  if (average <= target || now - last_decrease <= base_rtt) return;
  const double left = std::max(1 - params.transport.nscc.gamma * (average - target) / average, kMaxDecrease);
  gate.window = bounded_window(params, gate.window * left, most(params));
  last_decrease = now;
}

// 3.6.13.6, fulfill_adjustment: the same sum moves a small window further than a large one; and eta.
void Nscc::apply_increase(const CongestionParams& params, Ps now, Gate& gate) {
  double window = gate.window + increase / gate.window;
  if (now - last_adjust >= base_rtt) {
    window += params.transport.nscc.eta * scale(params) * params.packet_payload;
    last_adjust = now;
  }
  gate.window = bounded_window(params, window, most(params));
  increase = 0;
  received = 0;
}

void Nscc::ignore(std::uint64_t bytes) {
  to_ignore -= static_cast<std::uint32_t>(std::min<std::uint64_t>(to_ignore, bytes));
}

// A trimmed packet met a full queue: a round trip stands for the delay it would have had. Loss takes its bytes.
void Nscc::on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate) {
  const bool stale = to_ignore > 0;
  ignore(loss.lost_bytes);
  if (!loss.timeout) {
    sample_delay(static_cast<double>(base_rtt), loss.now);
    trimmed = true;
    if (stale) return;
    if (quick_adapt(params, loss.now, 0, static_cast<double>(loss.in_flight_bytes), gate)) {
      increase = 0;
      received = 0;
      return;
    }
  }
  gate.window = bounded_window(params, gate.window - loss.lost_bytes, most(params));
}

}  // namespace weft::packet
