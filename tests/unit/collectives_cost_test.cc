// Steps and wire bytes: the closed forms of docs/collectives.md and of the alpha-beta cost models.
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <sstream>

#include "tests/support/shapes.h"
#include "tests/support/symbolic.h"

namespace weft {
namespace {

using testing::packed;
using testing::request_of;
using testing::schedule_of;
using testing::shape_of;

constexpr std::int64_t kSize = 64LL * 63 * 31 * 48 * 1024;  // divides by every chunk grid used here
std::uint64_t log2_of(std::uint32_t n) { return static_cast<std::uint64_t>(std::bit_width(n)) - 1; }

TEST(Cost, RingAllReduceTakesTwiceNMinusOneStepsAndHalvesTakeHalf) {
  for (const std::uint32_t n : {2U, 3U, 8U, 16U, 31U, 48U, 64U}) {
    const auto all_reduce = schedule_of(CollectiveKind::kAllReduce, "ring", n, kSize);
    EXPECT_EQ(all_reduce->steps, 2 * (n - 1));
    EXPECT_EQ(all_reduce->bytes_sent_per_rank.count, 2 * (n - 1) * kSize / n);
    for (const auto kind : {CollectiveKind::kAllGather, CollectiveKind::kReduceScatter}) {
      EXPECT_EQ(schedule_of(kind, "ring", n, kSize)->steps, n - 1);
      EXPECT_EQ(schedule_of(kind, "ring", n, kSize)->bytes_sent_per_rank.count, (n - 1) * kSize / n);
    }
  }
}

TEST(Cost, RecursiveDoublingSendsTheBufferLogTimes) {
  for (const std::uint32_t n : {2U, 4U, 16U, 64U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "recursive_doubling", n, kSize);
    EXPECT_EQ(schedule->steps, log2_of(n));
    EXPECT_EQ(schedule->bytes_sent_per_rank.count, static_cast<std::int64_t>(log2_of(n)) * kSize);
  }
}

TEST(Cost, HalvingDoublingTakesTwiceLogStepsAndRingBytes) {
  for (const std::uint32_t n : {2U, 4U, 16U, 64U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "halving_doubling", n, kSize);
    EXPECT_EQ(schedule->steps, 2 * log2_of(n));
    EXPECT_EQ(schedule->bytes_sent_per_rank.count, 2 * (n - 1) * kSize / n);
  }
}

TEST(Cost, FoldingTheExtraRanksAddsTwoStepsAndOneBuffer) {
  for (const std::uint32_t n : {3U, 7U, 17U, 31U, 48U}) {
    const std::uint32_t power = std::bit_floor(n);
    const auto halving = schedule_of(CollectiveKind::kAllReduce, "halving_doubling", n, kSize);
    EXPECT_EQ(halving->steps, 2 * log2_of(n) + 2);
    EXPECT_EQ(halving->bytes_sent_per_rank.count, 2 * (power - 1) * kSize / power + kSize);
    EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "recursive_doubling", n, kSize)->steps, log2_of(n) + 2);
  }
}

TEST(Cost, PairwiseAllToAllTakesNMinusOneStepsOfOneChunk) {
  for (const std::uint32_t n : {2U, 3U, 16U, 31U, 64U}) {
    const auto pairwise = schedule_of(CollectiveKind::kAllToAll, "pairwise", n, kSize);
    EXPECT_EQ(pairwise->steps, n - 1);
    EXPECT_EQ(pairwise->phases.size(), 1U);
    EXPECT_EQ(pairwise->bytes_sent_per_rank.count, (n - 1) * kSize / n);
    EXPECT_EQ(schedule_of(CollectiveKind::kAllToAll, "all_at_once", n, kSize)->steps, 1U);
  }
}

TEST(Cost, HierarchicalSendsRingBytesInsideAndItsShardAcross) {
  const std::uint32_t g = 8, hosts = 6;
  const auto schedule = schedule_of(CollectiveKind::kAllReduce, "hierarchical", g * hosts, kSize, g);
  EXPECT_EQ(schedule->steps, 2 * (g - 1) + 2 * (hosts - 1));
  EXPECT_EQ(schedule->bytes_sent_per_rank.count, 2 * (g - 1) * kSize / g + 2 * (hosts - 1) * kSize / (g * hosts));
  ASSERT_EQ(schedule->phases.size(), 3U);
  for (const Phase& phase : schedule->phases) EXPECT_EQ(phase.overlap_group, 1U);
  EXPECT_EQ(schedule->phases[0].stage, 0U);
  EXPECT_EQ(schedule->phases[1].stage, 1U);
  EXPECT_EQ(schedule->phases[2].stage, 0U);
}

// Oracle: wire factor (1 + 1/n) a GPU and direction in place of 2(n-1)/n.
TEST(Cost, NvlsLoadsEachDirectionOnePlusOneOverNTimes) {
  for (const std::uint32_t n : {2U, 4U, 8U, 31U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "nvls_ring", n, kSize * n, n);
    EXPECT_EQ(schedule->steps, 2U);
    EXPECT_EQ(schedule->bytes_sent_per_rank.count, kSize * n + kSize);
    std::int64_t up = 0, down = 0;
    for (const Phase& phase : schedule->phases)
      phase.edges(0, phase.edge_count, [&](const Edge& edge) {
        if (phase.via == Via::kScaleUpReduce && edge.source == Rank{0}) up += edge.bytes.count;
        if (phase.via == Via::kScaleUpMulticast && edge.destination == Rank{0}) down += edge.bytes.count;
      });
    EXPECT_EQ(up, kSize * n + kSize);
    EXPECT_EQ(down, kSize * n + kSize);
  }
}

TEST(Cost, NvlsAcrossDomainsAddsTheRingOrTreeOfOneShard) {
  const std::uint32_t g = 8, hosts = 4;
  const auto ring = schedule_of(CollectiveKind::kAllReduce, "nvls_ring", g * hosts, kSize, g);
  EXPECT_EQ(ring->steps, 2 + 2 * (hosts - 1));
  EXPECT_EQ(ring->bytes_sent_per_rank.count, kSize + kSize / g + 2 * (hosts - 1) * kSize / (g * hosts));
  const auto tree = schedule_of(CollectiveKind::kAllReduce, "nvls_tree", g * hosts, kSize, g);
  EXPECT_EQ(tree->steps, 2 + 2 * std::bit_width(hosts - 1));
  EXPECT_EQ(tree->bytes_sent_per_rank.count, kSize + kSize / g + 2 * kSize / g);
}

TEST(Cost, TreeNeedsTwiceLogHostsPlusChainSteps) {
  for (const std::uint32_t hosts : {1U, 2U, 3U, 4U, 5U, 7U, 8U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "tree", 8 * hosts, kSize, 8);
    EXPECT_EQ(schedule->steps, 2 * (7 + (hosts == 1 ? 0U : static_cast<unsigned>(std::bit_width(hosts - 1)))));
  }
}

// Sanders, Speck, Traff: full bandwidth, because nobody is inner in both trees.
TEST(Cost, DoubleBinaryTreeLetsNoHostSendOrReceiveMoreThanOneBufferEachWay) {
  for (std::uint32_t hosts = 2; hosts <= 70; ++hosts) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "tree", hosts, kSize, 1);
    for (const Phase& phase : schedule->phases) {
      std::vector<std::int64_t> sent(hosts), received(hosts);
      phase.edges(0, phase.edge_count, [&](const Edge& edge) {
        sent[edge.source.value] += edge.bytes.count;
        received[edge.destination.value] += edge.bytes.count;
      });
      for (std::uint32_t host = 0; host < hosts; ++host) {
        EXPECT_LE(sent[host], kSize) << hosts << " hosts, host " << host;
        EXPECT_LE(received[host], kSize) << hosts << " hosts, host " << host;
      }
    }
  }
}

TEST(Cost, BroadcastRingPassesEveryRankOnceAndTreeIsLogarithmic) {
  const auto ring = schedule_of(CollectiveKind::kBroadcast, "ring", 64, kSize);
  EXPECT_EQ(ring->steps, 63U);
  EXPECT_EQ(ring->bytes_sent_per_rank.count, kSize);
  EXPECT_EQ(ring->phases[0].repeat, 1U);
  EXPECT_EQ(ring->phases[0].depth, 63U);
  const auto tree = schedule_of(CollectiveKind::kBroadcast, "tree", 64, kSize);
  EXPECT_EQ(tree->steps, 1U + 1 + 3 + 7);  // to the head, to the tops, 7 hosts deep, chain
}

TEST(Cost, SendrecvAndPatternsAreOneStepOfTheBuffer) {
  for (const auto kind : {CollectiveKind::kSendRecv, CollectiveKind::kPermutation, CollectiveKind::kShift,
                          CollectiveKind::kIncast, CollectiveKind::kBisection}) {
    const auto schedule = schedule_of(kind, "", 16, kSize);
    EXPECT_EQ(schedule->steps, 1U);
    EXPECT_EQ(schedule->bytes_sent_per_rank.count, kSize);
    EXPECT_EQ(testing::busiest_rank(*schedule), kSize);
  }
}

TEST(Cost, OneRankSendsNothing) {
  for (int kind = 0; kind <= static_cast<int>(CollectiveKind::kBisection); ++kind)
    for (const AlgorithmInfo& info : algorithms(static_cast<CollectiveKind>(kind))) {
      const auto schedule = schedule_of(static_cast<CollectiveKind>(kind), std::string(info.name), 1, 1000);
      ASSERT_TRUE(schedule) << info.name << schedule.error().text();
      EXPECT_EQ(schedule->steps, 0U) << info.name;
      EXPECT_EQ(schedule->bytes_sent_per_rank.count, 0) << info.name;
    }
}

// The message of a pair is split over its connections without losing a byte.
TEST(Cost, ConnectionsOfAPairShareItsMessageExactly) {
  CollectiveRequest request = request_of(CollectiveKind::kSendRecv, "", 1'000'003);
  request.channels = 7;
  const auto schedule = make_schedule(shape_of(8), packed(8), request);
  std::int64_t total = 0;
  schedule->phases[0].edges(0, schedule->phases[0].edge_count, [&](const Edge& edge) { total += edge.bytes.count; });
  EXPECT_EQ(total, 8 * 1'000'003);
}

TEST(Docs, EveryAlgorithmHasItsSection) {
  std::ifstream in(std::string(WEFT_SOURCE_DIR) + "/docs/collectives.md");
  std::stringstream text;
  text << in.rdbuf();
  for (int kind = 0; kind <= static_cast<int>(CollectiveKind::kBisection); ++kind)
    for (const AlgorithmInfo& info : algorithms(static_cast<CollectiveKind>(kind))) {
      const std::string heading = fmt::format("### {} `{}`", name_of(static_cast<CollectiveKind>(kind)), info.name);
      EXPECT_NE(text.str().find(heading), std::string::npos) << heading;
    }
}

}  // namespace
}  // namespace weft
