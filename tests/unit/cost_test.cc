// How the cost of phases adds up, by hand.
#include "emulator/cost.h"

#include <gmock/gmock.h>

#include "tests/support/prediction.h"

namespace weft {
namespace {

using testing::close_to;

constexpr Bytes kSize{1LL << 30};

PhaseCost stage(double seconds, std::uint32_t group = 0, std::uint32_t index = 0) {
  PhaseCost p;
  p.name = "phase";
  p.data.ideal = seconds;
  p.overlap_group = group;
  p.stage = index;
  p.uses_nic = true;
  return p;
}

ScheduleCost cost_of(std::vector<PhaseCost> phases) {
  ScheduleCost cost;
  cost.reference = kSize;
  cost.phases = std::move(phases);
  return cost;
}

double seconds(const ScheduleCost& cost, const Constants& constants, Bytes size = kSize) {
  return price(cost, size, CollectiveKind::kAllReduce, 8, constants).time.seconds();
}

TEST(Cost, PhasesInOrderAddUpAndDataTimeGrowsWithTheSize) {
  const ScheduleCost cost = cost_of({stage(1), stage(2)});
  EXPECT_TRUE(close_to(seconds(cost, Constants::ideal()), 3));
  EXPECT_TRUE(close_to(seconds(cost, Constants::ideal(), Bytes{kSize.count / 4}), 0.75));
}

TEST(Cost, StagesOfAnOverlapGroupHideBehindTheSlowest) {
  Constants chunked = Constants::ideal();
  chunked.pipeline_chunk = Bytes{kSize.count / 4};
  // Two phases of stage 0 share links and add up.
  const ScheduleCost cost = cost_of({stage(1, 1, 0), stage(5, 1, 1), stage(2, 1, 0)});
  EXPECT_TRUE(close_to(seconds(cost, Constants::ideal()), 5));
  EXPECT_TRUE(close_to(seconds(cost, chunked), 5 + 3.0 / 4));
}

TEST(Cost, ChainsTakeTheirDepthToFill) {
  Constants chunked = Constants::ideal();
  chunked.pipeline_chunk = Bytes{kSize.count / 8};
  PhaseCost chain = stage(2);
  chain.depth = 5;
  EXPECT_TRUE(close_to(seconds(cost_of({chain}), chunked), 2 + 4 * 2.0 / 8));
}

TEST(Cost, HopsPathAndMessagesAreLatency) {
  Constants c = Constants::ideal();
  c.count_path_delay = true;
  c.nic_message_rate = 1e6;
  for (ProtocolConstants& p : c.protocols) p = {"one", Duration::us(7), Duration::us(1), Duration::us(10), 1};
  PhaseCost phase = stage(0);
  phase.scale_up_hops = 3;
  phase.scale_out_hops = 2;
  phase.path_seconds = 5e-6;
  phase.messages = 4;
  EXPECT_TRUE(close_to(seconds(cost_of({phase}), c), (7 + 3 + 20 + 5 + 4) * 1e-6));
  const Operation op = price(cost_of({phase}), kSize, CollectiveKind::kAllReduce, 8, c);
  EXPECT_NEAR(op.why.latency, 1, 1e-9);
}

TEST(Cost, TheFasterProtocolIsTakenForEachSize) {
  Constants c = Constants::ideal();
  c.protocols = {ProtocolConstants{"LL", Duration::us(1), {}, {}, 0.5},
                 ProtocolConstants{"Simple", Duration::us(100), {}, {}, 1}};
  const ScheduleCost cost = cost_of({stage(1)});
  const auto protocol = [&](Bytes size, const ScheduleCost& of) {
    return price(of, size, CollectiveKind::kAllReduce, 8, c).protocol;
  };
  EXPECT_EQ(protocol(Bytes{8}, cost), "LL");
  EXPECT_EQ(protocol(kSize, cost), "Simple");
  ScheduleCost in_network = cost;
  in_network.simple_only = true;
  EXPECT_EQ(protocol(Bytes{8}, in_network), "Simple");
}

TEST(Cost, SentenceNamesTheLargestCauseFirst) {
  PhaseCost phase = stage(1);
  phase.data.hash_collisions = 2;
  phase.data.failures = 1;
  phase.binding_tier = "leaf-spine up";
  const Operation op = price(cost_of({phase}), kSize, CollectiveKind::kAllReduce, 8, Constants::ideal());
  EXPECT_EQ(op.why.sentence,
            "25.0 % of the ideal; lost to hash collisions 50.0 %, failed or slow links 25.0 %; leaf-spine up binds");
}

TEST(Notes, SayWhatOnlyThePacketEnginePlays) {
  FabricSpec spec = testing::fat_tree(32, 8, 2);
  const PredictRequest request = testing::ask(CollectiveKind::kAllReduce, "ring");
  const Measurement plain = testing::run(spec, request);
  EXPECT_TRUE(packet_engine_notes(spec).empty());
  FailureSpec flap;
  flap.name = "leaf0>spine0";
  flap.at = Duration::us(1);
  spec.failures = {flap};
  for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
    const Measurement m = testing::run(spec, request, backend);
    EXPECT_THAT(m.notes, ::testing::Contains("1 timed failure is left out: only the packet engine plays it"));
  }
  EXPECT_EQ(testing::run(spec, request).operations[0].time, plain.operations[0].time);
  spec.failures = {flap, flap};
  spec.routing.kind = RoutingKind::kFlowlet;
  EXPECT_EQ(packet_engine_notes(spec),
            (std::vector<std::string>{
                "2 timed failures are left out: only the packet engine plays them",
                "flowlets stay on the path of their hash, as with ecmp: only the packet engine moves them"}));
  spec.failures.clear();
  spec.routing.kind = RoutingKind::kAdaptive;
  spec.routing.adaptive_unit = AdaptiveUnit::kPacket;
  EXPECT_EQ(packet_engine_notes(spec).size(), 1U);
  spec.routing = {};
  spec.routing.kind = RoutingKind::kSpray;
  spec.routing.spray_paths = 4;
  EXPECT_EQ(packet_engine_notes(spec).size(), 1U);
}

}  // namespace
}  // namespace weft
