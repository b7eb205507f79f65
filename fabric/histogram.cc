#include "fabric/histogram.h"

#include <algorithm>
#include <cmath>

#include "fabric/error.h"

namespace weft {
namespace {

constexpr unsigned kLargestBits = 40;

Duration to_duration(double nanoseconds) { return Duration{std::llround(nanoseconds * 1e3)}; }

}  // namespace

Histogram::Histogram(unsigned precision_bits) : bits_(precision_bits) {
  WEFT_CHECK(precision_bits >= 1 && precision_bits <= 14);
  counts_.resize(static_cast<std::size_t>(kLargestBits - bits_ + 1) << bits_);
}

void Histogram::merge(const Histogram& other) {
  WEFT_CHECK(bits_ == other.bits_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  sum_of_squares_ += other.sum_of_squares_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() { *this = Histogram(bits_); }

double Histogram::mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }

double Histogram::standard_deviation() const {
  if (count_ == 0) return 0;
  const double m = mean();
  return std::sqrt(std::max(0.0, sum_of_squares_ / static_cast<double>(count_) - m * m));
}

std::uint64_t Histogram::highest_at(std::size_t place) const {
  const std::size_t octave = place >> bits_;
  if (octave < 2) return place;  // width <= bits + 1: exact
  const unsigned shift = static_cast<unsigned>(octave) - 1;
  const std::uint64_t mantissa = place - (static_cast<std::size_t>(shift) << bits_);
  return ((mantissa + 1) << shift) - 1;
}

std::uint64_t Histogram::quantile(double q) const {
  WEFT_CHECK(q >= 0 && q <= 1);
  if (count_ == 0) return 0;
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t place = 0; place < counts_.size(); ++place) {
    seen += counts_[place];
    if (seen >= rank) return std::clamp(highest_at(place), min_, max_);
  }
  return max_;
}

LatencySummary Histogram::summary() const {
  LatencySummary s;
  s.samples = count_;
  const auto at = [this](double q) { return to_duration(static_cast<double>(quantile(q))); };
  s.min = to_duration(static_cast<double>(min()));
  s.max = to_duration(static_cast<double>(max()));
  s.mean = to_duration(mean());
  s.standard_deviation = to_duration(standard_deviation());
  s.p50 = at(0.5), s.p90 = at(0.9), s.p99 = at(0.99), s.p999 = at(0.999), s.p9999 = at(0.9999);
  return s;
}

}  // namespace weft
