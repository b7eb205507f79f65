#include "emulator/congestion_efficiency.h"

#include <gtest/gtest.h>

#include "emulator/calibration.h"
#include "tests/support/prediction.h"

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

// Seconds of data of an all_gather ring over 8 hosts, host 0's cable at `factor` of its rate.
double ring_seconds(CongestionControl control, double factor) {
  FabricSpec spec = testing::fat_tree(8, 16, 2);
  spec.routing.kind = RoutingKind::kStatic;
  spec.transport.congestion_control = control;
  if (factor < 1) {
    FailureSpec slow;
    slow.name = "host0.nic0.port0>leaf0";
    slow.rate_factor = factor;
    spec.failures.push_back(slow);
  }
  PredictRequest request = testing::ask(CollectiveKind::kAllGather, "ring");
  request.constants = Constants::wire(spec);
  double data = 0;
  const Measurement m = testing::run(spec, request);
  for (const PhaseTime& phase : m.operations.at(0).phases) data += phase.seconds;
  return data;
}

// A ring's steps wait for its one slow hop, which is shared as among pairs; what a control loses between steps at the
// other hops is hidden. At a hop just slower than the rest the ring's own loss still counts.
TEST(CongestionEfficiency, RingBehindOneSlowHopHidesWhatItLosesElsewhere) {
  for (const CongestionControl control : {CongestionControl::kHpcc, CongestionControl::kNscc}) {
    FabricSpec spec = testing::fat_tree(8, 16, 2);
    spec.transport.congestion_control = control;
    const double ring = congestion_efficiency(spec, TrafficClass::kRing);
    const double pair = congestion_efficiency(spec, TrafficClass::kPair);
    ASSERT_LT(ring, pair);
    const double healthy = ring_seconds(control, 1);
    EXPECT_TRUE(testing::close_to(ring_seconds(control, 0.5), 2 * healthy * ring / pair, 1e-3));
    EXPECT_TRUE(testing::close_to(ring_seconds(control, 0.99), healthy, 1e-3));
  }
}

}  // namespace
}  // namespace weft
