#include "fabric/dcqcn.h"

#include <cmath>

namespace weft {
namespace {

// Halving the distance to line rate never ends; so near it is over.
constexpr double kAtLine = 1 - 1e-9;

void count(std::uint16_t& stage) {
  if (stage < std::numeric_limits<std::uint16_t>::max()) ++stage;
}

}  // namespace

void DcqcnRate::start(const DcqcnSpec& spec, double line) {
  *this = {};
  rate = target = line;
  alpha = spec.initial_alpha;
}

// k expiries without a CNP: a = (1-g)^k a. The paper's K is dce_tcp_rtt.
void DcqcnRate::decay_alpha(const DcqcnSpec& spec, Ps now) {
  const Ps period = spec.dce_tcp_rtt.picoseconds;
  if (period <= 0 || now < alpha_since) return;  // no CNP yet: alpha_since is kNever
  const Ps expiries = (now - alpha_since) / period;
  alpha *= std::pow(1 - spec.g, static_cast<double>(expiries));
  alpha_since += expiries * period;
}

// Equation (1). Cuts closer together than rate_reduce_monitor_period wait for its end.
void DcqcnRate::on_cnp(const DcqcnSpec& spec, double line, Ps now) {
  run_timers(spec, line, now);
  decay_alpha(spec, now);
  if (now - last_cut >= spec.rate_reduce_monitor_period.picoseconds)
    cut(spec, line, now);
  else
    cut_pending = true;
  alpha = (1 - spec.g) * alpha + spec.g;
  alpha_since = now;
}

// R_T follows R_C if R_C was raised since the last cut (else R_T is still what to recover to), or always
// (clamp_tgt_rate, and the paper). Then R_C falls by a/2, by rpg_min_dec_fac at most.
void DcqcnRate::cut(const DcqcnSpec& spec, double line, Ps now) {
  const bool raised = byte_stage > 0 || (spec.clamp_tgt_rate_after_time_inc && time_stage > 0);
  if (spec.clamp_tgt_rate || raised) target = rate;
  decay_alpha(spec, now);
  rate *= std::clamp(1 - alpha / 2, std::clamp(spec.rpg_min_dec_fac, 0.0, 1.0), 1.0);
  rate = std::max(rate, std::min(spec.rpg_min_rate.bytes_per_second(), line));
  time_stage = byte_stage = 0;
  last_cut = now;
  cut_pending = false;
  const Ps period = spec.rpg_time_reset.picoseconds;
  timer_due = period > 0 ? now + period : kNever;
  byte_budget = spec.rpg_byte_reset.count > 0 ? spec.rpg_byte_reset.count : kNoBudget;
}

void DcqcnRate::run_timers(const DcqcnSpec& spec, double line, Ps now) {
  for (Ps next = due(spec); next <= now; next = due(spec)) {
    if (cut_pending && next == last_cut + spec.rate_reduce_monitor_period.picoseconds) {
      cut(spec, line, next);
      continue;
    }
    timer_due += spec.rpg_time_reset.picoseconds;
    count(time_stage);
    increase(spec, line);
  }
}

void DcqcnRate::run_byte_counter(const DcqcnSpec& spec, double line) {
  while (byte_budget <= 0) {
    byte_budget += spec.rpg_byte_reset.count;
    count(byte_stage);
    increase(spec, line);
  }
}

// Section 3.1, figure 7: F steps of fast recovery, additive, and hyper once both counters are above F.
void DcqcnRate::increase(const DcqcnSpec& spec, double line) {
  if (std::min(time_stage, byte_stage) > spec.rpg_threshold) {
    target += spec.rpg_hai_rate.bytes_per_second();
  } else if (std::max(time_stage, byte_stage) > spec.rpg_threshold) {
    target += spec.rpg_ai_rate.bytes_per_second();
  }
  target = std::min(target, line);
  rate = (target + rate) / 2;
  if (rate >= line * kAtLine) {
    rate = target = line;
    timer_due = kNever;
    byte_budget = kNoBudget;
  }
}

}  // namespace weft
