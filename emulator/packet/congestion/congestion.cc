#include "emulator/packet/congestion/congestion.h"

#include <memory>

namespace weft::packet {

using Kind = weft::CongestionControl;

void CongestionControl::start(const CongestionParams& params, Ps base_rtt) {
  gate_ = Gate{.ps_per_byte = params.line_ps_per_byte};
  switch (params.transport.congestion_control) {
    case Kind::kDcqcn:
      return std::construct_at(&state_.dcqcn)->start(params, gate_);
    case Kind::kHpcc:
      return std::construct_at(&state_.hpcc)->start(params, base_rtt, gate_);
    case Kind::kSwift:
      return std::construct_at(&state_.swift)->start(params, base_rtt, gate_);
    case Kind::kTimely:
      return std::construct_at(&state_.timely)->start(params, base_rtt, gate_);
    case Kind::kDctcp:
      return std::construct_at(&state_.dctcp)->start(params, base_rtt, gate_);
    case Kind::kNscc:
      return std::construct_at(&state_.nscc)->start(params, base_rtt, gate_);
    case Kind::kNone:
      gate_.window = bounded_window(params, most_in_flight(params, kFreeWindowBdps * params.bdp(base_rtt)), kNoWindow);
  }
}

void CongestionControl::on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops) {
  switch (params.transport.congestion_control) {
    case Kind::kHpcc:
      return state_.hpcc.on_ack(params, ack, last_hops, gate_);
    case Kind::kSwift:
      return state_.swift.on_ack(params, ack, gate_);
    case Kind::kTimely:
      return state_.timely.on_ack(params, ack, gate_);
    case Kind::kDctcp:
      return state_.dctcp.on_ack(params, ack, gate_);
    case Kind::kNscc:
      return state_.nscc.on_ack(params, ack, gate_);
    case Kind::kDcqcn:
    case Kind::kNone:
      return;
  }
}

void CongestionControl::on_cnp(const CongestionParams& params, Ps now) {
  if (is_dcqcn(params)) state_.dcqcn.on_cnp(params, now, gate_);
}

// DCQCN, HPCC and TIMELY leave loss to the transport: their papers' networks are lossless.
void CongestionControl::on_loss(const CongestionParams& params, const LossEvent& loss) {
  switch (params.transport.congestion_control) {
    case Kind::kSwift:
      return state_.swift.on_loss(params, loss, gate_);
    case Kind::kDctcp:
      return state_.dctcp.on_loss(params, loss, gate_);
    case Kind::kNscc:
      return state_.nscc.on_loss(params, loss, gate_);
    default:
      return;
  }
}

}  // namespace weft::packet
