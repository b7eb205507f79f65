// DCQCN's reaction point, the rate machine alone: Y. Zhu et al., "Congestion Control for Large-Scale RDMA Deployments",
// SIGCOMM'15, section 3.1, with the parameters of a ConnectX. docs/congestion.md tells where the two differ. The packet
// engine's NICs and the DPDK sender run it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "fabric/spec.h"

namespace weft {

// Rates and `line` (line rate, the same at every call) are wire bytes per second; times are picoseconds and never go
// back. Whatever time has brought about is applied at the next call, as if at its own time. A QP that was never cut, or
// is back at line rate, has no timer and no byte counter.
struct DcqcnRate {
  using Ps = std::int64_t;
  static constexpr Ps kNever = std::numeric_limits<Ps>::max();        // a timer that does not run
  static constexpr Ps kLongAgo = std::numeric_limits<Ps>::min() / 4;  // so long that any interval since is over
  static constexpr std::int64_t kNoBudget = std::int64_t{1} << 62;    // bytes: no byte counter runs

  double rate = 0;                       // R_C
  double target = 0;                     // R_T
  double alpha = 0;                      // as of alpha_since
  std::int64_t byte_budget = kNoBudget;  // until the byte counter runs out
  Ps alpha_since = kNever;               // its timer's last expiry; kNever: no CNP yet
  Ps timer_due = kNever;                 // next rate increase by time
  Ps last_cut = kLongAgo;
  std::uint16_t time_stage = 0, byte_stage = 0;  // increases since the last cut; saturate
  bool cut_pending = false;                      // a CNP came within rate_reduce_monitor_period of the last cut

  // At line rate, never cut. REQUIRES: line > 0.
  void start(const DcqcnSpec& spec, double line);
  // When time alone next moves the rate.
  [[nodiscard]] Ps due(const DcqcnSpec& spec) const {
    return cut_pending ? std::min(timer_due, last_cut + spec.rate_reduce_monitor_period.picoseconds) : timer_due;
  }
  void on_cnp(const DcqcnSpec& spec, double line, Ps now);
  // Rate timer and deferred cuts that are due, in order.
  void run_timers(const DcqcnSpec& spec, double line, Ps now);
  // Counts bytes that are sent. True: run_byte_counter() has something to do.
  [[nodiscard]] bool spend(std::uint32_t wire_bytes) {
    byte_budget -= wire_bytes;
    return byte_budget <= 0;
  }
  void run_byte_counter(const DcqcnSpec& spec, double line);

 private:
  void decay_alpha(const DcqcnSpec& spec, Ps now);
  void cut(const DcqcnSpec& spec, double line, Ps now);
  void increase(const DcqcnSpec& spec, double line);
};

}  // namespace weft
