// Properties that hold for every max-min problem.
#include <gtest/gtest.h>
#include <rapidcheck.h>

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
