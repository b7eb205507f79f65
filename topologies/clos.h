// A folded Clos by arithmetic: every regular fabric of weft (fat tree, rail optimized, rail only,
// multi plane, dual ToR) is `planes` copies of one shape.
//
//   plane
//     block b      leaves that share a set of spines: a pod; where rails stay apart below the core,
//                  one rail of a pod. 1 tier: a leaf alone. 2 tiers: no core joins the blocks.
//       leaf l     every leaf has `trunk` links to each of the block's `spines` spines
//       spine j    every spine has `core_trunk` links to each of the `cores` cores of its core group j / group_spines
//     core domain  blocks whose cores are common: one for all, or one a rail (rails that never join)
//
// A path is up to four choices, made by the switch on the way:
//   leaf:  c1 in [0, spines * trunk)          spine j = c1 / trunk, parallel link c1 % trunk
//   spine: c2 in [0, cores * core_trunk)      core u = c2 / core_trunk (only where the block is left)
//   core:  c3 in [0, group_spines * core_trunk)   spine of the far block: group * group_spines + c3 / core_trunk
//   far spine: c4 in [0, trunk)               parallel link down to the far leaf
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/topology.h"
#include "topologies/failures.h"

namespace weft {

struct ClosShape {
  std::uint32_t tiers = 2;
  std::uint32_t planes = 1;
  std::uint32_t blocks = 1;            // per plane
  std::uint32_t leaves_per_block = 1;  // of a full block
  std::uint32_t full_blocks = 1;       // blocks [0, full_blocks) are full,
  std::uint32_t last_leaves = 0;       // the rest have this many leaves each (partly filled fabric)
  std::uint32_t leaf_down = 0;         // ports of a leaf towards hosts
  std::uint32_t spines = 0;            // per block
  std::uint32_t trunk = 0;             // parallel links of a leaf-spine pair
  std::uint32_t cores = 0;             // per core group
  std::uint32_t core_trunk = 0;        // parallel links of a spine-core pair
  std::uint32_t group_spines = 1;      // spines of a block that one core group serves
  std::uint32_t core_domains = 1;      // block b is in domain b % core_domains

  // Where NIC port (host, nic, j) attaches: its plane, and its place in the plane.
  PlaneSplit split = PlaneSplit::kPort;  // planes > 1: plane = j, or plane = nic * planes / nics
  bool by_rail = false;               // false: ports fill leaves in host order; true: one set of leaves a rail and unit
  bool rail_blocks = false;           // by_rail: each rail of a pod is a block of its own
  std::uint32_t rails = 1;            // rails per plane
  std::uint32_t rail_ports = 1;       // ports of one host on one rail of one plane
  std::uint32_t unit_hosts = 0;       // by_rail: hosts that share leaves
  std::uint32_t unit_leaves = 1;      // by_rail: leaves per unit and rail
  std::uint32_t units_per_block = 1;  // by_rail: units of a full block

  [[nodiscard]] std::uint32_t leaves() const {  // per plane
    return full_blocks * leaves_per_block + (blocks - full_blocks) * last_leaves;
  }
  [[nodiscard]] std::uint32_t core_groups() const { return spines / group_spines; }
  [[nodiscard]] std::uint32_t leaf_up() const { return spines * trunk; }
  [[nodiscard]] std::uint32_t spine_up() const { return cores * core_trunk; }
  [[nodiscard]] std::uint32_t total_spines() const { return tiers >= 2 ? blocks * spines : 0; }  // per plane
  [[nodiscard]] std::uint32_t total_cores() const {                                              // per plane
    return tiers >= 3 ? core_domains * core_groups() * cores : 0;
  }
  [[nodiscard]] std::uint32_t block_of_leaf(std::uint32_t leaf) const {
    const std::uint32_t full = full_blocks * leaves_per_block;
    return leaf < full ? leaf / leaves_per_block : full_blocks + (leaf - full) / last_leaves;
  }
  [[nodiscard]] std::uint32_t first_leaf(std::uint32_t block) const {
    return block < full_blocks ? block * leaves_per_block
                               : full_blocks * leaves_per_block + (block - full_blocks) * last_leaves;
  }
};

// Where a NIC port is plugged in. `leaf` counts within the plane.
struct Attachment {
  std::uint32_t plane = 0, leaf = 0, leaf_port = 0;
};

class ClosTopology final : public Topology {
 public:
  // Applies spec.failures. Errors: kInput for a failure that names no part of this fabric.
  [[nodiscard]] static Expected<std::unique_ptr<ClosTopology>> create(FabricSpec spec, ClosShape shape);

  [[nodiscard]] const ClosShape& shape() const { return shape_; }
  [[nodiscard]] Attachment attachment(PortId port) const;

  // Cables (undirected; LinkId = 2 * cable + down) of the fabric tiers. Leaf and spine count within the plane.
  [[nodiscard]] std::uint32_t leaf_spine_cable(std::uint32_t plane, std::uint32_t leaf, std::uint32_t c1) const {
    return first_leaf_spine_ + (plane * shape_.leaves() + leaf) * shape_.leaf_up() + c1;
  }
  [[nodiscard]] std::uint32_t spine_core_cable(std::uint32_t plane, std::uint32_t spine, std::uint32_t c2) const {
    return first_spine_core_ + (plane * shape_.total_spines() + spine) * shape_.spine_up() + c2;
  }

  // Deviations: what failed or runs slower. All empty in a healthy fabric.
  using Deviation = CableDeviation;
  [[nodiscard]] bool healthy() const { return deviations_.empty(); }
  [[nodiscard]] bool cable_deviates(std::uint32_t cable) const { return deviations_.deviates(cable); }
  [[nodiscard]] bool cable_dead(std::uint32_t cable) const {
    return cable_deviates(cable) && rate_factor(cable) == 0.0;
  }
  [[nodiscard]] double rate_factor(std::uint32_t cable) const { return deviations_.rate_factor(cable); }
  // Sorted by cable; a dead switch shows as all of its cables.
  [[nodiscard]] const std::vector<Deviation>& deviating_cables() const { return deviations_.sorted(); }

  [[nodiscard]] std::uint32_t link_count() const override { return link_count_; }
  [[nodiscard]] LinkTier tier(LinkId link) const override;
  [[nodiscard]] Rate rate(LinkId link) const override;
  [[nodiscard]] Duration delay(LinkId link) const override;
  [[nodiscard]] LinkEnds ends(LinkId link) const override;
  [[nodiscard]] std::uint32_t switch_count(NodeKind kind) const override;  // over all planes
  [[nodiscard]] std::uint32_t plane_count() const override { return shape_.planes; }
  [[nodiscard]] std::string name(NodeRef node) const override;
  [[nodiscard]] std::string name(LinkId link) const override;
  [[nodiscard]] std::optional<LinkId> find_link(std::string_view name) const override;
  [[nodiscard]] std::optional<NodeRef> find_node(std::string_view name) const override;

 private:
  ClosTopology(FabricSpec spec, ClosShape shape);

  [[nodiscard]] NodeRef spine_of(std::uint32_t leaf_spine) const;  // far end of the leaf_spine cable with this offset
  [[nodiscard]] NodeRef core_of(std::uint32_t spine_core) const;
  [[nodiscard]] std::optional<LinkId> find_up_link(NodeRef from, NodeRef to, std::uint32_t parallel) const;
  [[nodiscard]] std::string plane_prefix(std::uint32_t plane) const;

  ClosShape shape_;
  std::uint32_t first_leaf_spine_ = 0, first_spine_core_ = 0, link_count_ = 0;
  Rate tier_rate_[4]{};  // by LinkTier
  Deviations deviations_;
};

}  // namespace weft
