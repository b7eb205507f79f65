// Which next hops of a folded Clos still reach a destination leaf, as its BGP would have converged: paths go up to the
// lowest tier that the two leaves share, and then down (valley-free; no detour through a higher tier or another leaf).
#pragma once

#include <cstdint>
#include <vector>

#include "topologies/clos.h"
#include "topologies/reachability.h"

namespace weft {

// Most shapes have single links: saves the division.
[[nodiscard]] inline std::uint32_t quotient(std::uint32_t a, std::uint32_t b) { return b == 1 ? a : a / b; }
[[nodiscard]] inline std::uint32_t remainder(std::uint32_t a, std::uint32_t b) { return b == 1 ? 0 : a % b; }

// Exact under any failures, and constant time where a leaf or block has none: each counts its dead cables.
// Planes are independent; leaf, block and spine count within the plane, `lane` is a spine's index within its block.
class ClosReach final : public Reachability {
 public:
  // With the cables dead whose rate is 0.
  explicit ClosReach(const ClosTopology& topology);

  [[nodiscard]] bool joined(PortId from, PortId to) const override { return joined(place(from), place(to)); }
  [[nodiscard]] bool aligned(PortId from, PortId to) const override {
    return topology_->rail_of(from) == topology_->rail_of(to) && place(from).plane == place(to).plane;
  }
  [[nodiscard]] bool reachable(PortId from, PortId to) const override { return reachable(place(from), place(to)); }
  void set_cable(std::uint32_t cable, bool alive) override;

  struct Place {
    std::uint32_t plane = 0, leaf = 0, block = 0;
  };
  [[nodiscard]] const Place& place(PortId port) const { return place_of_leaf_[leaf_of_port_[port.value]]; }
  [[nodiscard]] const Place& place_of_leaf(std::uint32_t leaf_over_planes) const {
    return place_of_leaf_[leaf_over_planes];
  }
  [[nodiscard]] bool joined(const Place& a, const Place& b) const;

  [[nodiscard]] bool leaf_suspect(const Place& at) const {
    return !dead_.empty() && dead_of_leaf_[at.plane * leaves_ + at.leaf] > 0;
  }
  [[nodiscard]] bool block_suspect(const Place& at) const {
    return !dead_.empty() && dead_of_block_[at.plane * shape_.blocks + at.block] > 0;
  }
  // Can a switch on the way from one leaf to the other have lost a next hop?
  [[nodiscard]] bool path_suspect(const Place& from, const Place& to) const {
    return !dead_.empty() && (leaf_suspect(from) || leaf_suspect(to) ||
                              (from.block != to.block && (block_suspect(from) || block_suspect(to))));
  }

  // Live parallel links, out of trunk and core_trunk.
  [[nodiscard]] std::uint32_t leaf_spine_alive(const Place& leaf, std::uint32_t lane) const;
  [[nodiscard]] std::uint32_t spine_core_alive(const Place& block, std::uint32_t lane, std::uint32_t core) const;

  // The spine of `lane` in the destination's block has a link down to the destination's leaf.
  [[nodiscard]] bool spine_reaches_down(std::uint32_t lane, const Place& to) const;
  // Core `core` of group `group` reaches the destination's leaf.
  [[nodiscard]] bool core_reaches(std::uint32_t group, std::uint32_t core, const Place& to) const;
  // The spine of `lane` in the source's block reaches the destination's leaf, over the core where the blocks differ.
  [[nodiscard]] bool spine_reaches(const Place& from, std::uint32_t lane, const Place& to) const;
  [[nodiscard]] bool reachable(const Place& from, const Place& to) const;

  [[nodiscard]] const ClosShape& shape() const { return shape_; }
  [[nodiscard]] const ClosTopology& topology() const { return *topology_; }
  [[nodiscard]] std::uint32_t spine(const Place& block, std::uint32_t lane) const {
    return block.block * shape_.spines + lane;
  }

 private:
  [[nodiscard]] std::uint32_t* dead_count_of(std::uint32_t cable);

  const ClosTopology* topology_;
  ClosShape shape_;
  std::uint32_t leaves_;  // per plane
  // Tables in place of some twenty divisions a route; four bytes a port.
  std::vector<std::uint32_t> leaf_of_port_;  // over all planes
  std::vector<Place> place_of_leaf_;
  // Empty until a cable dies.
  std::vector<std::uint32_t> dead_of_leaf_;   // plane * leaves + leaf: its dead cables towards the spines
  std::vector<std::uint32_t> dead_of_block_;  // plane * blocks + block: dead cables between its spines and the core
};

}  // namespace weft
