// Every algorithm delivers: symbolic data through every rank count, domain size, channel count and grouping.
#include <gtest/gtest.h>

#include "tests/support/shapes.h"
#include "tests/support/symbolic.h"

namespace weft {
namespace {

using testing::busiest_rank;
using testing::compare_edges_and_moves;
using testing::packed;
using testing::prove;
using testing::request_of;
using testing::shape_of;

constexpr std::uint32_t kRanks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24, 31, 32, 48, 64};
constexpr CollectiveKind kProved[] = {CollectiveKind::kAllReduce,     CollectiveKind::kAllGather,
                                      CollectiveKind::kReduceScatter, CollectiveKind::kAllToAll,
                                      CollectiveKind::kBroadcast,     CollectiveKind::kSendRecv};

bool needs_equal_domains(std::string_view algorithm) {
  return algorithm == "hierarchical" || algorithm.starts_with("nvls");
}

// One machine and request: delivers, edges and moves agree, and the busiest rank sends what the schedule says, for a
// size that divides into the chunks and sizes that do not.
void check(const Shape& shape, const Placement& placement, CollectiveRequest request, bool may_refuse) {
  const auto probe = make_schedule(shape, placement, request);
  SCOPED_TRACE(fmt::format("{} {} ranks {} domain {} channels {} group {}", name_of(request.kind), request.algorithm,
                           placement.ranks(), shape.domain_gpus, request.channels, request.group_size));
  if (!probe) {
    EXPECT_TRUE(may_refuse) << probe.error().text();
    EXPECT_FALSE(probe.error().way_out.empty());
    return;
  }
  EXPECT_EQ(prove(*probe, request.grouping, request.root), "");
  const auto divides = static_cast<std::int64_t>(probe->chunk_grid) * 240;
  for (const std::int64_t size : {divides, divides + 7, std::int64_t{1}, std::int64_t{0}}) {
    request.size = Bytes{size};
    const auto schedule = make_schedule(shape, placement, request);
    ASSERT_TRUE(schedule);
    EXPECT_EQ(compare_edges_and_moves(*schedule), "") << "size " << size;
    if (size == divides || size == 0)
      EXPECT_EQ(busiest_rank(*schedule), schedule->bytes_sent_per_rank.count) << "size " << size;
    else
      EXPECT_LE(busiest_rank(*schedule), schedule->bytes_sent_per_rank.count) << "size " << size;
  }
}

class Delivers : public ::testing::TestWithParam<std::pair<CollectiveKind, std::string_view>> {};

TEST_P(Delivers, ForEveryRankCountAndDomainSize) {
  const auto [kind, algorithm] = GetParam();
  for (const std::uint32_t ranks : kRanks)
    for (const std::uint32_t host : {1U, 2U, 3U, 4U, 8U}) {
      if (ranks > 32 && host < 4 && host != 1) continue;  // keeps the run short
      check(shape_of(ranks, host, host, host), packed(ranks), request_of(kind, std::string(algorithm), 0),
            needs_equal_domains(algorithm));
    }
}

TEST_P(Delivers, WithMoreAndFewerChannelsThanNics) {
  const auto [kind, algorithm] = GetParam();
  for (const std::uint32_t channels : {1U, 2U, 3U, 5U, 16U})
    for (const std::uint32_t nics : {1U, 4U, 8U}) {
      CollectiveRequest request = request_of(kind, std::string(algorithm), 0);
      request.channels = channels;
      check(shape_of(24, 4, 4, nics), packed(24), request, false);
      check(shape_of(12, 4, 1, nics), packed(12), request, false);  // no scale-up domain
    }
}

TEST_P(Delivers, InPackedAndStridedGroups) {
  const auto [kind, algorithm] = GetParam();
  for (const std::uint32_t group : {1U, 2U, 4U, 6U, 12U, 24U})
    for (const Grouping grouping : {Grouping::kPacked, Grouping::kStrided}) {
      CollectiveRequest request = request_of(kind, std::string(algorithm), 0);
      request.group_size = group;
      request.grouping = grouping;
      check(shape_of(24, 4, 4, 4), packed(24), request, needs_equal_domains(algorithm));
    }
}

TEST_P(Delivers, OnStridedAndRandomPlacement) {
  const auto [kind, algorithm] = GetParam();
  for (const MappingKind mapping : {MappingKind::kStrided, MappingKind::kRandom})
    for (const std::uint32_t ranks : {13U, 16U, 32U}) {
      const auto placement = make_placement(Mapping{mapping, 8, 3, {}, {}}, ranks, 32);
      ASSERT_TRUE(placement);
      check(shape_of(32), *placement, request_of(kind, std::string(algorithm), 0), needs_equal_domains(algorithm));
    }
}

TEST_P(Delivers, InDomainsOfSeveralHostsAndPartsOfHosts) {
  const auto [kind, algorithm] = GetParam();
  check(shape_of(24, 2, 12, 2), packed(24), request_of(kind, std::string(algorithm), 0), false);
  check(shape_of(24, 8, 4, 8), packed(24), request_of(kind, std::string(algorithm), 0), false);
}

std::vector<std::pair<CollectiveKind, std::string_view>> proved() {
  std::vector<std::pair<CollectiveKind, std::string_view>> all;
  for (const CollectiveKind kind : kProved)
    for (const AlgorithmInfo& info : algorithms(kind)) all.emplace_back(kind, info.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Collectives, Delivers, ::testing::ValuesIn(proved()), [](const auto& instance) {
  return fmt::format("{}_{}", name_of(instance.param.first), instance.param.second);
});

TEST(Broadcast, DeliversFromEveryRoot) {
  for (const AlgorithmInfo& info : algorithms(CollectiveKind::kBroadcast))
    for (const std::uint32_t ranks : {1U, 5U, 8U, 12U, 19U, 32U})
      for (std::uint32_t root = 0; root < ranks; ++root) {
        CollectiveRequest request = request_of(CollectiveKind::kBroadcast, std::string(info.name), 0);
        request.root = root;
        check(shape_of(ranks, 4, 4, 4), packed(ranks), request, false);
      }
}

}  // namespace
}  // namespace weft
