// Properties that hold for every max-min problem.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "emulator/fluid/maxmin.h"
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

}  // namespace
}  // namespace weft
