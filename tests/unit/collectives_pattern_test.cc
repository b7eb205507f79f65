// Who talks to whom: rails of the rings, the testers' patterns, and what a million ranks cost to write down.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/shapes.h"
#include "tests/support/symbolic.h"

namespace weft {
namespace {

using testing::packed;
using testing::prove;
using testing::request_of;
using testing::schedule_of;
using testing::shape_of;

std::vector<Edge> edges_of(const Phase& phase) {
  std::vector<Edge> edges;
  phase.edges(0, phase.edge_count, [&](const Edge& edge) { edges.push_back(edge); });
  return edges;
}

// Hops between hosts whose ends are at different places of their hosts.
int crossings(const Schedule& schedule, std::uint32_t host) {
  int count = 0;
  for (const Edge& edge : edges_of(schedule.phases[0]))
    if (edge.source.value / host != edge.destination.value / host &&
        edge.source.value % host != edge.destination.value % host)
      ++count;
  return count;
}

TEST(Ring, EveryHopBetweenHostsStaysOnItsRail) {
  for (const std::uint32_t host : {1U, 2U, 3U, 4U, 8U})
    for (const std::uint32_t hosts : {2U, 3U, 4U, 5U, 8U, 9U}) {
      if (host == 2 && hosts % 2 == 1) continue;
      EXPECT_EQ(crossings(*schedule_of(CollectiveKind::kAllReduce, "ring", host * hosts, 0, host), host), 0)
          << host << " GPUs in each of " << hosts << " hosts";
    }
}

TEST(Ring, OddHostsOfTwoGpusCrossRailsOnceAChannel) {
  EXPECT_EQ(crossings(*schedule_of(CollectiveKind::kAllReduce, "ring", 10, 0, 2), 2), 2);
}

TEST(Ring, EveryNicSendsAndReceivesOneChannel) {
  for (const std::uint32_t hosts : {2U, 5U, 6U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "ring", 8 * hosts, 0, 8);
    std::map<std::uint32_t, int> sent, received;
    for (const Edge& edge : edges_of(schedule->phases[0])) {
      if (edge.source.value / 8 == edge.destination.value / 8) continue;
      ++sent[edge.source.value];
      ++received[edge.destination.value];
    }
    EXPECT_EQ(sent.size(), 8 * hosts);
    EXPECT_EQ(received.size(), 8 * hosts);
  }
}

TEST(Ring, EachLaneIsOneClosedRingThroughAllRanks) {
  for (const std::uint32_t ranks : {2U, 13U, 24U, 40U}) {
    const auto schedule = schedule_of(CollectiveKind::kAllReduce, "ring", ranks, 0, 8);
    const Phase& phase = schedule->phases[0];
    EXPECT_EQ(phase.coupling, Coupling::kLockstep);
    std::vector<std::map<std::uint32_t, std::uint32_t>> next(phase.lane_count);
    for (const Edge& edge : edges_of(phase)) next.at(edge.lane)[edge.source.value] = edge.destination.value;
    for (const auto& lane : next) {
      std::uint32_t at = 0, length = 0;
      do {
        at = lane.at(at);
        ++length;
      } while (at != 0 && length <= ranks);
      EXPECT_EQ(length, ranks);
    }
  }
}

TEST(Ring, ChannelsDefaultToTheNicsOfAHostAndFewerNicsAreSharedByNeighbours) {
  EXPECT_EQ(
      make_schedule(shape_of(16), packed(16), request_of(CollectiveKind::kAllReduce, "ring", 0))->phases[0].lane_count,
      8U);
  EXPECT_EQ(make_schedule(shape_of(16, 8, 8, 4), packed(16), request_of(CollectiveKind::kAllReduce, "ring", 0))
                ->phases[0]
                .lane_count,
            4U);
  EXPECT_EQ(make_schedule(shape_of(16, 8, 8, 16), packed(16), request_of(CollectiveKind::kAllReduce, "ring", 0))
                ->phases[0]
                .lane_count,
            16U);
}

// Ranks of one host stand together in the ring, wherever the ranks are.
TEST(Ring, LeavesEachHostOnceOnRandomPlacement) {
  const auto placement = make_placement(Mapping{MappingKind::kRandom, 1, 9, {}, {}}, 32, 32);
  const auto schedule = make_schedule(shape_of(32), *placement, request_of(CollectiveKind::kAllReduce, "ring", 0));
  int leaving = 0;
  for (const Edge& edge : edges_of(schedule->phases[0]))
    if (placement->gpu_of(edge.source).value / 8 != placement->gpu_of(edge.destination).value / 8) ++leaving;
  EXPECT_EQ(leaving, 4 * 8);  // hosts x channels
}

TEST(Hierarchical, RingsAcrossDomainsStayOnTheirPlace) {
  const auto schedule = schedule_of(CollectiveKind::kAllReduce, "hierarchical", 40, 0, 8);
  for (const Edge& edge : edges_of(schedule->phases[1])) {
    EXPECT_EQ(edge.source.value % 8, edge.destination.value % 8);
    EXPECT_EQ(edge.source.value % 8, edge.channel);
  }
}

TEST(Permutation, EverybodySendsAndReceivesOnceAndNeverToItself) {
  for (const std::uint32_t n : {2U, 3U, 17U, 64U}) {
    CollectiveRequest request = request_of(CollectiveKind::kPermutation, "", 8);
    std::set<std::uint32_t> sources, destinations;
    for (const Edge& edge : edges_of(make_schedule(shape_of(n), packed(n), request)->phases[0])) {
      EXPECT_NE(edge.source, edge.destination);
      sources.insert(edge.source.value);
      destinations.insert(edge.destination.value);
    }
    EXPECT_EQ(sources.size(), n);
    EXPECT_EQ(destinations.size(), n);
  }
}

TEST(Permutation, SeedAndGroupChooseIt) {
  CollectiveRequest request = request_of(CollectiveKind::kPermutation, "", 8);
  request.group_size = 32;
  const auto targets = [&](std::uint64_t seed) {
    request.seed = seed;
    std::vector<std::uint32_t> all;
    for (const Edge& edge : edges_of(make_schedule(shape_of(64), packed(64), request)->phases[0]))
      all.push_back(edge.destination.value % 32);
    return all;
  };
  const std::vector<std::uint32_t> one = targets(1);
  EXPECT_EQ(one, targets(1));
  EXPECT_NE(one, targets(2));
  EXPECT_FALSE(std::equal(one.begin(), one.begin() + 32, one.begin() + 32));
}

TEST(Shift, GoesAroundTheGroup) {
  CollectiveRequest request = request_of(CollectiveKind::kShift, "", 8);
  request.shift = 5;
  for (const Edge& edge : edges_of(make_schedule(shape_of(8), packed(8), request)->phases[0]))
    EXPECT_EQ(edge.destination.value, (edge.source.value + 5) % 8);
}

TEST(Incast, EveryReceiverHasNSendersOnOtherHosts) {
  CollectiveRequest request = request_of(CollectiveKind::kIncast, "", 8);
  request.fan_in = 7;
  std::map<std::uint32_t, std::set<std::uint32_t>> senders;
  for (const Edge& edge : edges_of(make_schedule(shape_of(64), packed(64), request)->phases[0])) {
    senders[edge.destination.value].insert(edge.source.value);
    EXPECT_NE(edge.source.value / 8, edge.destination.value / 8);
  }
  EXPECT_EQ(senders.size(), 8U);
  for (const auto& [receiver, from] : senders) EXPECT_EQ(from.size(), 7U) << receiver;
}

TEST(Incast, WithoutFanInAllTheOthersSendToTheRoot) {
  CollectiveRequest request = request_of(CollectiveKind::kIncast, "", 8);
  request.root = 3;
  const auto edges = edges_of(make_schedule(shape_of(16), packed(16), request)->phases[0]);
  EXPECT_EQ(edges.size(), 15U);
  for (const Edge& edge : edges) EXPECT_EQ(edge.destination, Rank{3});
}

TEST(Bisection, RandomHalvesExchangeAndTheOddOneIsIdle) {
  const auto edges = edges_of(schedule_of(CollectiveKind::kBisection, "", 17, 8)->phases[0]);
  EXPECT_EQ(edges.size(), 16U);
  std::map<std::uint32_t, std::uint32_t> partner;
  for (const Edge& edge : edges) partner[edge.source.value] = edge.destination.value;
  EXPECT_EQ(partner.size(), 16U);
  for (const auto& [from, to] : partner) EXPECT_EQ(partner.at(to), from);
}

TEST(RailAligned, IsAllPairsThroughTheScaleUpDomain) {
  const auto schedule = schedule_of(CollectiveKind::kAllToAll, "rail_aligned", 24, 2400);
  ASSERT_EQ(schedule->phases.size(), 1U);
  EXPECT_EQ(schedule->phases[0].via, Via::kRailAligned);
  EXPECT_EQ(schedule->phases[0].edge_count, 24U * 23);
}

TEST(Scale, PairwiseOverAMillionRanksIsOnePhase) {
  const std::uint32_t n = 1U << 20;
  const auto schedule = schedule_of(CollectiveKind::kAllToAll, "pairwise", n, 1LL << 30);
  ASSERT_EQ(schedule->phases.size(), 1U);
  const Phase& phase = schedule->phases[0];
  EXPECT_TRUE(phase.varying);
  EXPECT_EQ(phase.repeat, n - 1);
  phase.edges_at(n - 2, n - 1, n, [&](const Edge& edge) {
    EXPECT_EQ(edge.source, Rank{n - 1});
    EXPECT_EQ(edge.destination, Rank{n - 2});
    EXPECT_EQ(edge.bytes, Bytes{1024});
  });
}

TEST(Scale, SixtySixMillionEdgesAreProducedFromAnyPoint) {
  CollectiveRequest request = request_of(CollectiveKind::kAllToAll, "all_at_once", 1 << 20);
  request.group_size = 64;
  request.grouping = Grouping::kStrided;
  const std::uint32_t n = 1U << 20;
  const auto schedule = make_schedule(shape_of(n), packed(n), request);
  const Phase& phase = schedule->phases[0];
  ASSERT_EQ(phase.edge_count, std::uint64_t{n} * 63);
  std::uint64_t count = 0;
  phase.edges(phase.edge_count - 1, phase.edge_count, [&](const Edge& edge) {
    ++count;
    EXPECT_EQ(edge.source, Rank{n - 1});
    EXPECT_EQ(edge.destination, Rank{n - 1 - n / 64});
  });
  EXPECT_EQ(count, 1U);
}

// The proof itself must bite.
TEST(SymbolicRun, NoticesAMissingADoubledAndAMisplacedContribution) {
  for (const int fault : {0, 1, 2}) {
    auto schedule = schedule_of(CollectiveKind::kAllReduce, "ring", 6, 0);
    ASSERT_EQ(prove(*schedule), "");
    const auto moves = schedule->phases[0].moves;
    schedule->phases[0].moves = [=](std::uint64_t step, const std::function<void(const Move&)>& sink) {
      bool first = step == 1;
      moves(step, [&](Move move) {
        if (first && fault == 2) move.destination_chunk = (move.destination_chunk + 1) % 6;
        if (!first || fault != 0) sink(move);
        if (first && fault == 1) sink(move);
        first = false;
      });
    };
    EXPECT_NE(prove(*schedule), "") << fault;
  }
}

}  // namespace
}  // namespace weft
