#include "emulator/packet/congestion/congestion.h"

#include <memory>

namespace weft::packet {

using Kind = weft::CongestionControl;

namespace {

// The window of those that only have a fixed one: as the user says, else `absent`.
void fix_window(const CongestionParams& params, double absent, Gate& gate) {
  const auto& window = params.transport.window;
  set_window(params, window ? static_cast<double>(window->count) : absent, gate);
}

constexpr double kFixedWindowBdps = 1.5;

}  // namespace

void CongestionControl::start(const CongestionParams& params, Ps base_rtt) {
  gate_ = Gate{.ps_per_byte = params.line_ps_per_byte};
  switch (params.transport.congestion_control) {
    case Kind::kDcqcn:
      fix_window(params, static_cast<double>(kNoWindow), gate_);
      std::construct_at(&state_.dcqcn)->start(params, gate_);
      break;
    default:
      fix_window(params, kFixedWindowBdps * params.bdp(base_rtt), gate_);
  }
}

void CongestionControl::on_ack(const CongestionParams& /*params*/, const AckEvent& /*ack*/,
                               std::span<IntHop> /*last_hops*/) {}

void CongestionControl::on_cnp(const CongestionParams& params, Ps now) {
  if (params.transport.congestion_control == Kind::kDcqcn) state_.dcqcn.on_cnp(params, now, gate_);
}

void CongestionControl::on_loss(const CongestionParams& /*params*/, Ps /*now*/, bool /*timeout*/) {}

void CongestionControl::run_timers(const CongestionParams& params, Ps now) {
  state_.dcqcn.run_timers(params, now, gate_);
}

void CongestionControl::run_byte_counter(const CongestionParams& params) {
  state_.dcqcn.run_byte_counter(params, gate_);
}

}  // namespace weft::packet
