#include "emulator/verify_interval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace weft {
namespace {

// Components whose bottleneck is within this share of the longest compete for the end of the step.
constexpr double kTied = 0.95;
// Ratios of components with less than this share of the longest say little of it.
constexpr double kComparable = 0.75;

// One component as seen at last: relative to the fluid time of the step.
struct Look {
  double ratio = 0;   // packet / fluid
  double fluid = 0;   // fluid time / the step's
  double packet = 0;  // packet time / the step's
};

Look look_at(const VerifiedComponent& c, double step_seconds) {
  const bool grown = c.grown_packet_seconds > 0;
  const double packet = grown ? c.grown_packet_seconds : c.packet_seconds;
  return {grown ? c.grown_ratio() : c.ratio(), c.full_seconds / c.scale / step_seconds,
          packet / c.scale / step_seconds};
}

double square_mean(const std::vector<double>& x, double centre) {
  double sum = 0;
  for (const double v : x) sum += (v - centre) * (v - centre);
  return sum;
}

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

double deviation(const std::vector<double>& x) {
  return x.size() < 2 ? 0.0 : std::sqrt(square_mean(x, mean(x)) / static_cast<double>(x.size() - 1));
}

// Two-sided 95 % of Student's t.
double student(std::size_t freedom) {
  constexpr std::array kTable{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                              2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};
  if (freedom == 0) return kTable[1];
  return freedom <= kTable.size() ? kTable[freedom - 1] : 1.96 + 2.5 / static_cast<double>(freedom);
}

// Where the largest of n normal deviates lies: the quantile of n / (n + 1), by bisection.
double largest_of(double n) {
  double low = -8, high = 8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < n / (n + 1) ? low : high) = middle;
  }
  return low;
}

struct Spread {
  double s = 0;
  std::size_t looks = 0;
};

Spread spread_of(const Verification& v) {
  std::vector<double> changes, ratios, comparable;
  for (const VerifiedComponent& c : v.components) {
    if (c.packet_seconds <= 0) continue;
    const Look look = look_at(c, v.step_seconds);
    ratios.push_back(std::log(look.ratio));
    if (c.random) continue;
    if (look.fluid >= kComparable) comparable.push_back(std::log(look.ratio));
    if (c.grown_packet_seconds > 0) changes.push_back(std::log(c.grown_ratio() / c.ratio()));
  }
  if (changes.size() < 2) {
    const std::vector<double>& of = comparable.size() < 2 ? ratios : comparable;
    return {deviation(of), of.size() < 2 ? 0 : of.size() - 1};
  }
  const double change = std::sqrt(square_mean(changes, 0) / 2 / static_cast<double>(changes.size()));
  return {std::max(change, deviation(comparable)), changes.size()};
}

}  // namespace

RatioInterval ratio_interval(const Verification& v) {
  double longest = 0, most = 0;
  std::vector<double> tied;
  for (const VerifiedComponent& c : v.components) {
    if (c.packet_seconds <= 0) continue;
    const Look look = look_at(c, v.step_seconds);
    longest = std::max(longest, look.packet);
    if (!c.random || look.fluid >= kComparable) most = std::max(most, look.ratio);
    if (look.fluid >= kTied) tied.push_back(std::log(look.ratio));
  }
  if (longest == 0) return {};
  const Spread spread = spread_of(v);
  const double s = std::max(spread.s, kLeastSpread);
  double unplayed = 0, rivals = 0;
  const auto bins = static_cast<double>(v.unplayed.size());
  for (std::size_t i = 0; i < v.unplayed.size(); ++i) {
    if (v.unplayed[i] == 0) continue;
    unplayed = (static_cast<double>(i) + 1) / bins * v.longest_seconds / v.step_seconds;
    if (static_cast<double>(i) / bins >= kTied) rivals += static_cast<double>(v.unplayed[i]);
  }
  const double played = std::max<double>(1, static_cast<double>(tied.size()));
  const double beyond = std::max(deviation(tied), s) * (largest_of(played + rivals) - largest_of(played));
  const double margin = student(spread.looks) * s;
  return {longest * std::exp(-margin), std::max(longest, unplayed * most) * std::exp(margin + beyond)};
}

}  // namespace weft
