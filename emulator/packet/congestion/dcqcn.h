// DCQCN's reaction point: Y. Zhu et al., "Congestion Control for Large-Scale RDMA Deployments", SIGCOMM'15, section
// 3.1, with the parameters of a ConnectX. docs/congestion.md tells where the two differ.
#pragma once

#include <algorithm>
#include <cstdint>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

// Rates are wire bytes per second. A QP that was never cut, or is back at line rate, has no timer and no byte counter.
struct Dcqcn {
  double rate = 0;                       // R_C
  double target = 0;                     // R_T
  double alpha = 0;                      // as of alpha_since
  std::int64_t byte_budget = kNoBudget;  // until the byte counter runs out
  Ps alpha_since = kNever;               // its timer's last expiry; kNever: no CNP yet
  Ps timer_due = kNever;                 // next rate increase by time
  Ps last_cut = kLongAgo;
  std::uint16_t time_stage = 0, byte_stage = 0;  // increases since the last cut; saturate
  bool cut_pending = false;                      // a CNP came within rate_reduce_monitor_period of the last cut

  void start(const CongestionParams& params, Gate& gate);
  // When time alone next moves the rate.
  [[nodiscard]] Ps due(const DcqcnSpec& spec) const {
    return cut_pending ? std::min(timer_due, last_cut + spec.rate_reduce_monitor_period.picoseconds) : timer_due;
  }
  void on_send(const CongestionParams& params, Ps now, std::uint32_t wire_bytes, Gate& gate) {
    if (now >= due(params.transport.dcqcn)) run_timers(params, now, gate);
    byte_budget -= wire_bytes;
    if (byte_budget <= 0) run_byte_counter(params, gate);
  }
  void on_cnp(const CongestionParams& params, Ps now, Gate& gate);
  // Rate timer and deferred cuts that are due, in order.
  void run_timers(const CongestionParams& params, Ps now, Gate& gate);

 private:
  void run_byte_counter(const CongestionParams& params, Gate& gate);
  void decay_alpha(const DcqcnSpec& spec, Ps now);
  void cut(const CongestionParams& params, Ps now, Gate& gate);
  void increase(const CongestionParams& params, Gate& gate);
};

}  // namespace weft::packet
