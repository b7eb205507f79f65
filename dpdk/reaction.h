// How a sender's QP reacts to CNPs: DCQCN's reaction point, Y. Zhu et al., SIGCOMM'15, section 3.1, with the parameters
// of fabric/spec.h. Time alone moves nothing here: what it has brought about is applied at the next call.
#pragma once

#include <cstdint>

#include "fabric/spec.h"

namespace weft::dpdk {

class Reaction {
 public:
  // line: wire bytes per second. REQUIRES: line > 0.
  explicit Reaction(double line) : line_(line), current_(line), target_(line) {}

  // `now` in seconds, never less than before.
  void on_cnp(const DcqcnSpec& spec, double now);
  void on_send(const DcqcnSpec& spec, double now, std::uint32_t wire_bytes);
  void advance(const DcqcnSpec& spec, double now);

  [[nodiscard]] double rate() const { return current_; }  // wire bytes per second
  [[nodiscard]] double target() const { return target_; }
  [[nodiscard]] double alpha() const { return alpha_; }
  // Below line rate: it has timers, and packets wait.
  [[nodiscard]] bool throttled() const { return current_ < line_; }
  // When the next packet may go; as of on_send().
  [[nodiscard]] double next_send() const { return next_send_; }

 private:
  void increase(const DcqcnSpec& spec);
  void decay_alpha(const DcqcnSpec& spec, double now);

  double line_, current_, target_;
  double alpha_ = 1;
  double alpha_since_ = 0, timer_due_ = 0, last_cut_ = -1, next_send_ = 0;
  std::int64_t bytes_left_ = 0;
  std::uint32_t time_stage_ = 0, byte_stage_ = 0;  // increases since the last cut
};

}  // namespace weft::dpdk
