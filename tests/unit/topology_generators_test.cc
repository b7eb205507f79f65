// Each generator on numbers that fit on paper.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/clos.h"

namespace weft {
namespace {

using testing::fat_tree;

std::unique_ptr<Topology> build(const FabricSpec& spec) {
  auto built = build_topology(spec);
  EXPECT_TRUE(built) << built.error().text();
  return built ? std::move(*built) : nullptr;
}
const ClosShape& shape(const std::unique_ptr<Topology>& t) { return dynamic_cast<const ClosTopology&>(*t).shape(); }
std::string error_of(const FabricSpec& spec) {
  auto built = build_topology(spec);
  return built ? "no error" : built.error().text();
}

TEST(FatTree, HostPortsFillLeavesInOrder) {
  const auto t = build(fat_tree(8, 4, 2));
  EXPECT_EQ(t->name(t->host_link(PortId{5}, false)), "host5.nic0.port0>leaf2");
  EXPECT_EQ(t->name(t->host_link(PortId{5}, true)), "leaf2>host5.nic0.port0");
}

TEST(FatTree, OversubscriptionIsBandwidthDownOverUp) {
  FabricSpec s = fat_tree(48 * 4, 64, 2);
  s.topology.leaf_oversubscription = 3;
  EXPECT_EQ(shape(build(s)).leaf_down, 48U);
  EXPECT_EQ(shape(build(s)).leaf_up(), 16U);
  s.links.leaf_spine.rate = Rate::gbps(800);  // half as many uplinks carry as much: 6 ports down to 1 up
  EXPECT_EQ(shape(build(s)).leaf_up(), 10U);  // 64/7 rounded up
  EXPECT_EQ(shape(build(s)).leaf_down, 54U);  // 54 x 400G / 10 x 800G = 2.7, no worse than 3
}

TEST(FatTree, SpineOversubscriptionOfThreeTiers) {
  FabricSpec s = fat_tree(16 * 8 * 2, 16, 3);
  s.topology.spine_oversubscription = 3;
  const auto t = build(s);
  const ClosShape& shape3 = shape(t);
  EXPECT_EQ(shape3.leaves_per_block, 12U);
  EXPECT_EQ(shape3.spine_up(), 4U);
}

TEST(FatTree, PortRatesPerTier) {
  FabricSpec s = fat_tree(8, 4, 2);
  s.links.host.rate = Rate::gbps(200);
  s.links.leaf_spine.rate = Rate::gbps(400);
  const auto t = build(s);
  EXPECT_EQ(t->rate(t->host_link(PortId{0}, false)), Rate::gbps(200));
  EXPECT_EQ(t->rate(LinkId{t->first_fabric_link()}), Rate::gbps(400));
}

TEST(FatTree, PartlyFilledTakesAsFewSwitchesAsTheHostsNeed) {
  const auto two = build(fat_tree(64, 64, 2));  // 2 leaves of 32: 64 uplinks fill one spine
  EXPECT_EQ(two->switch_count(NodeKind::kLeaf), 2U);
  EXPECT_EQ(two->switch_count(NodeKind::kSpine), 1U);
  const auto three = build(fat_tree(33, 8, 3));  // 9 leaves of 4: two full pods of 4, one leaf over
  EXPECT_EQ(three->switch_count(NodeKind::kLeaf), 9U);
  EXPECT_EQ(shape(three).full_blocks, 2U);
  EXPECT_EQ(shape(three).last_leaves, 1U);
}

TEST(FatTree, TiersZeroIsAsFewAsNeeded) {
  EXPECT_EQ(shape(build(fat_tree(32, 8, 0))).tiers, 2U);
  EXPECT_EQ(shape(build(fat_tree(33, 8, 0))).tiers, 3U);
}

TEST(FatTree, SpinesThatDoNotDivideTheUplinksAreAnError) {
  FabricSpec s = fat_tree(1024, 64, 2);
  s.topology.spines = 24;
  EXPECT_EQ(error_of(s), "topology.spines: does not divide the 32 uplinks of a leaf: '24'; 16 or 32 would");
  s.topology.spines = 8;
  EXPECT_EQ(error_of(s),
            "topology.spines: 32 leaves with 4 links each need more than the 64 ports down: '8'; at least 16");
}

TEST(FatTree, ImpossibleRadixIsAnError) {
  EXPECT_EQ(error_of(fat_tree(8, 0, 2)), "switch.radix.leaf: impossible radix: '0'; 1 to 4096 ports");
  EXPECT_EQ(
      error_of(fat_tree(8, 1, 2)),
      "topology: a leaf needs ports both ways: '0 down, 1 up'; raise switch.radix.leaf or lower the oversubscription");
  FabricSpec s = fat_tree(8, 64, 2);
  s.switches.capacity = Rate::gbps(12'800);
  EXPECT_EQ(error_of(s),
            "switch.radix.leaf: 64 ports of 400Gbps exceed the capacity of 12800Gbps: '64'; at most 32 ports");
}

TEST(RailOptimized, NicsOfOneNumberShareALeaf) {
  const auto t = build(testing::superpod(64));
  // Unit 1 starts at host 32; its rail 3 is leaf 8 + 3.
  EXPECT_EQ(t->name(t->host_link(t->port_of(GpuId{40 * 8 + 3}, 0), false)), "host40.nic3.port0>leaf11");
}

TEST(RailOptimized, RailsThatJoinAtTheCoreAreBlocksOfTheirOwn) {
  FabricSpec s = fat_tree(32, 8, 3, 2);
  s.topology.kind = TopologyKind::kRailOptimized;
  s.topology.join = RailJoin::kCore;
  const auto t = build(s);
  EXPECT_TRUE(shape(t).rail_blocks);
  EXPECT_EQ(shape(t).core_domains, 1U);
  EXPECT_EQ(shape(t).blocks, 4U);  // 8 units, 4 a pod, 2 rails
}

TEST(RailOptimized, RailsThatNeverJoinHaveCoresOfTheirOwn) {
  FabricSpec s = fat_tree(32, 8, 3, 2);
  s.topology.kind = TopologyKind::kRailOptimized;
  s.topology.join = RailJoin::kNever;
  EXPECT_EQ(shape(build(s)).core_domains, 2U);
}

TEST(RailOptimized, JoinAtTheCoreNeedsCores) {
  FabricSpec s = fat_tree(8, 8, 2, 2);
  s.topology.kind = TopologyKind::kRailOptimized;
  s.topology.join = RailJoin::kCore;
  EXPECT_EQ(error_of(s), "topology.join: rails that meet at the core need cores: 'core'; topology.tiers: 3");
}

TEST(RailOnly, OneTierIsOneSwitchARail) {
  FabricSpec s = fat_tree(64, 64, 1, 8);
  s.topology.kind = TopologyKind::kRailOnly;
  const auto t = build(s);
  EXPECT_EQ(t->switch_count(NodeKind::kLeaf), 8U);
  EXPECT_EQ(t->link_count(), t->first_fabric_link());
  s.hosts.count = 65;
  EXPECT_EQ(error_of(s), "topology.tiers: one leaf a rail holds 64 hosts: '65 hosts'; topology.tiers: 2 or 3");
  s.topology.tiers = 0;
  EXPECT_EQ(shape(build(s)).tiers, 2U);
}

TEST(MultiPlane, SplitPortPutsPortJOnPlaneJ) {
  const auto t = build(testing::planes8());
  EXPECT_EQ(t->name(t->host_link(PortId{8 * 300 + 5}, false)), "host37.nic4.port5>p5.leaf1");
}

TEST(MultiPlane, SplitNicPutsNicIOnPlaneI) {
  const auto t = build(testing::mpft());
  EXPECT_EQ(t->name(t->host_link(PortId{8 * 33 + 6}, false)), "host33.nic6.port0>p6.leaf1");
}

TEST(DualTor, PortsOfANicStandOnTwoTors) {
  const auto t = build(testing::hpn(256, 2));
  // Host 130 is the third of segment 1; rail 2 of it is leaf 8 + 2 on both planes.
  const PortId first{(130 * 8 + 2) * 2};
  EXPECT_EQ(t->name(t->host_link(first, false)), "host130.nic2.port0>p0.leaf10");
  EXPECT_EQ(t->name(t->host_link(PortId{first.value + 1}, false)), "host130.nic2.port1>p1.leaf10");
}

TEST(DualTor, CoreIsFifteenToOne) {
  const auto t = build(testing::hpn(2 * 1920, 3));
  EXPECT_EQ(shape(t).leaves_per_block * shape(t).trunk, 15 * shape(t).spine_up());
}

TEST(DualTor, NeedsTwoPortsANic) {
  FabricSpec s = testing::hpn(128, 2);
  s.hosts.ports_per_nic = 1;
  EXPECT_EQ(error_of(s), "hosts.ports_per_nic: dual_tor plugs the two ports of a NIC into two ToRs: '1'; 2");
}

TEST(Hosts, NumbersThatOverflowAreErrors) {
  FabricSpec s = fat_tree(4'000'000'000U, 64, 3, 8);
  EXPECT_NE(error_of(s).find("hosts.count: too many"), std::string::npos);
  s.hosts.count = 0;
  EXPECT_EQ(error_of(s), "hosts.count: must be above zero: '0'; at least 1");
}

// Pages in use, from /proc/self/statm; 0 where there is no such file.
double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * 4096 / (1 << 20);
}

TEST(Million, EveryLinkIsAddressableIn256MiB) {
  const double before = resident_mib();
  if (before == 0) GTEST_SKIP() << "no /proc/self/statm here";
  const auto t = build(testing::rail_1m());
  std::uint64_t switches = 0;
  for (std::uint32_t l = 0; l < t->link_count(); l += 2) switches += t->ends(LinkId{l}).to.index;
  EXPECT_GT(switches, 0U);
  EXPECT_LT(resident_mib() - before, 256);
}

TEST(Million, TopologyIsReadyWithinASecond) {
  const auto start = std::chrono::steady_clock::now();
  const auto t = build(testing::rail_1m());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 1.0);
  EXPECT_EQ(t->gpu_count(), 1'048'576U);
  const LinkId last{t->link_count() - 1};
  EXPECT_EQ(t->find_link(t->name(last)), last);
}

}  // namespace
}  // namespace weft
