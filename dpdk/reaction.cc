#include "dpdk/reaction.h"

#include <algorithm>
#include <cmath>

namespace weft::dpdk {
namespace {
// Halving the distance to line rate never ends; so near it is over.
constexpr double kAtLine = 1 - 1e-6;
}  // namespace

// Without CNPs alpha = (1 - g) alpha every dce_tcp_rtt.
void Reaction::decay_alpha(const DcqcnSpec& spec, double now) {
  const double period = spec.dce_tcp_rtt.seconds();
  if (last_cut_ < 0 || period <= 0) return;
  const double expiries = std::floor((now - alpha_since_) / period);
  alpha_ *= std::pow(1 - spec.g, expiries);
  alpha_since_ += expiries * period;
}

// Equation (1): R_T = R_C, R_C = R_C (1 - alpha / 2), alpha = (1 - g) alpha + g.
void Reaction::on_cnp(const DcqcnSpec& spec, double now) {
  advance(spec, now);
  if (last_cut_ < 0)
    alpha_ = spec.initial_alpha;
  else
    decay_alpha(spec, now);
  if (last_cut_ < 0 || now - last_cut_ >= spec.rate_reduce_monitor_period.seconds()) {
    if (spec.clamp_tgt_rate || byte_stage_ > 0 || (spec.clamp_tgt_rate_after_time_inc && time_stage_ > 0) ||
        last_cut_ < 0)
      target_ = current_;
    current_ *= std::max(1 - alpha_ / 2, spec.rpg_min_dec_fac);
    current_ = std::max(current_, std::min(spec.rpg_min_rate.bytes_per_second(), line_));
    time_stage_ = byte_stage_ = 0;
    timer_due_ = now + spec.rpg_time_reset.seconds();
    bytes_left_ = spec.rpg_byte_reset.count;
    last_cut_ = now;
  }
  alpha_ = (1 - spec.g) * alpha_ + spec.g;
  alpha_since_ = now;
}

void Reaction::advance(const DcqcnSpec& spec, double now) {
  while (throttled() && spec.rpg_time_reset > Duration{} && now >= timer_due_) {
    timer_due_ += spec.rpg_time_reset.seconds();
    ++time_stage_;
    increase(spec);
  }
}

void Reaction::on_send(const DcqcnSpec& spec, double now, std::uint32_t wire_bytes) {
  if (!throttled()) return;
  next_send_ = std::max(next_send_, now) + wire_bytes / current_;
  if (spec.rpg_byte_reset.count <= 0) return;
  bytes_left_ -= wire_bytes;
  for (; bytes_left_ <= 0 && throttled(); bytes_left_ += spec.rpg_byte_reset.count) {
    ++byte_stage_;
    increase(spec);
  }
}

// Figure 7: F steps of fast recovery halve the distance to the target; then the target grows, faster once both counters
// are above F.
void Reaction::increase(const DcqcnSpec& spec) {
  if (std::min(time_stage_, byte_stage_) > spec.rpg_threshold)
    target_ += spec.rpg_hai_rate.bytes_per_second();
  else if (std::max(time_stage_, byte_stage_) > spec.rpg_threshold)
    target_ += spec.rpg_ai_rate.bytes_per_second();
  target_ = std::min(target_, line_);
  current_ = (current_ + target_) / 2;
  if (current_ >= line_ * kAtLine) current_ = target_ = line_;
}

}  // namespace weft::dpdk
