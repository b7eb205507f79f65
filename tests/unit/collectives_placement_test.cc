// Rank to GPU, and the words of every error.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/shapes.h"

namespace weft {
namespace {

using testing::packed;
using testing::request_of;
using testing::schedule_of;
using testing::shape_of;

TEST(Placement, PackedPutsRankROnGpuR) {
  const Placement placement = packed(5);
  for (std::uint32_t r = 0; r < 5; ++r) EXPECT_EQ(placement.gpu_of(Rank{r}), GpuId{r});
}

TEST(Placement, StridedGoesHostByHost) {
  const auto placement = make_placement(Mapping{MappingKind::kStrided, 8, 1, {}, {}}, 10, 32);
  const std::uint32_t want[] = {0, 8, 16, 24, 1, 9, 17, 25, 2, 10};
  for (std::uint32_t r = 0; r < 10; ++r) EXPECT_EQ(placement->gpu_of(Rank{r}), GpuId{want[r]}) << r;
}

TEST(Placement, EveryMappingIsBijective) {
  for (const MappingKind kind : {MappingKind::kPacked, MappingKind::kStrided, MappingKind::kRandom})
    for (const std::uint32_t gpus : {1U, 7U, 24U, 100U})
      for (std::uint32_t stride = 1; stride <= gpus; ++stride) {
        const auto placement = make_placement(Mapping{kind, stride, stride, {}, {}}, gpus, gpus);
        ASSERT_TRUE(placement);
        std::set<std::uint32_t> taken;
        for (std::uint32_t r = 0; r < gpus; ++r) taken.insert(placement->gpu_of(Rank{r}).value);
        EXPECT_EQ(taken.size(), gpus);
        EXPECT_LT(*taken.rbegin(), gpus);
      }
}

TEST(Placement, RandomDependsOnTheSeedAlone) {
  const auto gpus_of = [](std::uint64_t seed) {
    const auto placement = make_placement(Mapping{MappingKind::kRandom, 1, seed, {}, {}}, 50, 100);
    std::vector<std::uint32_t> gpus;
    for (std::uint32_t r = 0; r < 50; ++r) gpus.push_back(placement->gpu_of(Rank{r}).value);
    return gpus;
  };
  EXPECT_EQ(gpus_of(1), gpus_of(1));
  EXPECT_NE(gpus_of(1), gpus_of(2));
}

Expected<Placement> from_text(std::string text, std::uint32_t ranks = 3) {
  return make_placement(Mapping{MappingKind::kFile, 1, 1, "map.txt", std::move(text)}, ranks, 8);
}

TEST(Placement, FileHoldsOneGpuALineWithComments) {
  const auto placement = from_text("# three ranks\n5\r\n\n 0  # the root's\n7");
  ASSERT_TRUE(placement) << placement.error().text();
  EXPECT_EQ(placement->gpu_of(Rank{0}), GpuId{5});
  EXPECT_EQ(placement->gpu_of(Rank{1}), GpuId{0});
  EXPECT_EQ(placement->gpu_of(Rank{2}), GpuId{7});
}

TEST(Placement, FileErrorsNameLineValueAndWayOut) {
  EXPECT_EQ(from_text("1\n8\n2\n").error().text(), "map.txt:2:1: no such GPU: '8'; GPUs are 0 to 7");
  EXPECT_EQ(from_text("99999999999\n").error().text(), "map.txt:1:1: no such GPU: '99999999999'; GPUs are 0 to 7");
  EXPECT_EQ(from_text("1\n2\n1\n").error().text(),
            "map.txt:3:1: GPU already taken by line 1: '1'; give each rank its own GPU");
  EXPECT_EQ(from_text("1\n-2\n").error().text(),
            "map.txt:2:1: not a GPU index: '-2'; write one GPU index a line; GPUs are 0 to 7");
  EXPECT_EQ(from_text("1 2 3\n").error().text(),
            "map.txt:1:1: not a GPU index: '1 2 3'; write one GPU index a line; GPUs are 0 to 7");
  EXPECT_EQ(from_text("1\n2\n").error().text(),
            "map.txt: the mapping file has too few lines for the ranks: '2 of 3'; add lines, or ask for fewer ranks");
}

TEST(Placement, ErrorsNameValueAndWayOut) {
  EXPECT_EQ(make_placement(Mapping{}, 9, 8).error().text(),
            "more ranks than the fabric has GPUs: '9'; ask for at most 8, or add hosts");
  EXPECT_EQ(make_placement(Mapping{}, 0, 8).error().text(), "no ranks: '0'; ask for at least one");
  EXPECT_EQ(make_placement(Mapping{MappingKind::kStrided, 9, 1, {}, {}}, 4, 8).error().text(),
            "stride out of range: '9'; a stride is 1 to the number of GPUs, 8");
}

std::string refusal(const CollectiveRequest& request, const Shape& shape, std::uint32_t ranks) {
  const auto schedule = make_schedule(shape, packed(ranks), request);
  return schedule ? "accepted" : schedule.error().text();
}

TEST(Request, ErrorsNameValueAndWayOut) {
  CollectiveRequest request = request_of(CollectiveKind::kAllReduce, "rong", 8);
  EXPECT_EQ(refusal(request, shape_of(8), 8),
            "unknown algorithm of all_reduce: 'rong'; use auto, ring, tree, hierarchical, nvls_ring, nvls_tree, "
            "halving_doubling, recursive_doubling");
  request.algorithm = "ring";
  request.group_size = 3;
  EXPECT_EQ(refusal(request, shape_of(8), 8),
            "the group size does not divide the ranks: '8 into 3'; ask for 6 ranks, or another group size");
  request.group_size = 0;
  request.ranks = 9;
  EXPECT_EQ(refusal(request, shape_of(8), 8), "more ranks than are placed: '9'; ask for 1 to 8");
  request.ranks = 8;
  request.size = Bytes{-1};
  EXPECT_EQ(refusal(request, shape_of(8), 8), "message size out of range: '-1'; sizes are 0 to 2^56 bytes");
  request.size = Bytes{8};
  request.channels = 4000;
  EXPECT_EQ(refusal(request, shape_of(8), 8),
            "too many channels: '4000'; at most 1024, and ranks x channels below 2^32");
  request.channels = 0;
  request.root = 8;
  EXPECT_EQ(refusal(request, shape_of(8), 8), "the root is not in the group: '8'; a root is 0 to 7");
}

TEST(Request, AlgorithmsThatCannotRunHereSayWhichCan) {
  EXPECT_EQ(refusal(request_of(CollectiveKind::kAllReduce, "hierarchical", 8), shape_of(16), 12),
            "hierarchical needs groups that take the same number of ranks from each scale-up domain: 'domains with 8 "
            "and 4 ranks'; use algorithm ring or tree, or groups of a multiple of 8 ranks");
  Shape plain = shape_of(16);
  plain.in_network_reduction = false;
  EXPECT_EQ(refusal(request_of(CollectiveKind::kAllReduce, "nvls_ring", 8), plain, 16),
            "the scale-up domain has no in-network reduction: 'nvls_ring'; use algorithm hierarchical or tree, or set "
            "hosts.scale_up.in_network_reduction");
  CollectiveRequest shift = request_of(CollectiveKind::kShift, "", 8);
  shift.shift = 16;
  EXPECT_EQ(refusal(shift, shape_of(16), 16),
            "a shift by a multiple of the group size sends nothing: '16'; shift by 1 to 15");
  CollectiveRequest incast = request_of(CollectiveKind::kIncast, "", 8);
  incast.fan_in = 16;
  EXPECT_EQ(refusal(incast, shape_of(16), 16),
            "incast from more senders than the group has: '16'; a group of 16 allows 15 senders to a receiver");
}

TEST(Request, DefaultIsHierarchicalWhereDomainsAllowAndRingElsewhere) {
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "", 16, 8)->algorithm, "hierarchical");
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "", 13, 8)->algorithm, "ring");
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "", 8, 8)->algorithm, "ring");
  EXPECT_EQ(schedule_of(CollectiveKind::kAllToAll, "", 16, 8)->algorithm, "all_at_once");
}

TEST(Request, AutoPicksFewStepsForSmallAndBandwidthForLargeMessages) {
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "auto", 16, 8)->algorithm, "nvls_tree");
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "auto", 13, 8)->algorithm, "recursive_doubling");
  EXPECT_EQ(schedule_of(CollectiveKind::kAllReduce, "auto", 13, 1 << 30)->algorithm, "tree");
}

}  // namespace
}  // namespace weft
