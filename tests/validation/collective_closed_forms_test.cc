// Every row of oracles "Bus bandwidth factors" and "Collective costs", through both backends, within a millionth.
#include <cmath>

#include "tests/support/prediction.h"

namespace weft {
namespace {

using testing::alpha_constants;
using testing::ask;
using testing::close_to;
using testing::fat_tree;
using testing::kGiB;
using testing::run;
using testing::seconds;
using testing::sprayed;
using Kind = CollectiveKind;

constexpr double kBits = 8.0 * kGiB;
constexpr double kNic = 400e9, kScaleUp = 3600e9;
constexpr Duration kAlpha = Duration::us(5);
constexpr double kA = 5e-6;

// One GPU and one NIC a host, full bisection, spray: B is the NIC's rate.
FabricSpec flat(std::uint32_t ranks) { return sprayed(fat_tree(ranks, 16, 2)); }

// Hosts of 8 GPUs and `nics` NICs.
FabricSpec hosts_of_8(std::uint32_t hosts, std::uint32_t nics = 8) {
  FabricSpec s = sprayed(fat_tree(hosts, 64, 2, 8));
  s.hosts.nics = s.hosts.rails = nics;
  return s;
}

void expect_seconds(const FabricSpec& spec, Kind kind, const std::string& algorithm, double wanted,
                    const Constants& constants = Constants::ideal(), std::int64_t size = kGiB) {
  for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
    auto request = ask(kind, algorithm, {Bytes{size}});
    request.constants = constants;
    EXPECT_TRUE(close_to(seconds(run(spec, request, backend)), wanted))
        << (backend == BackendKind::kFluid ? "fluid " : "analytic ") << name_of(kind) << " " << algorithm << ", "
        << spec.gpu_count() << " GPUs";
  }
}

TEST(ClosedForms, RingAllReduceTakesTwiceNMinusOneStepsAndTwiceNMinusOneOverNOfTheBytes) {
  for (const std::uint32_t n : {2U, 3U, 5U, 8U, 17U, 32U}) {
    const double wire = 2.0 * (n - 1) / n * kBits / kNic;
    expect_seconds(flat(n), Kind::kAllReduce, "ring", wire);
    expect_seconds(flat(n), Kind::kAllReduce, "ring", wire + 2.0 * (n - 1) * kA, alpha_constants(kAlpha));
  }
}

TEST(ClosedForms, RingAllGatherAndReduceScatterTakeHalf) {
  for (const std::uint32_t n : {2U, 3U, 7U, 16U})
    for (const Kind kind : {Kind::kAllGather, Kind::kReduceScatter})
      expect_seconds(flat(n), kind, "ring", (n - 1.0) / n * kBits / kNic + (n - 1) * kA, alpha_constants(kAlpha));
}

TEST(ClosedForms, RecursiveDoublingSendsTheBufferLogTimes) {
  for (const std::uint32_t n : {2U, 4U, 16U, 32U})
    expect_seconds(flat(n), Kind::kAllReduce, "recursive_doubling", std::log2(n) * (kA + kBits / kNic),
                   alpha_constants(kAlpha));
}

TEST(ClosedForms, HalvingDoublingTakesTwiceLogStepsAndRingBytes) {
  for (const std::uint32_t n : {2U, 4U, 16U, 32U})
    expect_seconds(flat(n), Kind::kAllReduce, "halving_doubling",
                   2 * std::log2(n) * kA + 2.0 * (n - 1) / n * kBits / kNic, alpha_constants(kAlpha));
}

// The ranks beyond the largest power of two hand their buffer over and take the result back: two steps of S.
TEST(ClosedForms, RanksBeyondAPowerOfTwoAddTwoStepsOfTheBuffer) {
  for (const std::uint32_t n : {3U, 5U, 12U, 31U}) {
    const double lg = std::floor(std::log2(n)), p = std::exp2(lg), s = kBits / kNic;
    expect_seconds(flat(n), Kind::kAllReduce, "recursive_doubling", (lg + 2) * (kA + s), alpha_constants(kAlpha));
    expect_seconds(flat(n), Kind::kAllReduce, "halving_doubling", 2 * lg * kA + 2 * (p - 1) / p * s + 2 * (kA + s),
                   alpha_constants(kAlpha));
  }
}

// Nearest partners first: rounds inside the host, then rounds across, one after the other.
TEST(ClosedForms, DoublingOverHostsAddsRoundsInsideAndRoundsAcross) {
  const double inside = kBits / kScaleUp, across = kBits / kNic;
  expect_seconds(hosts_of_8(4), Kind::kAllReduce, "recursive_doubling", 3 * inside + 2 * across);
  expect_seconds(hosts_of_8(4), Kind::kAllReduce, "halving_doubling",
                 2 * 7.0 / 8 * inside + 2 * (3.0 / 4) / 8 * across);
}

TEST(ClosedForms, PairwiseAllToAllTakesNMinusOneStepsOfOneChunk) {
  for (const std::uint32_t n : {2U, 3U, 8U, 13U, 32U})
    expect_seconds(flat(n), Kind::kAllToAll, "pairwise", (n - 1) * (kA + kBits / (n * kNic)), alpha_constants(kAlpha));
  // With a NIC a GPU, every step leaves some host: no step is cheaper.
  expect_seconds(hosts_of_8(4), Kind::kAllToAll, "pairwise", 31 * (kA + kBits / (32 * kNic)), alpha_constants(kAlpha));
}

TEST(ClosedForms, FlatRingOverHostsReachesAllNicsOfAHost) {
  for (const std::uint32_t r : {4U, 8U}) {
    for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
      const Measurement m = run(hosts_of_8(16, r), ask(Kind::kAllReduce, "ring"), backend);
      ASSERT_EQ(m.operations.size(), 1U);
      EXPECT_TRUE(close_to(m.operations[0].busbw, r * 400.0 / 8)) << r << " NICs";
    }
  }
}

TEST(ClosedForms, HierarchicalAllReduceLiesBetweenTheLargestAndTheSumOfItsParts) {
  const double inner = 2.0 * 7 / 8 * kBits / kScaleUp, outer = 2.0 * 15 / 16 * kBits / (8 * kNic);
  expect_seconds(hosts_of_8(16), Kind::kAllReduce, "hierarchical", std::max(inner, outer));  // infinitely fine chunks
  Constants one_chunk = Constants::ideal();
  one_chunk.pipeline_chunk = Bytes{1LL << 40};
  expect_seconds(hosts_of_8(16), Kind::kAllReduce, "hierarchical", inner + outer, one_chunk);
  Constants eight = Constants::ideal();
  eight.pipeline_chunk = Bytes{kGiB / 8 / 8};
  expect_seconds(hosts_of_8(16), Kind::kAllReduce, "hierarchical", std::max(inner, outer) + std::min(inner, outer) / 8,
                 eight);
}

TEST(ClosedForms, HierarchicalHalvesTakeHalf) {
  const double inner = 7.0 / 8 * kBits / kScaleUp, outer = 15.0 / 16 * kBits / (8 * kNic);
  for (const Kind kind : {Kind::kAllGather, Kind::kReduceScatter})
    expect_seconds(hosts_of_8(16), kind, "hierarchical", std::max(inner, outer));
}

TEST(ClosedForms, AllToAllReachesItsCeiling) {
  for (const std::uint32_t r : {2U, 4U, 8U}) {
    for (const std::string algorithm : {"all_at_once", "rail_aligned"}) {
      for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
        const Measurement m = run(hosts_of_8(8, r), ask(Kind::kAllToAll, algorithm), backend);
        ASSERT_EQ(m.operations.size(), 1U);
        EXPECT_TRUE(close_to(m.operations[0].busbw, r / 8.0 * 400 / 8 * 63 / 56)) << r << " NICs " << algorithm;
      }
    }
  }
}

TEST(ClosedForms, NvlsSendsOnePlusOneOverNOfTheBuffer) {
  for (const std::uint32_t p : {2U, 4U, 8U}) {
    FabricSpec s = sprayed(fat_tree(1, 64, 2, p));
    for (const std::string algorithm : {"nvls_ring", "nvls_tree"})
      expect_seconds(s, Kind::kAllReduce, algorithm, (1 + 1.0 / p) * kBits / kScaleUp);
  }
}

// Up to the switch and down from it is one step: docs/collectives.md counts 2 in a domain, 2 + 2(N-1) with rings.
TEST(ClosedForms, NvlsCountsUpAndDownAsOneStep) {
  expect_seconds(hosts_of_8(1), Kind::kAllReduce, "nvls_ring", 2 * kA, alpha_constants(kAlpha), 0);
  expect_seconds(hosts_of_8(4), Kind::kAllReduce, "nvls_ring", (2 + 2 * 3) * kA, alpha_constants(kAlpha), 0);
  expect_seconds(hosts_of_8(4), Kind::kAllReduce, "nvls_tree", (2 + 2 * 2) * kA, alpha_constants(kAlpha), 0);
}

// NIC tree, each NIC its share once each way in reduce and in broadcast: they share no direction of a link.
TEST(ClosedForms, NvlsAcrossHostsIsBoundByTheRingOfOneShard) {
  expect_seconds(hosts_of_8(16), Kind::kAllReduce, "nvls_ring",
                 std::max((1 + 1.0 / 8) * kBits / kScaleUp, 2.0 * 15 / 16 * kBits / (8 * kNic)));
}

TEST(ClosedForms, BroadcastSendsTheBufferOnceAndFillsItsChain) {
  for (const std::uint32_t n : {2U, 3U, 8U}) {
    expect_seconds(flat(n), Kind::kBroadcast, "ring", kBits / kNic + (n - 1) * kA, alpha_constants(kAlpha));
    Constants chunked = Constants::ideal();
    chunked.pipeline_chunk = Bytes{kGiB / 4};
    expect_seconds(flat(n), Kind::kBroadcast, "ring", kBits / kNic * (1 + (n - 2) / 4.0), chunked);
  }
}

TEST(ClosedForms, TreesOverSingleGpuHostsMoveTheBufferOnceEachWay) {
  for (const std::uint32_t n : {4U, 8U, 16U}) {
    const double lg = std::log2(n);
    expect_seconds(flat(n), Kind::kAllReduce, "tree", 2 * kBits / kNic + 2 * lg * kA, alpha_constants(kAlpha));
  }
}

TEST(ClosedForms, SendrecvMovesTheBufferOnce) {
  for (const std::uint32_t n : {2U, 5U, 16U})
    expect_seconds(flat(n), Kind::kSendRecv, "neighbours", kA + kBits / kNic, alpha_constants(kAlpha));
}

TEST(ClosedForms, GpusThatShareOneNicShareItsRate) {
  expect_seconds(hosts_of_8(4, 1), Kind::kAllReduce, "ring", 2.0 * 31 / 32 * kBits / kNic);
  expect_seconds(hosts_of_8(4, 1), Kind::kAllToAll, "all_at_once", 24.0 / 32 * 8 * kBits / kNic);
}

TEST(ClosedForms, SeveralNicsOfAGpuAddUp) {
  FabricSpec s = sprayed(fat_tree(8, 32, 2, 4));
  s.hosts.gpus = s.hosts.scale_up.domain_gpus = 1;
  expect_seconds(s, Kind::kAllReduce, "ring", 2.0 * 7 / 8 * kBits / (4 * kNic));
  expect_seconds(s, Kind::kAllToAll, "all_at_once", 7.0 / 8 * kBits / (4 * kNic));
  expect_seconds(s, Kind::kSendRecv, "neighbours", kBits / (4 * kNic));
}

TEST(ClosedForms, OneRankTakesNoTimeAndMovesNothing) {
  for (const auto& [kind, algorithm] : {std::pair{Kind::kAllReduce, "ring"}, std::pair{Kind::kAllGather, "ring"},
                                        std::pair{Kind::kAllToAll, "all_at_once"}, std::pair{Kind::kBroadcast, "ring"},
                                        std::pair{Kind::kSendRecv, "neighbours"}})
    for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
      auto request = ask(kind, algorithm);
      request.collective.ranks = 1;
      const Measurement m = run(flat(4), request, backend);
      ASSERT_EQ(m.operations.size(), 1U) << name_of(kind);
      EXPECT_EQ(m.operations[0].time, Duration{});
      EXPECT_EQ(m.operations[0].busbw, 0);
    }
}

TEST(ClosedForms, ZeroBytesCostStepsOnly) {
  expect_seconds(flat(5), Kind::kAllReduce, "ring", 8 * kA, alpha_constants(kAlpha), 0);
  expect_seconds(flat(5), Kind::kAllToAll, "pairwise", 4 * kA, alpha_constants(kAlpha), 0);
  expect_seconds(flat(8), Kind::kAllReduce, "recursive_doubling", 3 * kA, alpha_constants(kAlpha), 0);
  expect_seconds(flat(8), Kind::kAllReduce, "ring", 0, Constants::ideal(), 0);
}

// algbw = S / t, busbw = algbw x factor (nccl-tests, PERFORMANCE.md).
TEST(ClosedForms, BusBandwidthFactorsAreThoseOfNcclTests) {
  for (const auto& [kind, algorithm, factor] :
       {std::tuple{Kind::kAllReduce, "ring", 2.0 * 7 / 8}, std::tuple{Kind::kAllGather, "ring", 7.0 / 8},
        std::tuple{Kind::kReduceScatter, "ring", 7.0 / 8}, std::tuple{Kind::kAllToAll, "pairwise", 7.0 / 8},
        std::tuple{Kind::kBroadcast, "ring", 1.0}, std::tuple{Kind::kSendRecv, "neighbours", 1.0}})
    for (const BackendKind backend : {BackendKind::kFluid, BackendKind::kAnalytic}) {
      const Measurement m = run(flat(8), ask(kind, algorithm), backend);
      ASSERT_EQ(m.operations.size(), 1U);
      EXPECT_TRUE(close_to(m.operations[0].algbw, kGiB / seconds(m) / 1e9)) << algorithm;
      EXPECT_TRUE(close_to(m.operations[0].busbw, m.operations[0].algbw * factor)) << algorithm;
      EXPECT_TRUE(close_to(m.operations[0].busbw, 50)) << name_of(kind);
    }
}

// A chain through the domain costs scale-up hops; only the tree across pays for the NIC.
TEST(ClosedForms, TreeOverHostsPaysEachKindOfHop) {
  Constants c = Constants::ideal();
  for (ProtocolConstants& p : c.protocols) p.scale_up_step = Duration::us(1), p.scale_out_step = Duration::us(10);
  expect_seconds(hosts_of_8(4), Kind::kAllReduce, "tree", 2 * (7 * 1e-6 + 2 * 10e-6), c, 0);
}

// Hosts of 8 and of 7, 4 and 1 ranks: as many rings as the smaller host has NICs, each on a NIC of its own.
TEST(ClosedForms, UnevenHostsRunAsManyRingsAsTheSmallestHasNics) {
  const FabricSpec spec = testing::superpod(8);
  for (const std::uint32_t last : {7U, 4U, 1U}) {
    PredictRequest request = testing::ask(CollectiveKind::kAllReduce, "ring");
    request.collective.ranks = 8 + last;
    const Measurement m = testing::run(spec, request);
    ASSERT_EQ(m.operations.size(), 1U);
    EXPECT_NEAR(m.operations[0].busbw / (last * spec.hosts.nic_rate.bytes_per_second() / 1e9), 1.0, 1e-6) << last;
  }
}

}  // namespace
}  // namespace weft
