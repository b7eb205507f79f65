// What hash collisions cost (oracles.md, "ECMP hash collisions"), through the real router and the real flow builder.
#include <cstdlib>
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
using Kind = CollectiveKind;

bool full_run() {
  const char* all = std::getenv("WEFT_TEST_FULL");
  return all != nullptr && *all == '1';
}

// `leaves` leaves of as many hosts under as many spines.
FabricSpec square(std::uint32_t leaves) {
  FabricSpec s = fat_tree(leaves * leaves, 2 * leaves, 2);
  s.topology.spines = leaves;
  return s;
}
FabricSpec three_tiers(std::uint32_t k) { return fat_tree(k * k * k / 4, k, 3); }

// Rates of the flows of a random permutation while all of them run, as fractions of line rate.
std::vector<double> first_rates(const FabricSpec& spec, std::uint64_t seed) {
  auto request = ask(Kind::kPermutation, "random");
  request.collective.seed = seed;
  const auto r = routed(spec, request, seed);
  const FlowSet flows = r.flows();
  const std::vector<double> capacity = r.capacity();
  std::vector<double> rates = MaxMinSolver().solve(flows.problem(capacity));
  for (std::size_t v = 0; v < rates.size(); ++v) rates[v] *= flows.transfer_bits[v] / flows.work[v] / 400e9;
  return rates;
}

double mean_rate(const FabricSpec& spec, std::uint64_t seeds) {
  double total = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<double> rates = first_rates(spec, seed);
    total += std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
  }
  return total / static_cast<double>(seeds);
}

void expect_mean(const char* name, const FabricSpec& spec, std::uint64_t seeds, double wanted, double tolerance) {
  const double seen = mean_rate(spec, seeds);
  std::printf("%-32s %.4f of line rate, table %.3f, %u seeds\n", name, seen, wanted, static_cast<unsigned>(seeds));
  EXPECT_NEAR(seen, wanted, tolerance) << name;
}

TEST(EcmpRows, PermutationOnTwoTiers) {
  expect_mean("2 tiers 16x16x16", square(16), 200, .552, .02 * .552);
  expect_mean("2 tiers 32x32x32", square(32), 30, .522, .02 * .522);
}

TEST(EcmpRows, PermutationOnThreeTiers) {
  expect_mean("3 tiers k=8", three_tiers(8), 400, .474, .02 * .474);
  expect_mean("3 tiers k=16", three_tiers(16), 50, .427, .02 * .427);
  expect_mean("3 tiers k=20", three_tiers(20), 25, .419, .02 * .419);
  expect_mean("3 tiers k=32", three_tiers(32), 5, .408, .02 * .408);
  if (full_run()) expect_mean("3 tiers k=64", three_tiers(64), 2, .399, .02 * .399);
}

TEST(EcmpRows, ConnectionOverQQueuePairsInLockstep) {
  for (const auto& [q, wanted] : {std::pair{1U, .52}, std::pair{2U, .57}, std::pair{4U, .62}, std::pair{8U, .67},
                                  std::pair{16U, .71}, std::pair{32U, .77}}) {
    FabricSpec s = square(32);
    s.transport.qps_per_connection = q;
    expect_mean(("32x32x32, " + std::to_string(q) + " QPs").c_str(), s, q < 8 ? 20 : 5, wanted, .01);
  }
}

// Without the source port in the hash all QPs of a pair take one path.
TEST(EcmpRows, QueuePairsDoNotHelpWhereTheSourcePortIsNotHashed) {
  FabricSpec s = square(16);
  s.routing.hash_udp_source_port = false;
  const double one = mean_rate(s, 10);
  s.transport.qps_per_connection = 8;
  EXPECT_NEAR(mean_rate(s, 10), one, 1e-9);
}

TEST(EcmpRows, SharedSeedIsSlowerThanSeedsOfTheirOwn) {
  FabricSpec s = three_tiers(8);
  const double own = mean_rate(s, 20);
  s.routing.hash_seed = HashSeed::kShared;
  const double shared = mean_rate(s, 20);
  std::printf("3-tier k=8 permutation: seed per switch %.3f, shared seed %.3f of line rate\n", own, shared);
  EXPECT_LT(shared, 0.8 * own);
}

// Two hops of a ring forced onto one uplink: leaf of 2 hosts, 1 uplink used by both. The whole ring halves its pace.
FabricSpec two_hops_on_one_uplink(std::uint32_t uplinks) {
  FabricSpec s;
  s.name = "one uplink";
  s.hosts.count = 4;
  s.hosts.gpus = s.hosts.nics = s.hosts.rails = s.hosts.scale_up.domain_gpus = 1;
  s.topology.kind = TopologyKind::kExplicit;
  s.topology.switches = {{"a", NodeKind::kLeaf}, {"b", NodeKind::kLeaf}, {"s", NodeKind::kSpine}};
  for (const auto& [host, leaf] : {std::pair{"host0.nic0", "a"}, std::pair{"host1.nic0", "b"},
                                   std::pair{"host2.nic0", "a"}, std::pair{"host3.nic0", "b"}})
    s.topology.links.push_back({host, leaf, {}, {}, 1});
  s.topology.links.push_back({"a", "s", Rate::gbps(400 * uplinks), {}, 1});
  s.topology.links.push_back({"b", "s", Rate::gbps(400 * uplinks), {}, 1});
  return s;
}

TEST(EcmpRows, WholeRingGoesAtThePaceOfTwoHopsOnOneUplink) {
  const double wire = 2.0 * 3 / 4 * 8 * kGiB / 400e9;
  EXPECT_TRUE(close_to(seconds(run(two_hops_on_one_uplink(2), ask(Kind::kAllReduce, "ring"))), wire));
  const Measurement m = run(two_hops_on_one_uplink(1), ask(Kind::kAllReduce, "ring"));
  EXPECT_TRUE(close_to(seconds(m), 2 * wire));
  const auto host = std::find_if(m.tiers.begin(), m.tiers.end(), [](const auto& t) { return t.tier == "host up"; });
  ASSERT_NE(host, m.tiers.end());
  EXPECT_NEAR(host->max, 0.5, 1e-6);  // the hosts' links are left half idle
}

// Ranks 0-1 on one leaf, 2-3 on another: ECMP may put both crossing hops on their own uplinks, never below.
TEST(EcmpRows, RingUnderEcmpLastsAsLongAsItsFullestLink) {
  const FabricSpec spec = fat_tree(64, 8, 3);
  auto request = ask(Kind::kAllReduce, "ring");
  request.mapping.kind = MappingKind::kRandom;
  const auto r = routed(spec, request);
  const FlowSet flows = r.flows();
  const std::vector<double> capacity = r.capacity();
  std::vector<double> load(capacity.size(), 0.0);  // hops of the ring that cross each link
  for (std::size_t e = 0; e < flows.arrays.resources.size(); ++e)
    load[flows.arrays.resources[e]] += flows.arrays.weights[e];
  const double fullest = *std::max_element(load.begin(), load.end());
  EXPECT_GT(fullest, 1.5);  // some collide
  EXPECT_TRUE(close_to(seconds(run(spec, request)), fullest * 2 * 63.0 / 64 * 8 * kGiB / 400e9));
}

}  // namespace
}  // namespace weft
