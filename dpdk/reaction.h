// How a sender's QP reacts to CNPs: DCQCN's rate machine (fabric/dcqcn.h), and when the next packet may go.
#pragma once

#include <cstdint>

#include "fabric/dcqcn.h"

namespace weft::dpdk {

class Reaction {
 public:
  // line: wire bytes per second. REQUIRES: line > 0.
  Reaction(const DcqcnSpec& spec, double line) : line_(line) { dcqcn_.start(spec, line); }

  // `now` in seconds, never less than before.
  void on_cnp(const DcqcnSpec& spec, double now);
  void on_send(const DcqcnSpec& spec, double now, std::uint32_t wire_bytes);
  void advance(const DcqcnSpec& spec, double now) {
    if (throttled()) dcqcn_.run_timers(spec, line_, since_start(now));
  }

  [[nodiscard]] double rate() const { return dcqcn_.rate; }  // wire bytes per second
  [[nodiscard]] double target() const { return dcqcn_.target; }
  [[nodiscard]] double alpha() const { return dcqcn_.alpha; }
  // Below line rate: it has timers, and packets wait.
  [[nodiscard]] bool throttled() const { return dcqcn_.rate < line_; }
  // When the next packet may go; as of on_send().
  [[nodiscard]] double next_send() const { return next_send_; }

 private:
  // A clock that began at boot overflows 64 bits of picoseconds after 106 days: counted from the first CNP.
  [[nodiscard]] DcqcnRate::Ps since_start(double now) const {
    return static_cast<DcqcnRate::Ps>((now - first_cnp_) * 1e12);
  }

  DcqcnRate dcqcn_;
  double line_, first_cnp_ = -1, next_send_ = 0;
};

}  // namespace weft::dpdk
