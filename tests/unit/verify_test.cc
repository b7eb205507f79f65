// --verify as a whole: what it reports, that it does not depend on threads, and its errors.
#include "emulator/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "fabric/measurement_json.h"
#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;
using Kind = CollectiveKind;

FabricSpec small() {
  FabricSpec s = testing::fat_tree(64, 8, 3);
  s.hosts.nic_rate = Rate::gbps(100);
  return s;
}

PredictRequest verified(Kind kind, const char* algorithm = "", std::uint32_t components = 2) {
  PredictRequest request = ask(kind, algorithm, {Bytes{1'000'000}});
  request.verify = components;
  return request;
}

TEST(Verify, ReportsComponentsAndAnIntervalAroundThePrediction) {
  const Measurement m = testing::run(small(), verified(Kind::kPermutation));
  ASSERT_TRUE(m.verification.has_value());
  const Verification& v = *m.verification;
  EXPECT_EQ(v.phase, "permutation");
  EXPECT_EQ(v.asked, 2U);
  EXPECT_EQ(v.unfinished, 0U);
  EXPECT_GE(v.components.size(), 2U);
  EXPECT_LE(v.components.size(), 4U);
  for (const VerifiedComponent& c : v.components) {
    EXPECT_FALSE(c.link.empty());
    EXPECT_GT(c.flows, 0U);
    EXPECT_GT(c.packet_seconds, 0);
    EXPECT_TRUE(testing::close_to(c.fluid_seconds, c.full_seconds)) << c.link;
    EXPECT_EQ(c.scale, 1);
  }
  EXPECT_TRUE(testing::close_to(v.components[0].full_seconds, v.step_seconds));
  EXPECT_LT(v.low, v.high);
  EXPECT_GT(v.high, m.operations[0].time);
}

TEST(Verify, SameBytesForAnyThreads) {
  const std::string one = to_json(testing::run(small(), verified(Kind::kPermutation), BackendKind::kFluid, 3, 1));
  EXPECT_EQ(to_json(testing::run(small(), verified(Kind::kPermutation), BackendKind::kFluid, 3, 2)), one);
  const auto back = measurement_from_json(one);
  ASSERT_TRUE(back.has_value()) << back.error().text();
  EXPECT_EQ(to_json(*back), one);
}

TEST(Verify, EveryKindOfTrafficAndRouting) {
  FabricSpec spec = testing::rails(8, 8, 3, RailJoin::kCore);
  spec.hosts.scale_up.domain_gpus = spec.hosts.gpus;
  for (const RoutingKind routing :
       {RoutingKind::kEcmp, RoutingKind::kSpray, RoutingKind::kStatic, RoutingKind::kAdaptive, RoutingKind::kFlowlet}) {
    spec.routing.kind = routing;
    for (const auto& [kind, algorithm] : {std::pair{Kind::kAllReduce, "ring"}, std::pair{Kind::kAllReduce, "nvls_tree"},
                                          std::pair{Kind::kAllToAll, "rail_aligned"},
                                          std::pair{Kind::kAllToAll, "pairwise"}, std::pair{Kind::kIncast, ""}}) {
      const Measurement m = testing::run(spec, verified(kind, algorithm, 1));
      ASSERT_TRUE(m.verification.has_value());
      EXPECT_FALSE(m.verification->components.empty()) << algorithm;
      EXPECT_GT(m.verification->high.picoseconds, 0) << algorithm << " " << static_cast<int>(routing);
    }
  }
}

TEST(Verify, PortsOfOneNicThatShareASprayedConnection) {
  FabricSpec spec = testing::planes(PlaneSplit::kPort);
  spec.routing.kind = RoutingKind::kSpray;
  const Measurement m = testing::run(spec, verified(Kind::kPermutation));
  ASSERT_TRUE(m.verification.has_value());
  EXPECT_GT(m.verification->high.picoseconds, 0);
}

TEST(Verify, TrafficThatStaysInADomainIsAnError) {
  FabricSpec spec = testing::rails(8, 8, 3, RailJoin::kCore);
  spec.hosts.scale_up.domain_gpus = spec.hosts.gpus;
  PredictRequest request = verified(Kind::kAllReduce, "ring");
  request.collective.group_size = spec.hosts.gpus;
  const auto topology = testing::topology_of(spec);
  const auto m = predict(*topology, request, {});
  ASSERT_FALSE(m.has_value());
  EXPECT_THAT(m.error().text(), ::testing::HasSubstr("nothing crosses the network"));
}

TEST(Verify, OtherBackendsAreRefused) {
  const auto topology = testing::topology_of(small());
  PredictRequest request = verified(Kind::kPermutation);
  for (const BackendKind backend : {BackendKind::kAnalytic, BackendKind::kPacket}) {
    request.backend = backend;
    const auto m = predict(*topology, request, {});
    ASSERT_FALSE(m.has_value());
    EXPECT_THAT(m.error().text(), ::testing::HasSubstr("--verify checks what the fluid backend says"));
  }
}

TEST(Verify, InterruptedItKeepsTheFluidResultAndWhatIsDone) {
  const auto topology = testing::topology_of(small());
  std::atomic<bool> cancelled = false;
  RunOptions options;
  options.threads = 1;
  options.cancelled = &cancelled;
  options.so_far = [&](const Measurement& m) {
    if (m.verification && m.verification->components.size() == 1) cancelled = true;
  };
  const auto m = predict(*topology, verified(Kind::kPermutation, "", 4), options);
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->operations.size(), 1U);
  EXPECT_GE(m->verification->components.size(), 1U);
  EXPECT_GT(m->verification->unfinished, 0U);
}

}  // namespace
}  // namespace weft
