#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "tests/support/routing_fabrics.h"
#include "topologies/hash.h"
#include "topologies/routing.h"

namespace weft {
namespace {

using testing::build;
using testing::fat_tree;
using testing::router_of;

TEST(UdpSourcePort, FoldsTheFlowLabelAsRdmaCoreDoes) {
  EXPECT_EQ(udp_source_port_from_flow_label(0x12345), 58177);
  EXPECT_EQ(udp_source_port_from_flow_label(0xFFFFF), 65472);
}

TEST(UdpSourcePort, ComesFromTheTwoQpNumbersEitherWayRound) {
  EXPECT_EQ(udp_source_port(0x11, 0x12), 49458);
  EXPECT_EQ(udp_source_port(0x12, 0x11), 49458);
  EXPECT_EQ(udp_source_port(0xABCDEF, 0x123456), 50120);
}

TEST(QueuePairNumber, Has24BitsAndNeverAReservedNumber) {
  std::set<std::uint32_t> seen;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::uint32_t qpn = queue_pair_number(7, GpuId{i}, GpuId{i + 1}, 0, 0);
    ASSERT_GE(qpn, 2U);
    ASSERT_LT(qpn, 1U << 24);
    seen.insert(qpn);
  }
  // Birthday: 1e5 draws of 2^24 leave about 1e5 - 298 distinct.
  EXPECT_NEAR(static_cast<double>(seen.size()), 1e5 - 298, 100);
}

TEST(QueuePairNumber, DependsOnEveryInput) {
  const std::uint32_t base = queue_pair_number(1, GpuId{2}, GpuId{3}, 4, 5);
  EXPECT_EQ(base, queue_pair_number(1, GpuId{2}, GpuId{3}, 4, 5));
  EXPECT_NE(base, queue_pair_number(9, GpuId{2}, GpuId{3}, 4, 5));
  EXPECT_NE(base, queue_pair_number(1, GpuId{9}, GpuId{3}, 4, 5));
  EXPECT_NE(base, queue_pair_number(1, GpuId{2}, GpuId{9}, 4, 5));
  EXPECT_NE(base, queue_pair_number(1, GpuId{2}, GpuId{3}, 9, 5));
  EXPECT_NE(base, queue_pair_number(1, GpuId{2}, GpuId{3}, 4, 9));
  EXPECT_NE(base, queue_pair_number(1, GpuId{3}, GpuId{2}, 4, 5)) << "each end has its own number";
}

// Pearson's statistic stays below the 99.9 % quantile (Wilson-Hilferty approximation).
void expect_uniform(const std::vector<std::uint32_t>& counts) {
  double total = 0, chi = 0;
  for (const std::uint32_t n : counts) total += n;
  const double mean = total / static_cast<double>(counts.size());
  for (const std::uint32_t n : counts) chi += (n - mean) * (n - mean) / mean;
  const double freedom = static_cast<double>(counts.size()) - 1;
  const double limit = freedom * std::pow(1 - 2 / (9 * freedom) + 3.09 * std::sqrt(2 / (9 * freedom)), 3);
  EXPECT_LT(chi, limit) << counts.size() << " next hops";
}

TEST(SwitchHash, SpreadsQpsEvenlyOverAnyNumberOfNextHops) {
  const SwitchHash hash(RoutingSpec{}, 3);
  for (const std::uint32_t next_hops : {2U, 3U, 4U, 7U, 32U, 60U, 128U}) {
    std::vector<std::uint32_t> counts(next_hops);
    for (std::uint32_t i = 0; i < 200'000; ++i) {
      const GpuId a{i % 1000}, b{i / 1000 + 1000};
      FiveTuple t{.source_ip = port_address(PortId{a.value}), .destination_ip = port_address(PortId{b.value})};
      t.source_port = udp_source_port(queue_pair_number(1, a, b, 0, 0), queue_pair_number(1, b, a, 0, 0));
      ++counts[hash(digest_five_tuple(t), 17) % next_hops];
    }
    expect_uniform(counts);
  }
}

TEST(SwitchHash, PerSwitchSeedsAreIndependentAndASharedSeedIsNot) {
  RoutingSpec spec;
  const SwitchHash own(spec, 3);
  spec.hash_seed = HashSeed::kShared;
  const SwitchHash shared(spec, 3);
  std::uint32_t same = 0;
  for (std::uint64_t i = 0; i < 64'000; ++i) {
    EXPECT_EQ(shared(mix64(i), 1), shared(mix64(i), 2));
    same += own(mix64(i), 1) % 64 == own(mix64(i), 2) % 64 ? 1U : 0U;
  }
  EXPECT_NEAR(same, 1000, 100);
}

// One leaf of k hosts to another over k spines, one flow a host: k flows on k uplinks.
TEST(EcmpCollisions, MaximumLoadAndUsedPathsMatchThrowingBallsIntoBins) {
  const std::vector<std::pair<std::uint32_t, double>> rows{{8, 2.597}, {32, 3.533}, {64, 3.958}};
  for (const auto& [k, expected_max] : rows) {
    const auto topology = build(fat_tree(2 * k, 2 * k, 2));
    const double expected_used = 1 - std::pow(1 - 1.0 / k, k);
    constexpr std::uint32_t kRuns = 4000;
    double max_load = 0, used = 0;
    Route route;
    for (std::uint32_t run = 0; run < kRuns; ++run) {
      const auto router = router_of(*topology, run);
      std::vector<std::uint32_t> load(topology->link_count());
      for (std::uint32_t i = 0; i < k; ++i) {
        ASSERT_TRUE(router->route({GpuId{i}, GpuId{k + i}, 0}, Via::kAuto, 0, route));
        ++load[route.resources[1]];
      }
      max_load += *std::max_element(load.begin(), load.end());
      used += static_cast<double>(std::count_if(load.begin(), load.end(), [](auto n) { return n > 0; })) / k;
    }
    EXPECT_NEAR(max_load / kRuns, expected_max, 0.02 * expected_max) << k;
    EXPECT_NEAR(used / kRuns, expected_used, 0.02 * expected_used) << k;
  }
}

}  // namespace
}  // namespace weft
