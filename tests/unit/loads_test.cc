// Figures about links, by hand.
#include "emulator/fluid/loads.h"

#include "tests/support/prediction.h"

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

}  // namespace
}  // namespace weft
