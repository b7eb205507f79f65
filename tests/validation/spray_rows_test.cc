// Spray, adaptive and static routing against what is known of them: full line rate, and HotI'08's ordering.
#include <numeric>

#include "tests/support/prediction.h"

namespace weft {
namespace {

using testing::ask;
using testing::close_to;
using testing::fat_tree;
using testing::kGiB;
using testing::routed;
using testing::run;
using testing::seconds;
using testing::sprayed;
using Kind = CollectiveKind;

constexpr double kOneBuffer = 8.0 * kGiB / 400e9;

FabricSpec with(FabricSpec spec, RoutingKind kind) {
  spec.routing.kind = kind;
  return spec;
}

std::vector<double> first_rates(const FabricSpec& spec, Kind kind, std::uint64_t seed) {
  auto request = ask(kind, "random");
  request.collective.seed = seed;
  const auto r = routed(spec, request, seed);
  const FlowSet flows = r.flows();
  const std::vector<double> capacity = r.capacity();
  return MaxMinSolver().solve(flows.problem(capacity));
}

double mean_rate(const FabricSpec& spec, Kind kind, std::uint64_t seeds) {
  double total = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<double> rates = first_rates(spec, kind, seed);
    total += std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size()) / 400e9;
  }
  return total / static_cast<double>(seeds);
}

TEST(SprayRows, PermutationRunsAtFullLineRateOnFullBisection) {
  for (const FabricSpec& spec : {fat_tree(128, 16, 2), fat_tree(128, 8, 3), fat_tree(1024, 16, 3)})
    for (const double rate : first_rates(sprayed(spec), Kind::kPermutation, 7)) EXPECT_TRUE(close_to(rate, 400e9));
}

TEST(SprayRows, AllToAllRunsAtFullLineRateOnFullBisection) {
  const FabricSpec spec = sprayed(fat_tree(128, 8, 3));
  EXPECT_TRUE(close_to(seconds(run(spec, ask(Kind::kAllToAll, "all_at_once"))), 127.0 / 128 * kOneBuffer));
}

// E. Zahavi 2010: D-mod-k routes every shift of a full-bisection fat tree without contention.
TEST(StaticRows, EveryShiftIsFreeOfContentionUnderDModK) {
  const FabricSpec spec = with(fat_tree(128, 8, 3), RoutingKind::kStatic);
  for (std::uint32_t shift = 1; shift < 128; ++shift) {
    auto request = ask(Kind::kShift, "shift");
    request.collective.shift = shift;
    EXPECT_TRUE(close_to(seconds(run(spec, request)), kOneBuffer)) << "shift " << shift;
  }
}

TEST(StaticRows, ShiftUnderEcmpCollides) {
  auto request = ask(Kind::kShift, "shift");
  request.collective.shift = 16;
  EXPECT_GT(seconds(run(fat_tree(128, 8, 3), request)), 1.9 * kOneBuffer);
}

// Hoefler, Schneider, Lumsdaine, "Multistage switches are not crossbars" (Cluster 2008): a random bisection gets far
// less than its bisection bandwidth from oblivious paths; adaptive routing gives part of it back. Here adaptive
// switches see their own uplinks only: on 2 tiers what D-mod-k loses on the way up they lose on the way down, and the
// two are equal.
TEST(AdaptiveRows, EffectiveBisectionIsLowestUnderEcmpAndWholeUnderSpray) {
  for (const FabricSpec& spec : {fat_tree(512, 32, 2), fat_tree(432, 12, 3)}) {
    const double fixed = mean_rate(with(spec, RoutingKind::kStatic), Kind::kBisection, 20);
    const double ecmp = mean_rate(with(spec, RoutingKind::kEcmp), Kind::kBisection, 20);
    const double adaptive = mean_rate(with(spec, RoutingKind::kAdaptive), Kind::kBisection, 20);
    const double spray = mean_rate(sprayed(spec), Kind::kBisection, 3);
    std::printf("effective bisection, %u hosts, %u tiers: static %.3f, ECMP %.3f, adaptive %.3f, spray %.3f\n",
                spec.hosts.count, spec.topology.tiers, fixed, ecmp, adaptive, spray);
    EXPECT_LT(ecmp, 0.9 * adaptive);
    EXPECT_NEAR(fixed, adaptive, 0.03);
    EXPECT_LT(adaptive, 0.8);
    EXPECT_NEAR(spray, 1.0, 1e-6);
  }
}

}  // namespace
}  // namespace weft
