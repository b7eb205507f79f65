#include "emulator/congestion_efficiency.h"

#include <gtest/gtest.h>

#include "emulator/calibration.h"
#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

TEST(CongestionEfficiency, IsAShareForEveryControlTrafficAndRouting) {
  for (int control = 0; control <= static_cast<int>(CongestionControl::kNone); ++control) {
    for (const RoutingKind routing : {RoutingKind::kEcmp, RoutingKind::kSpray}) {
      for (const TrafficClass traffic : {TrafficClass::kRing, TrafficClass::kPair, TrafficClass::kMany}) {
        FabricSpec spec;
        spec.transport.congestion_control = static_cast<CongestionControl>(control);
        spec.routing.kind = routing;
        const double share = congestion_efficiency(spec, traffic);
        EXPECT_GT(share, 0.5) << control;
        EXPECT_LE(share, 1.0) << control;
      }
    }
  }
}

// HPCC aims at 95 % (SIGCOMM'19, eta); a window without control fills the link.
TEST(CongestionEfficiency, HpccLeavesItsHeadroomAndAFixedWindowNothing) {
  FabricSpec spec;
  spec.transport.congestion_control = CongestionControl::kHpcc;
  EXPECT_LT(congestion_efficiency(spec, TrafficClass::kPair), 0.96);
  spec.transport.congestion_control = CongestionControl::kNone;
  EXPECT_GT(congestion_efficiency(spec, TrafficClass::kPair), 0.99);
}

TEST(CongestionEfficiency, OnlyTheWireConstantsCountIt) {
  FabricSpec spec;
  EXPECT_TRUE(Constants::wire(spec).count_congestion);
  EXPECT_FALSE(Constants::ideal().count_congestion);
  EXPECT_FALSE(constants_for(spec)->count_congestion);
}

TEST(CongestionEfficiency, CollectivesAreRingsPairsOrMany) {
  EXPECT_EQ(traffic_class(CollectiveKind::kAllReduce), TrafficClass::kRing);
  EXPECT_EQ(traffic_class(CollectiveKind::kAllToAll), TrafficClass::kMany);
  EXPECT_EQ(traffic_class(CollectiveKind::kIncast), TrafficClass::kPair);
}

// A ring of one GPU a host over links between leaves and spines that run at `factor` of their rate.
double ring_seconds(double factor) {
  FabricSpec spec = testing::fat_tree(16, 8, 2);
  spec.transport.congestion_control = CongestionControl::kHpcc;
  spec.routing.kind = RoutingKind::kStatic;
  FailureSpec slow;
  slow.link_tier = LinkTier::kLeafSpine;
  slow.fraction = 1.0;
  slow.rate_factor = factor;
  if (factor < 1) spec.failures = {slow};
  PredictRequest request = testing::ask(CollectiveKind::kAllGather, "ring");
  request.constants = Constants::wire(spec);
  return testing::seconds(testing::run(spec, request));
}

TEST(CongestionEfficiency, ARingBehindANarrowLinkLosesWhatPairsLose) {
  FabricSpec spec = testing::fat_tree(16, 8, 2);
  spec.transport.congestion_control = CongestionControl::kHpcc;
  const double ring = congestion_efficiency(spec, TrafficClass::kRing);
  const double pair = congestion_efficiency(spec, TrafficClass::kPair);
  ASSERT_LT(ring, 0.9);
  const double healthy = ring_seconds(1);
  EXPECT_NEAR(ring_seconds(0.5) / healthy, 2 * ring / pair, 0.002);
  // Only a little narrower: the hops at line rate lose more, and nothing waits at the link.
  EXPECT_NEAR(ring_seconds(0.97) / healthy, 1, 0.002);
}

}  // namespace
}  // namespace weft
