#include "dpdk/pacer.h"

#include <cmath>

namespace weft::dpdk {

Expected<void> check(const RateProfile& p) {
  const auto is_rate = [](double rate) { return std::isfinite(rate) && rate >= 0 && rate <= 1e9; };
  if (!is_rate(p.packets_per_second) || !is_rate(p.ramp_from))
    return input_error("no rate of packets", std::to_string(p.packets_per_second), "above 0, at most 1000 Mpps");
  if (p.burst == 0) return input_error("a burst of no packets", {}, "1 or more");
  if (p.ramp < Duration{} || p.on < Duration{} || p.off < Duration{}) return input_error("a time below 0");
  if (p.ramp > Duration{} && p.off > Duration{})
    return input_error("a ramp that is on and off", {}, "give one of them");
  if ((p.off > Duration{} || p.ramp > Duration{} || p.burst > 1) && p.packets_per_second == 0)
    return input_error("a ramp, bursts or on and off without a rate", {}, "give --rate too");
  if (p.off > Duration{} && p.on == Duration{}) return input_error("a stream that is always off", {}, "on above 0");
  return {};
}

Pacer::Pacer(const RateProfile& profile, const Clock& clock, Duration catch_up)
    : profile_(profile),
      seconds_per_tick_(1 / clock.ticks_per_second()),
      most_behind_(static_cast<std::uint64_t>(std::llround(profile.packets_per_second * catch_up.seconds())) +
                   std::max(profile.burst, 64U)) {}

std::uint64_t Pacer::scheduled(double t) const {
  const double rate = profile_.packets_per_second;
  double packets = rate * t;
  if (const double ramp = profile_.ramp.seconds(); ramp > 0) {
    const double from = profile_.ramp_from, in = std::min(t, ramp);
    packets = from * in + (rate - from) / (2 * ramp) * in * in + rate * (t - in);
  } else if (profile_.off > Duration{}) {
    const double on = profile_.on.seconds(), cycle = on + profile_.off.seconds();
    const double cycles = std::floor(t / cycle);
    packets = rate * (cycles * on + std::min(t - cycles * cycle, on));
  }
  const auto whole = static_cast<std::uint64_t>(packets + 1e-6) + 1;  // the first at time 0
  return whole - (whole - 1) % profile_.burst - 1 + profile_.burst;
}

}  // namespace weft::dpdk
