// Warm starts, completion and folding by hand-calculable cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "emulator/fluid/completion.h"
#include "emulator/fluid/fold.h"
#include "emulator/fluid/maxmin_warm.h"
#include "tests/support/random_fabrics.h"
#include "tests/support/random_problems.h"

namespace weft {
namespace {

using testing::all_close;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::permutation_problem;
using testing::PlanesFabric;
using testing::SplitMix;
using testing::ThreeTier;
using testing::TwoTier;

MaxMinArrays incast(std::uint32_t senders, double rate) {
  MaxMinArrays arrays;
  arrays.capacity.assign(senders + 1, rate);
  for (std::uint32_t s = 0; s < senders; ++s) {
    arrays.resources.insert(arrays.resources.end(), {s + 1, 0U});
    arrays.end_variable();
  }
  return arrays;
}

TEST(WarmMaxMin, EndedFlowLeavesItsShareToTheOthers) {
  const MaxMinArrays arrays = incast(4, 12.0);
  const Incidence incidence = transpose(arrays.view());
  WarmMaxMin warm(arrays.view(), incidence, {2.0});
  EXPECT_THAT(warm.rates(), Each(3.0));
  warm.remove(1);
  warm.resolve();
  EXPECT_THAT(warm.rates(), ElementsAre(4.0, 0.0, 4.0, 4.0));
}

TEST(WarmMaxMin, FailedLinkMovesItsFlowAndNothingFarAway) {
  // Two flows on links 0 and 1, a third far away on link 2; link 0 fails and its flow joins link 1.
  MaxMinArrays arrays;
  arrays.capacity = {1.0, 1.0, 1.0};
  arrays.resources = {0, 1, 2};
  for (std::uint32_t end : {1U, 2U, 3U}) arrays.offsets.push_back(end);
  const Incidence incidence = transpose(arrays.view());
  WarmMaxMin warm(arrays.view(), incidence, {2.0});
  warm.set_capacity(0, 0.0);
  const std::uint32_t detour = 1;
  warm.set_entries(0, {&detour, 1});
  const WarmStats stats = warm.resolve();
  EXPECT_THAT(warm.rates(), ElementsAre(0.5, 0.5, 1.0));
  EXPECT_EQ(stats.active_variables, 2U);
  EXPECT_FALSE(stats.cold);
}

TEST(WarmMaxMin, AddedFlowTakesItsShareAndColdFallbackAgrees) {
  const MaxMinArrays arrays = incast(2, 12.0);
  const Incidence incidence = transpose(arrays.view());
  WarmMaxMin warm(arrays.view(), incidence);
  const std::uint32_t sink = 0;
  EXPECT_EQ(warm.add({&sink, 1}), 2U);
  warm.resolve();
  EXPECT_THAT(warm.rates(), Each(4.0));
  EXPECT_TRUE(warm.resolve_cold().cold);
  EXPECT_THAT(warm.rates(), Each(4.0));
  EXPECT_THAT(warm.users(0), ElementsAre(0, 1, 2));
}

TEST(WarmMaxMin, FailedUplinkWithPlanesCoupledByLockstepEqualsCold) {
  const PlanesFabric fabric{4, 8, 16, 16, 100e9};
  const MaxMinArrays arrays = permutation_problem(fabric, 7, 4, true);
  const Incidence incidence = transpose(arrays.view());
  WarmMaxMin warm(arrays.view(), incidence);
  SplitMix random(3);
  for (int failure = 0; failure < 20; ++failure) {
    warm.set_capacity(fabric.leaf_uplink(random.below(4), random.below(8), random.below(16)), 0.0);
    warm.resolve();
    const std::vector<double> rates(warm.rates().begin(), warm.rates().end());
    const MaxMinArrays now = warm.snapshot();
    std::vector<double> scaled = MaxMinSolver().solve(now.view());
    for (std::size_t v = 0; v < rates.size(); ++v) EXPECT_NEAR(rates[v], scaled[v], 1e-9 * 100e9);
  }
}

std::vector<double> finish_of(const MaxMinArrays& arrays, const std::vector<double>& sizes, double epsilon = 0.0) {
  CompletionOptions options;
  options.batch_epsilon = epsilon;
  const auto run = complete(arrays.view(), sizes, options);
  EXPECT_TRUE(run.has_value());
  return run->finish;
}

// oracles.md: N:1 incast of S each on a link of rate C finishes at N S / C.
TEST(Completion, IncastFinishesAtNTimesSizeOverRate) {
  for (const double epsilon : {0.0, 0.05}) {
    EXPECT_THAT(finish_of(incast(64, 400e9), {8e6}, epsilon), Each(::testing::DoubleEq(64 * 8e6 / 400e9)));
  }
}

TEST(Completion, WhatAFinishedFlowFreesIsSharedOutAgain) {
  // Sizes 1, 2, 3 on a link of rate 3: thirds until 1, halves until 5/3, then alone until 2.
  MaxMinArrays arrays;
  arrays.capacity = {3.0};
  arrays.resources = {0, 0, 0};
  arrays.offsets = {0, 1, 2, 3};
  const auto near = [](double x) { return DoubleNear(x, 1e-12); };
  EXPECT_THAT(finish_of(arrays, {1, 2, 3}), ElementsAre(near(1.0), near(5.0 / 3.0), near(2.0)));
}

TEST(Completion, NothingToSendFinishesAtOnceAndADeadLinkNever) {
  MaxMinArrays arrays;
  arrays.capacity = {1.0, 0.0};
  arrays.resources = {0, 0, 1};
  arrays.offsets = {0, 1, 2, 3};
  for (const double epsilon : {0.0, 0.05}) {
    EXPECT_THAT(finish_of(arrays, {0, 4, 4}, epsilon), ElementsAre(0.0, 4.0, kUnbounded));
  }
}

TEST(Completion, LocalVariableTakesNoTime) {
  MaxMinArrays arrays;
  arrays.capacity = {1.0};
  arrays.offsets = {0, 0};
  for (const double epsilon : {0.0, 0.05}) EXPECT_THAT(finish_of(arrays, {4}, epsilon), ElementsAre(0.0));
}

TEST(Completion, CancelledRunSaysSo) {
  const std::atomic<bool> cancelled{true};
  CompletionOptions options;
  options.cancelled = &cancelled;
  for (const double epsilon : {0.0, 0.05}) {
    options.batch_epsilon = epsilon;
    const double size = 1.0;
    const auto run = complete(incast(3, 1.0).view(), {&size, 1}, options);
    ASSERT_FALSE(run.has_value());
    EXPECT_EQ(run.error().code, ErrorCode::kInterrupted);
  }
}

TEST(Completion, ProgressEndsAtAllFlows) {
  double last = 0.0;
  CompletionOptions options;
  options.progress = [&last](double done, double total) { last = done / total; };
  const double size = 1.0;
  ASSERT_TRUE(complete(incast(3, 1.0).view(), {&size, 1}, options).has_value());
  EXPECT_EQ(last, 1.0);
}

TEST(Completion, BadSizesAndEpsilonNamePlaceAndValue) {
  const MaxMinArrays arrays = incast(3, 1.0);
  const std::vector<double> two{1, 1};
  EXPECT_THAT(complete(arrays.view(), two).error().text(), HasSubstr("sizes are not one per variable: '2'"));
  const std::vector<double> negative{1, -1, 1};
  EXPECT_THAT(complete(arrays.view(), negative).error().text(), HasSubstr("sizes[1] is not a finite number >= 0"));
  CompletionOptions options;
  options.batch_epsilon = 2.0;
  EXPECT_THAT(complete(arrays.view(), std::vector<double>{1}, options).error().text(),
              HasSubstr("batch_epsilon is not between 0 and 1"));
}

// Sizes of 1, 2, 4 and 8 in turn: what ends frees capacity for what goes on, and batches have something to miss.
void expect_batched_near_exact(const char* pattern, const MaxMinArrays& arrays) {
  std::vector<double> sizes(arrays.view().variable_count());
  SplitMix random(1);
  for (double& size : sizes) size = static_cast<double>(1U << random.below(4));
  const std::vector<double> exact = finish_of(arrays, sizes);
  const std::vector<double> batched = finish_of(arrays, sizes, 0.02);
  double worst = 0.0;
  double mean = 0.0;
  for (std::size_t v = 0; v < exact.size(); ++v) {
    const double error = std::abs(batched[v] / exact[v] - 1.0);
    worst = std::max(worst, error);
    mean += error / static_cast<double>(exact.size());
  }
  const double last = *std::max_element(batched.begin(), batched.end()) / *std::max_element(exact.begin(), exact.end());
  std::printf("batched 0.02, %s of %zu flows: finish times off by %.4f in the mean, %.4f at worst, the last by %.4f\n",
              pattern, exact.size(), mean, worst, last - 1.0);
  EXPECT_LT(mean, 0.02) << pattern;
  EXPECT_LT(worst, 0.15) << pattern;  // one flow may wait for a whole batch, and again in the next
  EXPECT_LT(std::abs(last - 1.0), 0.03) << pattern;
}

MaxMinArrays all_to_all(const TwoTier& fabric) {
  MaxMinArrays arrays;
  arrays.capacity.assign(fabric.links(), fabric.rate);
  SplitMix random(5);
  for (std::uint32_t from = 0; from < fabric.hosts(); ++from) {
    for (std::uint32_t step = 1; step < fabric.hosts(); ++step) {
      fabric.append_path(from, (from + step) % fabric.hosts(), random, arrays.resources);
      arrays.end_variable();
    }
  }
  return arrays;
}

TEST(Completion, BatchedErrorAgainstExactIsMeasuredAndSmall) {
  const bool full = std::getenv("WEFT_TEST_FULL") != nullptr;
  expect_batched_near_exact("permutation", permutation_problem(ThreeTier{full ? 40U : 16U}, 1));
  expect_batched_near_exact("incast", incast(full ? 16384 : 1024, 1.0));
  expect_batched_near_exact("all_to_all", all_to_all(full ? TwoTier{8, 16, 16} : TwoTier{4, 8, 8}));
}

TEST(Fold, SymmetricIncastIsOneClassOfSenders) {
  const MaxMinArrays arrays = incast(100, 10.0);
  const Incidence incidence = transpose(arrays.view());
  const auto folded = fold(arrays.view(), incidence);
  ASSERT_TRUE(folded.has_value());
  EXPECT_EQ(folded->quotient.view().variable_count(), 1U);
  EXPECT_THAT(folded->class_size, ElementsAre(100U));
  EXPECT_THAT(solve_folded(arrays.view(), incidence), Each(0.1));
}

TEST(Fold, DifferentSizesOrBoundsDoNotShareAClass) {
  MaxMinArrays arrays = incast(4, 10.0);
  const Incidence incidence = transpose(arrays.view());
  const auto by_size = fold(arrays.view(), incidence, std::vector<double>{1, 1, 2, 2}, {1.0, 64});
  ASSERT_TRUE(by_size.has_value());
  EXPECT_THAT(by_size->class_size, ElementsAre(2U, 2U));
  arrays.bound = {1.0, kUnbounded, kUnbounded, kUnbounded};
  EXPECT_THAT(solve_folded(arrays.view(), incidence, {1.0, 64}), ElementsAre(1.0, 3.0, 3.0, 3.0));
}

TEST(Fold, HashedPathsDoNotFold) {
  const MaxMinArrays arrays = permutation_problem(TwoTier{16, 16, 16}, 1);
  EXPECT_FALSE(fold(arrays.view(), transpose(arrays.view())).has_value());
}

}  // namespace
}  // namespace weft
