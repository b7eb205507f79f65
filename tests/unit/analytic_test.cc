// The closed forms' view of a machine, and what they refuse.
#include "emulator/analytic/analytic.h"

#include "tests/support/prediction.h"

namespace weft {
namespace {

using testing::ask;
using testing::close_to;

TEST(Analytic, ShapeCountsPlacesDomainsAndNics) {
  const auto topology = testing::topology_of(testing::fat_tree(16, 64, 2, 8));
  const AnalyticShape packed = analytic_shape(*topology, 32, 1);
  EXPECT_EQ(packed.places, 8);
  EXPECT_EQ(packed.domains, 4);
  EXPECT_EQ(packed.nics, 8);
  const AnalyticShape strided = analytic_shape(*topology, 16, 8);  // one rank a host
  EXPECT_EQ(strided.places, 1);
  EXPECT_EQ(strided.domains, 16);
  EXPECT_EQ(strided.nics, 1);
}

TEST(Analytic, PathIsTheLongestOfTheFabric) {
  const auto topology = testing::topology_of(testing::fat_tree(128, 8, 3));
  // 5 switches of 600 ns, 6 cables of 150 ns.
  EXPECT_TRUE(close_to(analytic_shape(*topology, 2, 1).path_seconds, 3.9e-6));
}

TEST(Analytic, OversubscriptionIsThatOfTheNarrowestTier) {
  FabricSpec s = testing::fat_tree(96, 32, 2);
  s.topology.leaf_oversubscription = 3;
  const AnalyticShape shape = analytic_shape(*testing::topology_of(s), 96, 1);
  EXPECT_DOUBLE_EQ(shape.oversubscription, 3);
  EXPECT_TRUE(close_to(shape.leaving, 72.0 / 95));
  const AnalyticShape one_leaf = analytic_shape(*testing::topology_of(s), 24, 1);
  EXPECT_EQ(one_leaf.leaving, 0);
}

TEST(Analytic, AlgorithmWithoutAClosedFormSaysSoAndNamesTheWayOut) {
  const auto topology = testing::topology_of(testing::fat_tree(16, 16, 2));
  auto request = ask(CollectiveKind::kIncast, "strided");
  request.backend = BackendKind::kAnalytic;
  const auto m = predict(*topology, request, {});
  ASSERT_FALSE(m);
  EXPECT_NE(m.error().text().find("no closed form"), std::string::npos);
  EXPECT_NE(m.error().text().find("--backend fluid"), std::string::npos);
}

}  // namespace
}  // namespace weft
