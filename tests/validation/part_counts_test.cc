// Part counts of oracles.md, exact.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/specs.h"
#include "topologies/build.h"

namespace weft {
namespace {

using testing::fat_tree;

struct Counts {
  std::uint32_t ports, leaves, spines, cores, fabric_cables;
  bool operator==(const Counts&) const = default;
  [[nodiscard]] std::uint32_t switches() const { return leaves + spines + cores; }
};

void PrintTo(const Counts& c, std::ostream* out) {
  *out << c.ports << " ports, " << c.leaves << "/" << c.spines << "/" << c.cores << ", " << c.fabric_cables;
}

Counts counts(const FabricSpec& spec) {
  const auto built = build_topology(spec);
  EXPECT_TRUE(built) << built.error().text();
  if (!built) return {};
  const Topology& t = **built;
  return {t.port_count(), t.switch_count(NodeKind::kLeaf), t.switch_count(NodeKind::kSpine),
          t.switch_count(NodeKind::kCore), (t.link_count() - t.first_fabric_link()) / 2};
}

TEST(PartCounts, TwoTierRadixK) {
  for (const std::uint32_t k : {4U, 8U, 16U, 32U, 64U, 128U}) {
    EXPECT_EQ(counts(fat_tree(k * k / 2, k, 2)), (Counts{k * k / 2, k, k / 2, 0, k * k / 2})) << k;
  }
}

TEST(PartCounts, ThreeTierRadixK) {
  for (const std::uint32_t k : {4U, 8U, 16U, 20U, 32U, 64U}) {
    const Counts c = counts(fat_tree(k * k * k / 4, k, 3));
    EXPECT_EQ(c, (Counts{k * k * k / 4, k * k / 2, k * k / 2, k * k / 4, k * k * k / 2})) << k;
    EXPECT_EQ(c.switches(), 5 * k * k / 4) << k;
  }
}

TEST(PartCounts, TooManyHostsForTwoTiersIsAnError) {
  const auto built = build_topology(fat_tree(64 * 32 + 1, 64, 2));
  ASSERT_FALSE(built);
  EXPECT_EQ(
      built.error().text(),
      "topology: 65 leaves meet at spines that have 64 ports down: '2 tiers, 2049 hosts'; topology.tiers: 3, fewer "
      "hosts, or switch.radix.spine of at least 65");
}

TEST(PartCounts, DeepSeekFt2MpftFt3) {
  EXPECT_EQ(counts(fat_tree(256, 64, 2, 8)), (Counts{2048, 64, 32, 0, 2048}));
  const Counts m = counts(testing::mpft());
  EXPECT_EQ(m, (Counts{16'384, 512, 256, 0, 16'384}));
  EXPECT_EQ(m.switches(), 768U);
  const Counts ft3 = counts(fat_tree(8192, 64, 3, 8));
  EXPECT_EQ(ft3.ports, 65'536U);
  EXPECT_EQ(ft3.switches(), 5120U);
  EXPECT_EQ(ft3.fabric_cables, 131'072U);
}

TEST(PartCounts, SplitPortPlanesOf512PortSwitchesReach131072) {
  const Counts c = counts(testing::planes8());
  EXPECT_EQ(c.ports, 8U * 131'072);
  EXPECT_EQ(c, (Counts{8 * 131'072, 8 * 512, 8 * 256, 0, 8 * 131'072}));
  FabricSpec more = testing::planes8();
  more.hosts.count += 1;
  EXPECT_FALSE(build_topology(more));
}

TEST(PartCounts, SplitPortRadixIsCappedByTheSwitch) {
  FabricSpec s = testing::planes8();
  s.switches.leaf_radix = s.switches.spine_radix = 1024;
  EXPECT_EQ(counts(s), counts(testing::planes8()));
}

TEST(PartCounts, SuperPodB200Table) {
  struct Row {
    std::uint32_t nodes, leaves, spines, cores;
  };
  for (const Row& r : {Row{64, 16, 8, 0},
                       {128, 32, 16, 0},
                       {256, 64, 32, 0},
                       {512, 128, 128, 64},
                       {1024, 256, 256, 128},
                       {2048, 512, 512, 256}}) {
    const Counts c = counts(testing::superpod(r.nodes));
    EXPECT_EQ(c.leaves, r.leaves) << r.nodes;
    EXPECT_EQ(c.spines, r.spines) << r.nodes;
    EXPECT_EQ(c.cores, r.cores) << r.nodes;
  }
}

TEST(PartCounts, HpnSegmentAndPod) {
  EXPECT_EQ(counts(testing::hpn(128, 2)).leaves, 16U);
  const Counts pod = counts(testing::hpn(15 * 128, 2));
  EXPECT_EQ(pod.ports, 2U * 15'360);
  EXPECT_EQ(pod.leaves, 15U * 16);
  EXPECT_EQ(pod.spines, 120U);
  EXPECT_EQ(pod.fabric_cables, 15U * 16 * 60);
  const Counts two = counts(testing::hpn(2 * 15 * 128, 3));
  EXPECT_EQ(two.spines, 240U);
  EXPECT_EQ(two.fabric_cables, 30U * 16 * 60 + 240 * 8);
}

TEST(PartCounts, RailOptimizedMillion) {
  EXPECT_EQ(counts(testing::rail_1m()), (Counts{1'048'576, 8192, 8192, 4096, 2'097'152}));
}

}  // namespace
}  // namespace weft
