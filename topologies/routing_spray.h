// Packet spray over a folded Clos: every switch spreads a flow's packets evenly over its live next hops.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "topologies/routing_clos.h"
#include "topologies/routing_reach.h"

namespace weft {

// Links that every sprayed flow loads alike are one resource, a pool, so a route has a handful of entries.
//
// Lanes (spines of one index) whose cables are all as built, anywhere in the plane, share pools: per leaf up and down,
// per block to and from the core. A core group with a deviating cable (dead or slower) has pools of its own: per leaf
// and lane, and per block and lane one for the healthy cores and one for each core with a deviating cable. Within a
// pool the split is even whatever the destination, so loads are exact: a pool can carry its live links times the
// slowest of them, since hardware sprays evenly and not by weight (no WCMP).
//
// Bound: where a plane has more than kMaxCoreCells cores-of-a-group that deviate, a lane's cores are one pool whose
// capacity is the sum of its live links; loads above the leaf tier are then approximate.
class SprayRouter final : public EndpointRouter {
 public:
  static constexpr std::uint32_t kMaxCoreCells = 512;

  // Errors: kInput where the pools do not fit 32-bit resource ids.
  [[nodiscard]] static Expected<std::unique_ptr<Router>> create(const ClosTopology& topology, std::uint64_t seed);

  [[nodiscard]] std::uint32_t resource_count() const override { return resources_; }
  [[nodiscard]] double capacity(std::uint32_t resource) const override;
  [[nodiscard]] std::uint32_t pool_size(std::uint32_t resource) const override;
  [[nodiscard]] LinkId pool_link(std::uint32_t resource, std::uint32_t i) const override;

 protected:
  [[nodiscard]] bool network(const Flow& flow, Route& out) override;

 private:
  using Place = ClosReach::Place;
  // A core group with deviating cables, in one plane. Its cores fall into classes: 0 the healthy ones (all of them
  // where `lumped`), then each of `cores` alone.
  struct Group {
    std::uint32_t index = 0;
    std::uint32_t first_leaf_slot = 0, first_block_slot = 0;
    std::vector<std::uint32_t> cores;  // sorted; those with a deviating cable in any block
    bool lumped = false;               // beyond kMaxCoreCells
    [[nodiscard]] std::uint32_t classes() const { return 1 + static_cast<std::uint32_t>(cores.size()); }
    [[nodiscard]] std::uint32_t block_slot(std::uint32_t lane_in_group, std::uint32_t core_class) const {
      return first_block_slot + lane_in_group * classes() + core_class;
    }
  };
  struct Plane {
    std::vector<Group> groups;                  // deviating, sorted by index
    std::vector<std::uint32_t> healthy_groups;  // the others; they share slot 0
  };
  // What a resource id beyond the links stands for.
  struct Pool {
    bool core = false, down = false;
    Place place;  // the leaf, or the block where `core`
    std::uint32_t slot = 0;
    const Group* group = nullptr;  // where slot > 0
  };

  SprayRouter(const ClosTopology& topology, std::uint64_t seed, std::unique_ptr<const ClosReach> reach);
  void find_groups();
  [[nodiscard]] std::uint64_t lay_out_slots();

  [[nodiscard]] std::uint32_t leaf_pool(const Place& at, bool down, std::uint32_t slot) const {
    return first_leaf_pool_ + 2 * ((at.plane * shape_.leaves() + at.leaf) * leaf_slots_ + slot) + (down ? 1U : 0U);
  }
  [[nodiscard]] std::uint32_t block_pool(const Place& at, bool down, std::uint32_t slot) const {
    return first_block_pool_ + 2 * ((at.plane * shape_.blocks + at.block) * block_slots_ + slot) + (down ? 1U : 0U);
  }
  // Uplinks of a leaf in healthy groups; and all those through which `from` reaches `to`.
  [[nodiscard]] std::uint32_t healthy_next_hops(std::uint32_t plane) const {
    return static_cast<std::uint32_t>(planes_[plane].healthy_groups.size()) * shape_.group_spines * shape_.trunk;
  }
  [[nodiscard]] std::uint32_t live_next_hops(const Place& from, const Place& to) const;

  [[nodiscard]] Pool pool_of(std::uint32_t resource) const;
  [[nodiscard]] std::uint32_t healthy_links(const Pool& pool) const;
  [[nodiscard]] std::uint32_t healthy_cable(const Pool& pool, std::uint32_t i) const;
  [[nodiscard]] std::vector<std::uint32_t> group_cables(const Pool& pool) const;

  void spray_healthy(const Place& from, const Place& to, double share, Route& out) const;
  void spray_group(const Group& group, const Place& from, const Place& to, double per_link, Route& out) const;
  void spray_group_over_core(const Group& group, const Place& from, const Place& to, double per_link, Route& out) const;
  void from_core_class(const Group& group, std::uint32_t core_class, double share, const Place& to, Route& out) const;
  // Live links from the spine of `lane` to the cores of a class; only to cores that reach `to`, unless null.
  [[nodiscard]] std::uint32_t class_links(const Group& group, std::uint32_t core_class, const Place& block,
                                          std::uint32_t lane, const Place* to) const;

  std::unique_ptr<const ClosReach> reach_;
  ClosShape shape_;
  ClosDelays delays_;
  std::vector<Plane> planes_;
  std::uint32_t leaf_slots_ = 1, block_slots_ = 1;
  std::uint32_t first_leaf_pool_ = 0, first_block_pool_ = 0, resources_ = 0;
};

}  // namespace weft
