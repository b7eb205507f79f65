// Max-min sharing by hand-calculable cases.
#include "emulator/fluid/maxmin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

MaxMinArrays arrays_of(std::vector<double> capacity, const std::vector<std::vector<std::uint32_t>>& variables) {
  MaxMinArrays arrays;
  arrays.capacity = std::move(capacity);
  for (const auto& entries : variables) {
    arrays.resources.insert(arrays.resources.end(), entries.begin(), entries.end());
    arrays.end_variable();
  }
  return arrays;
}

// Both solvers, which must agree to the last bit on cases this small.
std::vector<double> rates_of(const MaxMinArrays& arrays) {
  EXPECT_TRUE(validate(arrays.view()).has_value());
  const std::vector<double> fast = MaxMinSolver().solve(arrays.view());
  EXPECT_EQ(fast, textbook_max_min(arrays.view(), transpose(arrays.view())));
  return fast;
}

TEST(MaxMin, IncastOfNFlowsGivesEachAnNth) {
  for (const std::uint32_t n : {1U, 2U, 7U, 64U, 1000U}) {
    MaxMinArrays arrays;
    arrays.capacity.assign(n + 1, 400e9);
    for (std::uint32_t sender = 0; sender < n; ++sender) {
      arrays.resources.insert(arrays.resources.end(), {sender + 1, 0U});
      arrays.end_variable();
    }
    EXPECT_THAT(rates_of(arrays), Each(::testing::DoubleEq(400e9 / n)));
  }
}

// oracles.md: A sends to B, C, D, E and F sends to E, all links 10 Gb/s.
TEST(MaxMin, SecondSenderTakesWhatTheSharedReceiverHasLeft) {
  enum : std::uint32_t { kAOut, kFOut, kB, kC, kD, kE };
  const auto arrays =
      arrays_of(std::vector<double>(6, 10.0), {{kAOut, kB}, {kAOut, kC}, {kAOut, kD}, {kAOut, kE}, {kFOut, kE}});
  EXPECT_THAT(rates_of(arrays), ElementsAre(2.5, 2.5, 2.5, 2.5, 7.5));
}

TEST(MaxMin, ParkingLotGivesTheLongFlowTheSmallestShare) {
  EXPECT_THAT(rates_of(arrays_of({1.0, 2.0, 4.0}, {{0, 1, 2}, {0}, {1}, {2}})), ElementsAre(0.5, 0.5, 1.5, 3.5));
}

TEST(MaxMin, RepeatedResourceConsumesTwice) {
  EXPECT_THAT(rates_of(arrays_of({9.0}, {{0, 0}, {0}})), ElementsAre(3.0, 3.0));
}

TEST(MaxMin, LockstepBundleRunsAtThePaceOfItsSlowestPart) {
  // Parts on links 0 and 1; link 0 is shared with another flow, which leaves link 1 half empty.
  EXPECT_THAT(rates_of(arrays_of({1.0, 1.0}, {{0, 1}, {0}, {1}})), ElementsAre(0.5, 0.5, 0.5));
  EXPECT_THAT(rates_of(arrays_of({1.0, 1.0}, {{0, 1}, {0}})), ElementsAre(0.5, 0.5));
}

TEST(MaxMin, WeightsAreSharesOfAPool) {
  auto arrays = arrays_of({1.0, 1.0}, {{0, 1}, {0}});
  arrays.weights = {0.25, 0.75, 1.0};
  EXPECT_THAT(rates_of(arrays), ElementsAre(0.8, 0.8));
}

TEST(MaxMin, BoundedVariableLeavesItsShareToTheOthers) {
  auto arrays = arrays_of({9.0}, {{0}, {0}, {0}});
  arrays.bound = {1.0, kUnbounded, kUnbounded};
  EXPECT_THAT(rates_of(arrays), ElementsAre(1.0, 4.0, 4.0));
}

TEST(MaxMin, FailedLinkStopsItsVariablesOnly) {
  EXPECT_THAT(rates_of(arrays_of({0.0, 1.0}, {{0, 1}, {1}})), ElementsAre(0.0, 1.0));
}

TEST(MaxMin, VariableWithoutEntriesRunsAtItsBound) {
  auto arrays = arrays_of({1.0}, {{}, {}, {0}});
  arrays.bound = {5.0, kUnbounded, kUnbounded};
  EXPECT_THAT(rates_of(arrays), ElementsAre(5.0, kUnbounded, 1.0));
}

TEST(MaxMin, EmptyProblemHasNoRates) { EXPECT_TRUE(rates_of(arrays_of({1.0}, {})).empty()); }

TEST(MaxMin, TransposeListsVariablesInOrderForAnyThreadCount) {
  const auto arrays = arrays_of({1.0, 1.0, 1.0}, {{2, 0}, {0, 0}, {2}});
  for (const unsigned threads : {1U, 2U, 5U}) {
    const Incidence t = transpose(arrays.view(), threads);
    EXPECT_THAT(t.offsets, ElementsAre(0, 3, 3, 5));
    EXPECT_THAT(t.variables, ElementsAre(0, 1, 1, 0, 2));
  }
}

std::string complaint(const MaxMinArrays& arrays) {
  const auto verdict = validate(arrays.view());
  return verdict ? "" : verdict.error().text();
}

TEST(MaxMinValidate, NamesPlaceValueAndWayOut) {
  auto arrays = arrays_of({1.0, -2.0}, {{0}});
  EXPECT_THAT(complaint(arrays), HasSubstr("capacity[1] is not a finite number >= 0"));
  EXPECT_THAT(complaint(arrays), HasSubstr("0 for a failed one"));
  EXPECT_THAT(complaint(arrays_of({1.0}, {{0}, {0, 3}})), HasSubstr("resources[2] is out of range: '3'"));
  arrays = arrays_of({1.0}, {{0}});
  arrays.weights = {0.0};
  EXPECT_THAT(complaint(arrays), HasSubstr("weights[0] is not a finite number > 0"));
  arrays.weights = {1.0, 1.0};
  EXPECT_THAT(complaint(arrays), HasSubstr("weights are not one per entry"));
  arrays.weights.clear();
  arrays.bound = {-1.0};
  EXPECT_THAT(complaint(arrays), HasSubstr("bound[0] is not a number >= 0"));
  arrays.bound = {1.0, 1.0};
  EXPECT_THAT(complaint(arrays), HasSubstr("bounds are not one per variable"));
  arrays.bound.clear();
  arrays.offsets = {0, 5, 1};
  EXPECT_THAT(complaint(arrays), HasSubstr("offsets[2] is less than the one before"));
  arrays.offsets = {0, 2};
  EXPECT_THAT(complaint(arrays), HasSubstr("offsets do not span the entries"));
}

}  // namespace
}  // namespace weft
