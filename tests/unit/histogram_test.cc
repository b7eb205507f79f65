// The latency histogram against sorted values.
#include "fabric/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace weft {
namespace {

TEST(Histogram, EmptyIsZero) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0);
  EXPECT_EQ(empty.min(), 0);
  EXPECT_EQ(empty.quantile(0.99), 0);
  EXPECT_EQ(empty.standard_deviation(), 0);
}

TEST(Histogram, ExactToANanosecondBelow4Microseconds) {
  Histogram h;
  for (std::uint64_t v = 1; v <= 4000; ++v) h.record(v);
  EXPECT_EQ(h.quantile(0.5), 2000);
  EXPECT_EQ(h.quantile(0.99), 3960);
  EXPECT_EQ(h.quantile(0.999), 3996);
  EXPECT_EQ(h.quantile(0), 1);
  EXPECT_EQ(h.quantile(1), 4000);
  EXPECT_DOUBLE_EQ(h.mean(), 2000.5);
  EXPECT_NEAR(h.standard_deviation(), std::sqrt((4000.0 * 4000 - 1) / 12), 1e-6);
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValuesToItsPrecision) {
  std::mt19937_64 random(7);
  for (const unsigned bits : {5U, 11U, 14U}) {
    Histogram h(bits);
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(random() >> (24 + random() % 40));
      h.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
      const auto exact = static_cast<double>(values[static_cast<std::size_t>(std::ceil(q * 20'000)) - 1]);
      const auto read = static_cast<double>(h.quantile(q));
      EXPECT_GE(read, exact) << bits << " " << q;
      EXPECT_LE(read, exact * (1 + std::ldexp(1, -static_cast<int>(bits)))) << bits << " " << q;
    }
  }
}

TEST(Histogram, MergedIsAsRecordedTogether) {
  Histogram a, b, both;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? a : b).record(i * i);
    both.record(i * i);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.min(), both.min());
  EXPECT_EQ(a.max(), both.max());
  for (const double q : {0.1, 0.5, 0.9, 1.0}) EXPECT_EQ(a.quantile(q), both.quantile(q));
  EXPECT_DOUBLE_EQ(a.mean(), both.mean());
}

TEST(Histogram, ValuesBeyondTheLargestCountAsTheLargest) {
  Histogram h(3);
  h.record(~std::uint64_t{0});
  h.record(0, 2);
  EXPECT_EQ(h.count(), 3);
  EXPECT_EQ(h.max(), Histogram::kLargest);
  EXPECT_EQ(h.quantile(1), Histogram::kLargest);
  EXPECT_EQ(h.quantile(0.5), 0);
}

TEST(Histogram, SummaryIsInPicoseconds) {
  Histogram h;
  for (const std::uint64_t v : {10, 20, 30}) h.record(v);
  const LatencySummary s = h.summary();
  EXPECT_EQ(s.samples, 3);
  EXPECT_EQ(s.min, Duration::ns(10));
  EXPECT_EQ(s.p50, Duration::ns(20));
  EXPECT_EQ(s.p9999, Duration::ns(30));
  EXPECT_EQ(s.mean, Duration::ns(20));
  EXPECT_EQ(s.standard_deviation, (Duration{8165}));
}

}  // namespace
}  // namespace weft
