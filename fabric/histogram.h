// A latency histogram of constant memory: log-linear, exact to a nanosecond below 2^(precision_bits + 1) ns and to one
// part in 2^precision_bits above (the layout of HdrHistogram, hdrhistogram.org).
#pragma once

#include <cstdint>
#include <vector>

#include "fabric/measurement.h"
#include "fabric/units.h"

namespace weft {

class Histogram {
 public:
  static constexpr std::uint64_t kLargest =
      (std::uint64_t{1} << 40) - 1;  // ns, 18 minutes; larger values count as this

  // REQUIRES: 1 <= precision_bits <= 14. Memory: 8 B x 2^precision_bits x (41 - precision_bits); 11: 480 KiB.
  explicit Histogram(unsigned precision_bits = 11);

  void record(std::uint64_t nanoseconds, std::uint64_t times = 1) {
    const std::uint64_t value = nanoseconds < kLargest ? nanoseconds : kLargest;
    counts_[place_of(value)] += times;
    count_ += times;
    sum_ += static_cast<double>(value) * static_cast<double>(times);
    sum_of_squares_ += static_cast<double>(value) * static_cast<double>(value) * static_cast<double>(times);
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }
  // REQUIRES: both have the same precision.
  void merge(const Histogram& other);
  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t min() const { return count_ > 0 ? min_ : 0; }  // ns
  [[nodiscard]] std::uint64_t max() const { return max_; }                   // ns
  [[nodiscard]] double mean() const;                                         // ns
  [[nodiscard]] double standard_deviation() const;                           // ns, of the population
  // The smallest recorded value, to the histogram's precision, that at least a share q of the values do not exceed.
  // 0 when empty. REQUIRES: 0 <= q <= 1.
  [[nodiscard]] std::uint64_t quantile(double q) const;
  [[nodiscard]] LatencySummary summary() const;

 private:
  // Values below 2^bits have a place each; each octave above has 2^bits places.
  [[nodiscard]] std::size_t place_of(std::uint64_t value) const {
    const unsigned width = 64U - static_cast<unsigned>(__builtin_clzll(value | 1));
    const unsigned shift = width > bits_ + 1 ? width - bits_ - 1 : 0;
    return (static_cast<std::size_t>(shift) << bits_) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] std::uint64_t highest_at(std::size_t place) const;

  unsigned bits_;
  std::uint64_t count_ = 0, min_ = ~std::uint64_t{0}, max_ = 0;
  double sum_ = 0, sum_of_squares_ = 0;
  std::vector<std::uint64_t> counts_;
};

}  // namespace weft
