#include "dpdk/checks/spread.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::dpdk {
namespace {

constexpr int kMostTerms = 10'000;
constexpr double kEnough = 1e-15;

// Lower regularised incomplete gamma by its series, for x < a + 1 (Abramowitz and Stegun 6.5.29).
double gamma_p_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (int n = 1; n < kMostTerms && term > sum * kEnough; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

// Upper one by its continued fraction, for x >= a + 1 (6.5.31, Lentz's method).
double gamma_q_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int n = 1; n < kMostTerms; ++n) {
    const double an = -n * (n - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    h *= d * c;
    if (std::abs(d * c - 1) < kEnough) break;
  }
  return h * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

}  // namespace

double chi_square_tail(double chi_square, std::size_t degrees) {
  if (degrees == 0 || chi_square <= 0) return 1;
  const double a = static_cast<double>(degrees) / 2, x = chi_square / 2;
  return std::clamp(x < a + 1 ? 1 - gamma_p_series(a, x) : gamma_q_fraction(a, x), 0.0, 1.0);
}

double idle_chance(std::uint64_t flows, std::size_t paths, std::size_t idle) {
  if (idle == 0) return 1;
  if (idle >= paths) return flows == 0 ? 1 : 0;
  const auto n = static_cast<double>(paths), k = static_cast<double>(idle);
  const double choices = std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
  return std::min(1.0, std::exp(choices + static_cast<double>(flows) * std::log1p(-k / n)));
}

Spread spread_of(std::span<const std::uint64_t> counts) {
  constexpr double kOnceInAMillion = 1e-6;
  Spread spread;
  spread.paths = counts.size();
  spread.flows = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  spread.used = static_cast<std::size_t>(std::count_if(counts.begin(), counts.end(), [](auto c) { return c > 0; }));
  if (spread.flows == 0) return spread;
  const double n = static_cast<double>(counts.size()), total = static_cast<double>(spread.flows), mean = total / n;
  double squares = 0, fullest = 0;
  for (const std::uint64_t count : counts) {
    const auto x = static_cast<double>(count);
    squares += x * x;
    fullest = std::max(fullest, x);
    spread.chi_square += (x - mean) * (x - mean) / mean;
  }
  spread.jain = total * total / (n * squares);
  spread.max_mean = fullest / mean;
  spread.p_value = chi_square_tail(spread.chi_square, counts.size() - 1);
  spread.polarized = idle_chance(spread.flows, spread.paths, spread.paths - spread.used) < kOnceInAMillion;
  return spread;
}

}  // namespace weft::dpdk
