// Fabrics of the examples in topologies/specs, as C++ values. A test keeps each equal to its file.
#pragma once

#include "fabric/spec.h"

namespace weft::testing {

// `nics` endpoints on switches of one radix, one GPU and one port a NIC.
inline FabricSpec fat_tree(std::uint32_t hosts, std::uint32_t radix, std::uint32_t tiers, std::uint32_t nics = 1) {
  FabricSpec s;
  s.name = "fat tree";
  s.hosts.count = hosts;
  s.hosts.gpus = s.hosts.nics = s.hosts.rails = s.hosts.scale_up.domain_gpus = nics;
  s.topology.kind = TopologyKind::kFatTree;
  s.topology.tiers = tiers;
  s.switches.leaf_radix = s.switches.spine_radix = s.switches.core_radix = radix;
  return s;
}

// DGX SuperPOD B200: units of 32 nodes, 64 x 400G switches, 32 down and 32 up.
inline FabricSpec superpod(std::uint32_t nodes) {
  FabricSpec s = fat_tree(nodes, 64, 0, 8);
  s.hosts.gpu = "B200";
  s.topology.kind = TopologyKind::kRailOptimized;
  s.topology.hosts_per_unit = 32;
  s.switches.capacity = Rate::gbps(25'600);
  return s;
}

// Alibaba HPN (SIGCOMM'24): 51.2T ToR with 128 + 8 x 200G down and 60 x 400G up; aggregation 120 down, 8 up.
inline FabricSpec hpn(std::uint32_t hosts, std::uint32_t tiers) {
  FabricSpec s = fat_tree(hosts, 128, tiers, 8);
  s.topology.kind = TopologyKind::kDualTor;
  s.hosts.ports_per_nic = 2;
  s.topology.leaf_up = 60;
  s.switches.capacity = Rate::gbps(51'200);
  s.switches.leaf_radix = 196;
  if (tiers == 3) {
    s.topology.spine_down = 120;
    s.topology.spine_up = 8;
    s.topology.spine_oversubscription = 15;
  }
  s.links.leaf_spine.rate = s.links.spine_core.rate = Rate::gbps(400);
  return s;
}

// DeepSeek-V3 (ISCA'25): NIC i of each host on plane i, two tiers of 64 x 400G.
inline FabricSpec mpft() {
  FabricSpec s = fat_tree(2048, 64, 2, 8);
  s.topology.kind = TopologyKind::kMultiPlane;
  s.topology.split = PlaneSplit::kNic;
  s.topology.planes = 8;
  return s;
}

// Each 800G NIC split into 8 x 100G, one port a plane; 51.2T switches as 512 x 100G.
inline FabricSpec planes8() {
  FabricSpec s = fat_tree(16'384, 512, 2, 8);
  s.topology.kind = TopologyKind::kMultiPlane;
  s.topology.split = PlaneSplit::kPort;
  s.topology.planes = s.hosts.ports_per_nic = 8;
  s.hosts.nic_rate = Rate::gbps(800);
  s.switches.capacity = Rate::gbps(51'200);
  return s;
}

// A million GPUs on 102.4T switches of 256 x 400G.
inline FabricSpec rail_1m() {
  FabricSpec s = fat_tree(131'072, 256, 3, 8);
  s.topology.kind = TopologyKind::kRailOptimized;
  s.switches.capacity = Rate::gbps(102'400);
  return s;
}

}  // namespace weft::testing
