// Figures about links, by hand.
#include "emulator/fluid/loads.h"

#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

TEST(Loads, JainIndexIsOneForEqualRatesAndOneNthForOne) {
  EXPECT_DOUBLE_EQ(jain_index({}), 1);
  EXPECT_DOUBLE_EQ(jain_index({3, 3, 3}), 1);
  EXPECT_DOUBLE_EQ(jain_index({1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(jain_index({1, 3}), 16.0 / 20);
}

struct OneLeafUsed {
  std::unique_ptr<Topology> topology = testing::topology_of(testing::fat_tree(32, 8, 2));
  std::vector<double> values = std::vector<double>(topology->link_count(), 0.0);
  std::uint32_t first = topology->first_fabric_link();
};

TEST(Loads, MaxMeanRatioCountsLinksInUse) {
  OneLeafUsed f;
  EXPECT_DOUBLE_EQ(max_mean_ratio(*f.topology, f.values), 1);
  f.values[f.first] = 3;
  f.values[f.first + 2] = 1;
  EXPECT_DOUBLE_EQ(max_mean_ratio(*f.topology, f.values), 1.5);
}

TEST(Loads, UtilisationIsBitsOverRateAndTime) {
  OneLeafUsed f;
  f.values[f.first] = 200e9;
  for (const TierUse& tier : tier_uses(*f.topology, f.values, 1.0)) {
    const bool used = tier.tier == "leaf-spine up";
    EXPECT_DOUBLE_EQ(tier.max, used ? 0.5 : 0) << tier.tier;
    EXPECT_EQ(tier.links, 32U) << tier.tier;
    EXPECT_DOUBLE_EQ(tier.mean, used ? 0.5 / 32 : 0);
  }
}

TEST(Loads, HottestLinksComeByNameInOrder) {
  OneLeafUsed f;
  f.values[f.first] = 100e9;
  f.values[f.first + 3] = 300e9;
  const auto hot = hottest_links(*f.topology, f.values, std::vector<double>(f.values.size(), 2.0), 1.0, 5);
  ASSERT_EQ(hot.size(), 2U);
  EXPECT_EQ(hot[0].name, f.topology->name(LinkId{f.first + 3}));
  EXPECT_DOUBLE_EQ(hot[0].utilisation, 0.75);
  EXPECT_DOUBLE_EQ(hot[0].flows, 2);
}

// One message of B bits between two GPUs with NICs of four ports: the ideal is B over the whole NIC, whatever ports it
// takes. A switch's port fills up to the headers, a host's port to what NCCL's point to point leaves of it.
TEST(Loads, IdleAndDeadPortsOfANicAreNoPartOfTheIdeal) {
  FabricSpec spec = testing::planes(PlaneSplit::kPort);
  ASSERT_EQ(spec.hosts.ports_per_nic, 4U);
  const auto topology = testing::topology_of(spec);
  const double port = static_cast<double>(spec.port_rate().bits_per_second);
  std::vector<double> bits(topology->link_count(), 0.0);
  bits[topology->host_link(topology->port_of(GpuId{0}, 2), false).value] = port;  // one second on one port
  std::string tier;
  const DataTime time = explain_time(*topology, LinkPools(*topology), bits, {}, 1.0, tier);
  EXPECT_DOUBLE_EQ(time.ideal, 0.25);
  EXPECT_DOUBLE_EQ(time.hash_collisions, 0.75);
  EXPECT_DOUBLE_EQ(time.total(), 1.0);
  EXPECT_EQ(tier, "host up");

  spec.failures = {testing::dead("p0.leaf0")};
  const auto failed = testing::topology_of(spec);
  const DataTime worse = explain_time(*failed, LinkPools(*failed), bits, {}, 1.0, tier);
  EXPECT_DOUBLE_EQ(worse.ideal, 0.25);
  EXPECT_DOUBLE_EQ(worse.failures, 0.75);
}

TEST(Loads, SharesOfTheNicHoldAtTheHostAndNotInTheFabric) {
  const TierShares shares{0.7, 0.75, 0.98};
  EXPECT_DOUBLE_EQ(shares.of(LinkTier::kScaleUp), 0.7);
  EXPECT_DOUBLE_EQ(shares.of(LinkTier::kHost), 0.75);
  EXPECT_DOUBLE_EQ(shares.of(LinkTier::kLeafSpine), 0.98);
  EXPECT_DOUBLE_EQ(shares.of(LinkTier::kSpineCore), 0.98);
}

}  // namespace
}  // namespace weft
