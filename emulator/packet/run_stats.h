// What a run leaves behind besides its time: message completion times, rates of flows, flows on links.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

// Durations in buckets of under 1 % of their size. The maximum is exact.
class DurationHistogram {
 public:
  void add(Ps duration) {
    const auto d = static_cast<std::uint64_t>(duration);
    ++counts_[bucket_of(d)];
    ++count_;
    max_ = std::max(max_, d);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Ps max() const { return static_cast<Ps>(max_); }
  // The smallest bucket's upper end below which lies at least `share` of all. 0 where there is nothing.
  [[nodiscard]] Ps percentile(double share) const;

 private:
  static constexpr unsigned kBits = 7;  // 128 buckets a power of two
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t d) {
    if (d < (2U << kBits)) return d;
    const auto shift = static_cast<unsigned>(std::bit_width(d)) - kBits - 1;
    return (std::size_t{shift} << kBits) + (d >> shift);
  }
  [[nodiscard]] static std::uint64_t top_of(std::size_t bucket) {
    if (bucket < (2U << kBits)) return bucket;
    const auto shift = static_cast<unsigned>((bucket >> kBits) - 1);
    return (((bucket - (std::size_t{shift} << kBits)) + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - kBits + 1) << kBits, 0);
  std::uint64_t count_ = 0, max_ = 0;
};

// Of one phase.
struct PhaseStats {
  Ps first_post = kNever, last_received = 0;
  std::uint64_t flows = 0;                              // transfers through the network
  double rate_sum = 0, rate_squares = 0, rate_min = 0;  // bits/s
  std::vector<float> flows_on_link;                     // of its first step

  void add_rate(double rate) {
    rate_min = flows == 0 ? rate : std::min(rate_min, rate);
    ++flows;
    rate_sum += rate;
    rate_squares += rate * rate;
  }
  // (sum x)^2 / (n sum x^2)
  [[nodiscard]] double jain() const {
    return rate_squares == 0 ? 1.0 : rate_sum * rate_sum / (static_cast<double>(flows) * rate_squares);
  }
  [[nodiscard]] double seconds() const {
    return last_received <= first_post ? 0.0 : static_cast<double>(last_received - first_post) * 1e-12;
  }
};

inline Ps DurationHistogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_ - 1)) + 1;
  std::uint64_t seen = 0;
  for (std::size_t b = 0; b < counts_.size(); ++b) {
    seen += counts_[b];
    if (seen >= wanted) return static_cast<Ps>(std::min(top_of(b), max_));
  }
  return max();
}

}  // namespace weft::packet
