// What hash collisions cost, against the Monte-Carlo table (oracles.md, "ECMP hash collisions").
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "emulator/fluid/maxmin.h"
#include "tests/support/random_fabrics.h"

namespace weft {
namespace {

using testing::permutation_problem;
using testing::SplitMix;
using testing::ThreeTier;
using testing::TwoTier;

// WEFT_TEST_FULL=1 runs every seed; otherwise as many as the tolerance needs.
std::uint64_t seeds(std::uint64_t quick, std::uint64_t full) {
  const char* all = std::getenv("WEFT_TEST_FULL");
  return all != nullptr && *all == '1' ? full : quick;
}

// Mean over seeds of the flows' mean rate (summed over the `paths` parts of a flow) as a fraction of line rate.
template <typename Fabric>
double mean_rate(const Fabric& fabric, std::uint64_t seed_count, std::uint32_t paths = 1, bool lockstep = false) {
  double total = 0.0;
  MaxMinSolver solver;
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    const MaxMinArrays arrays = permutation_problem(fabric, seed, paths, lockstep);
    const std::vector<double> rates = solver.solve(arrays.view());
    const double parts = lockstep ? paths : 1.0;
    const double flows = static_cast<double>(rates.size()) / (lockstep ? 1.0 : paths);
    total += std::accumulate(rates.begin(), rates.end(), 0.0) * parts / flows;
  }
  return total / static_cast<double>(seed_count);
}

struct PermutationRow {
  std::uint32_t k;
  double mean;
  std::uint64_t quick, full;
};

TEST(EcmpMonteCarlo, TwoTierPermutationMeanRate) {
  EXPECT_NEAR(mean_rate(TwoTier{16, 16, 16}, seeds(200, 1000)), 0.552, 0.02 * 0.552);
  EXPECT_NEAR(mean_rate(TwoTier{32, 32, 32}, seeds(20, 100)), 0.522, 0.02 * 0.522);
}

TEST(EcmpMonteCarlo, ThreeTierPermutationMeanRate) {
  for (const PermutationRow& row :
       {PermutationRow{8, .474, 200, 1000}, PermutationRow{16, .427, 50, 200}, PermutationRow{20, .419, 10, 50},
        PermutationRow{32, .408, 5, 20}, PermutationRow{64, .399, 1, 5}}) {
    EXPECT_NEAR(mean_rate(ThreeTier{row.k}, seeds(row.quick, row.full)), row.mean, 0.02 * row.mean) << "k=" << row.k;
  }
}

TEST(EcmpMonteCarlo, MillionFlowPermutationMeanRate) {
  if (seeds(0, 1) == 0) GTEST_SKIP() << "WEFT_TEST_FULL=1 runs k=160";
  EXPECT_NEAR(mean_rate(ThreeTier{160}, 1), 0.394, 0.02 * 0.394);
}

struct SplitRow {
  std::uint32_t paths;
  double independent, lockstep;
};

// The table gives two digits as means of 3-5 seeds, +-.01; 2 % where that is more.
double tolerance(double expected) { return std::max(0.01, 0.02 * expected); }

TEST(EcmpMonteCarlo, FlowSplitOverQPaths) {
  for (const SplitRow& row : {SplitRow{1, .52, .52}, SplitRow{2, .68, .57}, SplitRow{4, .83, .62},
                              SplitRow{8, .92, .67}, SplitRow{16, .97, .71}, SplitRow{32, .99, .77}}) {
    const TwoTier fabric{32, 32, 32};
    EXPECT_NEAR(mean_rate(fabric, seeds(20, 100), row.paths, false), row.independent, tolerance(row.independent))
        << "q=" << row.paths;
    EXPECT_NEAR(mean_rate(fabric, seeds(20, 100), row.paths, true), row.lockstep, tolerance(row.lockstep))
        << "q=" << row.paths;
  }
}

struct Collisions {
  double none = 0.0;      // share of trials without any collision
  double used = 0.0;      // mean share of paths with a flow
  double max_load = 0.0;  // mean of the fullest path
};

Collisions throw_flows(std::uint32_t flows, std::uint32_t paths, std::uint64_t trials) {
  SplitMix random(flows * 1000003ULL + paths);
  Collisions sum;
  std::vector<std::uint32_t> load(paths);
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    std::fill(load.begin(), load.end(), 0U);
    for (std::uint32_t flow = 0; flow < flows; ++flow) ++load[random.below(paths)];
    const auto used = static_cast<double>(paths - std::count(load.begin(), load.end(), 0U));
    sum.none += used == flows ? 1.0 : 0.0;
    sum.used += used / paths;
    sum.max_load += *std::max_element(load.begin(), load.end());
  }
  const auto n = static_cast<double>(trials);
  return {sum.none / n, sum.used / n, sum.max_load / n};
}

TEST(EcmpMonteCarlo, ProbabilityOfNoCollisionAndShareOfUsedPaths) {
  const std::uint64_t trials = seeds(200'000, 2'000'000);
  for (const auto& [m, k] : {std::pair{2U, 8U}, std::pair{4U, 8U}, std::pair{4U, 16U}, std::pair{8U, 64U}}) {
    double none = 1.0;
    for (std::uint32_t i = 0; i < m; ++i) none *= static_cast<double>(k - i) / k;
    const Collisions seen = throw_flows(m, k, trials);
    EXPECT_NEAR(seen.none, none, 0.02 * none) << m << " flows on " << k;
    const double used = 1.0 - std::pow(1.0 - 1.0 / k, m);
    EXPECT_NEAR(seen.used, used, 0.02 * used) << m << " flows on " << k;
  }
}

TEST(EcmpMonteCarlo, ExpectedLoadOfTheFullestPath) {
  struct Row {
    std::uint32_t k;
    double load;
  };
  for (const Row& row : {Row{4, 2.125}, Row{8, 2.597}, Row{16, 3.078}, Row{32, 3.533}, Row{64, 3.958}, Row{128, 4.379},
                         Row{256, 4.767}}) {
    EXPECT_NEAR(throw_flows(row.k, row.k, seeds(20'000, 200'000)).max_load, row.load, 0.02 * row.load) << row.k;
  }
}

}  // namespace
}  // namespace weft
