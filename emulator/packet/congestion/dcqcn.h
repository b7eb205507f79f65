// DCQCN's reaction point (fabric/dcqcn.h) at a NIC's gate.
#pragma once

#include <cstdint>

#include "emulator/packet/congestion/signals.h"
#include "fabric/dcqcn.h"

namespace weft::packet {

struct Dcqcn : DcqcnRate {
  void start(const CongestionParams& params, Gate& gate);
  void on_send(const CongestionParams& params, Ps now, std::uint32_t wire_bytes, Gate& gate) {
    if (now >= due(params.transport.dcqcn)) run_timers(params, now, gate);
    if (spend(wire_bytes)) run_byte_counter(params, gate);
  }
  void on_cnp(const CongestionParams& params, Ps now, Gate& gate);
  // Rate timer and deferred cuts that are due, in order.
  void run_timers(const CongestionParams& params, Ps now, Gate& gate);

 private:
  void run_byte_counter(const CongestionParams& params, Gate& gate);
};

}  // namespace weft::packet
