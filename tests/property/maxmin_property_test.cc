// Properties that hold for every max-min problem.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

#include "emulator/fluid/completion.h"
#include "emulator/fluid/fold.h"
#include "emulator/fluid/maxmin.h"
#include "emulator/fluid/maxmin_warm.h"
#include "tests/support/random_problems.h"

namespace weft {
namespace {

using testing::all_close;
using testing::any_problem;
using testing::unfairness;

TEST(MaxMinProperty, NoResourceAboveCapacityAndEveryVariableHasABottleneck) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem();
    RC_ASSERT(validate(arrays.view()).has_value());
    RC_ASSERT(unfairness(arrays.view(), MaxMinSolver().solve(arrays.view())) == "");
  }));
}

TEST(MaxMinProperty, FastSolverEqualsTextbook) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem();
    const auto textbook = textbook_max_min(arrays.view(), transpose(arrays.view()));
    RC_ASSERT(all_close(MaxMinSolver().solve(arrays.view()), textbook));
  }));
}

// Disjoint copies of one problem are symmetric whatever it looks like.
MaxMinArrays copies_of(const MaxMinArrays& one, std::uint32_t copies) {
  MaxMinArrays all;
  for (std::uint32_t c = 0; c < copies; ++c) {
    const auto shift = static_cast<std::uint32_t>(all.capacity.size());
    all.capacity.insert(all.capacity.end(), one.capacity.begin(), one.capacity.end());
    all.bound.insert(all.bound.end(), one.bound.begin(), one.bound.end());
    all.weights.insert(all.weights.end(), one.weights.begin(), one.weights.end());
    for (std::size_t v = 0; v + 1 < one.offsets.size(); ++v) {
      for (std::uint32_t e = one.offsets[v]; e < one.offsets[v + 1]; ++e) {
        all.resources.push_back(one.resources[e] + shift);
      }
      all.end_variable();
    }
  }
  return all;
}

TEST(FoldProperty, FoldedEqualsUnfolded) {
  EXPECT_TRUE(rc::check([] {
    const auto copies = *rc::gen::inRange<std::uint32_t>(1, 6);
    const MaxMinArrays arrays = copies_of(any_problem(), copies);
    const Incidence incidence = transpose(arrays.view());
    const auto folded = fold(arrays.view(), incidence, {}, {1.0, 64});
    RC_ASSERT(folded.has_value());
    RC_ASSERT(folded->quotient.view().variable_count() * copies <= arrays.view().variable_count());
    RC_ASSERT(all_close(solve_folded(arrays.view(), incidence, {1.0, 64}), MaxMinSolver().solve(arrays.view())));
  }));
}

// Replays a completion from its finish times alone: between two finishes the rates are those of the max-min solve of
// who is left, and their integral must be the size.
TEST(CompletionProperty, BytesAreConserved) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem(*rc::gen::arbitrary<bool>(), false);
    const std::size_t variables = arrays.view().variable_count();
    std::vector<double> sizes(variables);
    for (double& size : sizes) size = *rc::gen::element(0.0, 1.0, 1.5, 4.0);
    const auto run = complete(arrays.view(), sizes);
    RC_ASSERT(run.has_value());
    std::vector<double> sent(variables, 0.0);
    std::vector<double> times(run->finish);
    times.push_back(0.0);
    std::sort(times.begin(), times.end());
    for (std::size_t i = 0; i + 1 < times.size() && times[i + 1] < kUnbounded; ++i) {
      if (times[i + 1] - times[i] <= 1e-12) continue;
      MaxMinArrays left = arrays;
      left.bound.assign(variables, kUnbounded);
      for (std::size_t v = 0; v < variables; ++v) left.bound[v] = run->finish[v] > times[i] ? kUnbounded : 0.0;
      const std::vector<double> rates = MaxMinSolver().solve(left.view());
      for (std::size_t v = 0; v < variables; ++v) {
        if (run->finish[v] > times[i]) sent[v] += rates[v] * (times[i + 1] - times[i]);
      }
    }
    for (std::size_t v = 0; v < variables; ++v) {
      const bool local = arrays.offsets[v] == arrays.offsets[v + 1];
      if (run->finish[v] < kUnbounded && !local) RC_ASSERT(testing::close(sent[v], sizes[v], 1e-8));
    }
  }));
}

TEST(CompletionProperty, EqualSizesInOneSolveEqualTheEvents) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem();
    const std::vector<double> size{*rc::gen::element(0.0, 1.0, 3.0)};
    CompletionOptions options;
    const auto at_once = complete(arrays.view(), size, options);
    options.always_step = true;
    const auto stepped = complete(arrays.view(), size, options);
    RC_ASSERT(all_close(at_once->finish, stepped->finish));
  }));
}

TEST(CompletionProperty, SameBytesWithOneAndTwoThreads) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem();
    std::vector<double> size(arrays.view().variable_count());
    for (double& s : size) s = *rc::gen::element(0.0, 1.0, 1.01, 4.0);
    CompletionOptions options;
    options.always_step = true;
    options.batch_epsilon = 0.1;
    const auto one = complete(arrays.view(), size, options);
    options.threads = 2;
    const auto two = complete(arrays.view(), size, options);
    RC_ASSERT(one->finish == two->finish);
    RC_ASSERT(transpose(arrays.view(), 1).variables == transpose(arrays.view(), 2).variables);
  }));
}

std::vector<std::uint32_t> any_entries(std::size_t resources) {
  return *rc::gen::resize(6, rc::gen::container<std::vector<std::uint32_t>>(
                                 rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(resources))));
}

// One random change: a capacity (also to 0), a reroute, an end, a start.
void change(WarmMaxMin& warm, std::size_t resources) {
  const auto variables = static_cast<std::uint32_t>(warm.variable_count());
  const int kind = variables == 0 ? 0 : *rc::gen::inRange(0, 4);
  if (kind == 1) {
    warm.set_entries(*rc::gen::inRange<std::uint32_t>(0, variables), any_entries(resources));
  } else if (kind == 2) {
    warm.remove(*rc::gen::inRange<std::uint32_t>(0, variables));
  } else if (kind == 3) {
    warm.add(any_entries(resources), {}, *rc::gen::element(kUnbounded, 0.4));
  } else {
    warm.set_capacity(*rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(resources)),
                      *rc::gen::element(0.0, 0.5, 1.0, 7.0));
  }
}

TEST(WarmMaxMinProperty, WarmEqualsColdAfterAnyChanges) {
  EXPECT_TRUE(rc::check([] {
    const MaxMinArrays arrays = any_problem();
    const Incidence incidence = transpose(arrays.view());
    // 2: never falls back; 0: falls back as soon as more than a handful are active.
    WarmMaxMin warm(arrays.view(), incidence, {*rc::gen::element(2.0, 2.0, 0.0)});
    const int resolves = *rc::gen::inRange(1, 5);
    for (int i = 0; i < resolves; ++i) {
      const int changes = *rc::gen::inRange(0, 4);
      for (int c = 0; c < changes; ++c) change(warm, arrays.capacity.size());
      warm.resolve();
      const MaxMinArrays now = warm.snapshot();
      const std::vector<double> rates(warm.rates().begin(), warm.rates().end());
      RC_ASSERT(all_close(rates, MaxMinSolver().solve(now.view())));
      RC_ASSERT(unfairness(now.view(), rates) == "");
    }
  }));
}

}  // namespace
}  // namespace weft
