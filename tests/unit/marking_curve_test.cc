// Thresholds found again from marks that were drawn from a known curve.
#include "dpdk/checks/marking_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

namespace weft::dpdk {
namespace {

std::vector<MarkSample> drawn(const MarkingCurve& curve, double longest, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> share(0, 1);
  std::vector<MarkSample> samples(count);
  for (MarkSample& sample : samples) {
    sample.queue = longest * share(random);
    sample.marked = share(random) < curve.probability(sample.queue);
  }
  return samples;
}

TEST(MarkingCurve, ProbabilityIsRedsFormula) {
  const MarkingCurve curve{30'000, 90'000, 0.2};
  EXPECT_EQ(curve.probability(0), 0);
  EXPECT_EQ(curve.probability(29'999), 0);
  EXPECT_DOUBLE_EQ(curve.probability(60'000), 0.1);
  EXPECT_EQ(curve.probability(90'000), 1);
  const MarkingCurve step{50'000, 50'000, 1};
  EXPECT_EQ(step.probability(49'999), 0);
  EXPECT_EQ(step.probability(50'000), 1);
}

TEST(MarkingCurve, BinsCountAndAverage) {
  const std::vector<MarkSample> samples{{0, false}, {9, true}, {10, true}, {99, true}, {1'000, true}};
  const auto bins = bin_samples(samples, 10, 100);
  ASSERT_EQ(bins.size(), 3U);
  EXPECT_EQ(bins[0].packets, 2U);
  EXPECT_EQ(bins[0].marked, 1U);
  EXPECT_DOUBLE_EQ(bins[0].queue, 4.5);
  EXPECT_EQ(bins[1].packets, 1U);
  EXPECT_EQ(bins[2].packets, 2U);
  EXPECT_DOUBLE_EQ(bins[2].queue, 549.5);
}

TEST(MarkingCurve, RedIsFoundAgain) {
  const auto fit = fit_marking(drawn({30'000, 90'000, 0.2}, 200'000, 20'000, 1));
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->curve.k_min, 30'000, 6'000);
  EXPECT_NEAR(fit->curve.k_max, 90'000, 2 * fit->resolution);
  EXPECT_NEAR(fit->curve.p_max, 0.2, 0.04);
  EXPECT_TRUE(fit->saturated);
}

TEST(MarkingCurve, StepIsFoundAgain) {
  const auto fit = fit_marking(drawn({65'000, 65'000, 1}, 300'000, 5'000, 2));
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->curve.k_min, 65'000, 2 * fit->resolution);
  EXPECT_NEAR(fit->curve.k_max, 65'000, 2 * fit->resolution);
}

TEST(MarkingCurve, AFewWrongMarksDoNotMoveIt) {
  auto samples = drawn({50'000, 100'000, 1}, 200'000, 10'000, 3);
  samples.push_back({100, true});
  samples.push_back({190'000, false});
  const auto fit = fit_marking(samples);
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->curve.k_min, 50'000, 5'000);
  EXPECT_NEAR(fit->curve.k_max, 100'000, 5'000);
}

TEST(MarkingCurve, QueuesBelowKmaxAloneAreSaid) {
  const auto fit = fit_marking(drawn({20'000, 200'000, 0.5}, 100'000, 20'000, 4));
  ASSERT_TRUE(fit.has_value());
  EXPECT_FALSE(fit->saturated);
  EXPECT_NEAR(fit->curve.k_min, 20'000, 5'000);
}

TEST(MarkingCurve, NothingToFit) {
  EXPECT_FALSE(fit_marking({}).has_value());
  EXPECT_FALSE(fit_marking(std::vector<MarkSample>{{10, false}, {90, false}}).has_value());
  EXPECT_FALSE(fit_marking(std::vector<MarkSample>{{10, true}, {90, true}}).has_value());
  EXPECT_FALSE(fit_marking(std::vector<MarkSample>{{0, true}, {0, false}}).has_value());
}

TEST(MarkingCurve, QueueIsDelayTimesDrain) {
  // 80 us more than the shortest at 10 Gb/s: 100,000 bytes.
  const std::vector<DelaySample> delays{{20e-6, false}, {100e-6, true}, {19e-6, false}};
  const auto queues = queues_from_delays(delays, 20e-6, Rate::gbps(10));
  ASSERT_EQ(queues.size(), 3U);
  EXPECT_EQ(queues[0].queue, 0);
  EXPECT_NEAR(queues[1].queue, 100'000, 1e-6);
  EXPECT_TRUE(queues[1].marked);
  EXPECT_EQ(queues[2].queue, 0);
}

RC_GTEST_PROP(MarkingCurveProperty, AnyRedIsFoundWithinAFewBins, ()) {
  const double k_min = *rc::gen::inRange(10, 100) * 1e3;
  const double k_max = k_min + *rc::gen::inRange(20, 200) * 1e3;
  const double p_max = *rc::gen::inRange(20, 100) / 100.0;
  const auto seed = *rc::gen::inRange<std::uint64_t>(0, 1'000'000);
  const auto fit = fit_marking(drawn({k_min, k_max, p_max}, 1.5 * k_max, 20'000, seed));
  RC_ASSERT(fit.has_value());
  // The start of a slope is as sharp as the slope: 0.1 of the width, or 4 bins.
  const double slack = std::max(0.12 * (k_max - k_min) / std::sqrt(p_max), 4 * fit->resolution);
  RC_ASSERT(std::abs(fit->curve.k_min - k_min) < slack);
  RC_ASSERT(std::abs(fit->curve.k_max - k_max) < slack);
}

}  // namespace
}  // namespace weft::dpdk
