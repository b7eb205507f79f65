// A schedule as blocks and stages, and how messages are cut.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "emulator/packet/collective_plan.h"
#include "emulator/packet/run_stats.h"
#include "emulator/packet/slices.h"
#include "emulator/predict.h"
#include "tests/support/packet_run.h"

namespace weft::packet {
namespace {

using namespace weft::testing;

Schedule schedule_of(CollectiveKind kind, const char* algorithm, std::int64_t bytes, std::uint32_t hosts = 2) {
  FabricSpec spec = fat_tree(hosts, 8, 2, 4);
  CollectiveRequest request;
  request.kind = kind;
  request.algorithm = algorithm;
  request.size = Bytes{bytes};
  request.ranks = spec.gpu_count();
  const auto placement = make_placement({}, request.ranks, request.ranks);
  auto schedule = make_schedule(shape_of(spec), *placement, request);
  if (!schedule) throw std::runtime_error(schedule.error().text());
  return std::move(*schedule);
}

TEST(PacketSlices, SumToTheMessageAndBreakAtPackets) {
  for (const std::uint64_t bytes : {0ULL, 1ULL, 4'096ULL, 4'097ULL, 100'000ULL, 1'000'000'007ULL}) {
    for (const std::uint32_t parts : {1U, 2U, 3U, 64U}) {
      std::uint64_t sum = 0;
      for (std::uint32_t k = 0; k < parts; ++k) {
        const std::uint64_t part = slice_bytes(bytes, parts, k, 4'096);
        sum += part;
        EXPECT_TRUE(sum == bytes || sum % 4'096 == 0);
        EXPECT_TRUE(part > 0 || (bytes + 4'095) / 4'096 < parts);
      }
      EXPECT_EQ(sum, bytes);
      sum = 0;
      for (std::uint32_t qp = 0; qp < parts; ++qp) sum += share_of_qp(bytes, parts, qp);
      EXPECT_EQ(sum, bytes);
    }
    std::uint64_t sum = 0;
    for (std::uint64_t piece = 0; piece < piece_count(bytes, 4'096); ++piece) sum += piece_bytes(bytes, piece, 4'096);
    EXPECT_EQ(sum, bytes);
  }
}

TEST(PacketPlan, OverlapGroupIsOneBlock) {
  const Schedule schedule = schedule_of(CollectiveKind::kAllReduce, "hierarchical", 64 << 20);
  const auto plan = make_plan(schedule, {});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->blocks.size(), 1U);
  ASSERT_EQ(plan->stages.size(), 3U);
  for (const Stage& stage : plan->stages) {
    EXPECT_EQ(stage.kind, StageKind::kRing);
    EXPECT_EQ(stage.slices, 64U);
  }
  EXPECT_EQ(plan->stages[1].steps, 2U);
}

TEST(PacketPlan, PhasesFollowOneAnother) {
  const Schedule schedule = schedule_of(CollectiveKind::kAllReduce, "tree", 64 << 20);
  const auto plan = make_plan(schedule, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->blocks.size(), 2U);
  EXPECT_EQ(plan->stages[0].kind, StageKind::kTree);
}

TEST(PacketPlan, StepsOfAVaryingPhaseAreStages) {
  const Schedule schedule = schedule_of(CollectiveKind::kAllToAll, "pairwise", 64 << 20);
  const auto plan = make_plan(schedule, {});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->blocks.size(), 7U);
  EXPECT_EQ(plan->stages[6].step, 6U);
  EXPECT_EQ(plan->stages[6].slices, 1U);
  EXPECT_EQ(plan->edges, 7U * 8);
}

TEST(PacketPlan, SlicesAreWholePacketsOfTheSmallestShare) {
  PlanOptions options;
  options.qps = 2;
  const Schedule schedule = schedule_of(CollectiveKind::kBroadcast, "ring", 40 * 4'096);  // 4 channels of 10 packets
  const auto plan = make_plan(schedule, options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->stages[0].slices, 5U);
}

TEST(PacketPlan, LimitsNameTheWayOut) {
  PlanOptions options;
  options.max_edges = 55;
  const Schedule schedule = schedule_of(CollectiveKind::kAllToAll, "pairwise", 1 << 20);
  auto plan = make_plan(schedule, options);
  ASSERT_FALSE(plan);
  EXPECT_EQ(
      plan.error().text(),
      "too many transfers for the packet engine: '56'; the limit is 55; use fewer ranks (--ranks), smaller groups "
      "(--group-size), or --backend fluid");
  options = {};
  options.max_messages = 50;
  plan = make_plan(schedule, options);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().text(), ::testing::HasSubstr("the limit is 50; use --steps, fewer ranks"));
}

TEST(PacketStats, PercentilesAreWithinAPercent) {
  DurationHistogram h;
  EXPECT_EQ(h.percentile(0.5), 0);
  for (Ps d = 1; d <= 100'000; ++d) h.add(d * 1'000);
  EXPECT_NEAR(static_cast<double>(h.percentile(0.5)), 50e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(h.percentile(0.99)), 99e6, 1e6);
  EXPECT_EQ(h.percentile(1), 100'000'000);
  EXPECT_EQ(h.max(), 100'000'000);
  DurationHistogram one;
  one.add(5);
  EXPECT_EQ(one.percentile(0.99), 5);
}

}  // namespace
}  // namespace weft::packet
