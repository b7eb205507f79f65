#include "emulator/packet/congestion/dcqcn.h"

namespace weft::packet {

static_assert(DcqcnRate::kNever == kNever);  // due() goes to the NIC as it is

void Dcqcn::start(const CongestionParams& params, Gate& gate) {
  DcqcnRate::start(params.transport.dcqcn, params.line_rate());
  gate.window = bounded_window(params, most_in_flight(params, kNoWindow), kNoWindow);
}

void Dcqcn::on_cnp(const CongestionParams& params, Ps now, Gate& gate) {
  DcqcnRate::on_cnp(params.transport.dcqcn, params.line_rate(), now);
  set_rate(params, rate, gate);
}

void Dcqcn::run_timers(const CongestionParams& params, Ps now, Gate& gate) {
  DcqcnRate::run_timers(params.transport.dcqcn, params.line_rate(), now);
  set_rate(params, rate, gate);
}

void Dcqcn::run_byte_counter(const CongestionParams& params, Gate& gate) {
  DcqcnRate::run_byte_counter(params.transport.dcqcn, params.line_rate());
  set_rate(params, rate, gate);
}

}  // namespace weft::packet
