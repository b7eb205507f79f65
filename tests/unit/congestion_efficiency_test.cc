#include "emulator/congestion_efficiency.h"

#include <gtest/gtest.h>

#include "emulator/calibration.h"

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

}  // namespace
}  // namespace weft
