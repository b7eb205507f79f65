// The same flows on the same paths through SimGrid's flow model, where libsimgrid-dev is installed.
#include <gtest/gtest.h>

#include "emulator/fluid/completion.h"
#include "tests/support/random_fabrics.h"
#ifdef WEFT_WITH_SIMGRID
#include "bench/fluid_simgrid.h"
#endif

namespace weft {
namespace {

// One test in this program: a process can start SimGrid once.
TEST(SimGrid, FinishTimesOfAPermutationAgreeOnTheSamePaths) {
#ifdef WEFT_WITH_SIMGRID
  const MaxMinArrays arrays = testing::permutation_problem(testing::ThreeTier{16, 400e9}, 1);  // 1,024 flows
  const double bits = 8e9;
  const auto ours = complete(arrays.view(), {&bits, 1});
  ASSERT_TRUE(ours) << ours.error().text();
  const auto peer = bench::run_simgrid(arrays.view(), bits);
  ASSERT_EQ(ours->finish.size(), peer.finish.size());
  for (std::size_t v = 0; v < peer.finish.size(); ++v)
    EXPECT_NEAR(ours->finish[v], peer.finish[v], 1e-6 * peer.finish[v]) << v;
#else
  GTEST_SKIP() << "libsimgrid-dev is not installed";
#endif
}

}  // namespace
}  // namespace weft
