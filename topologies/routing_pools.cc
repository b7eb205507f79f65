// The links behind the pools of routing_spray.h.
#include <algorithm>

#include "topologies/routing_spray.h"

namespace weft {

SprayRouter::Pool SprayRouter::pool_of(std::uint32_t resource) const {
  WEFT_CHECK(resource >= first_leaf_pool_ && resource < resources_);
  Pool pool;
  pool.core = resource >= first_block_pool_;
  const std::uint32_t offset = resource - (pool.core ? first_block_pool_ : first_leaf_pool_);
  const std::uint32_t slots = pool.core ? block_slots_ : leaf_slots_;
  const std::uint32_t per_plane = pool.core ? shape_.blocks : shape_.leaves();
  pool.down = offset % 2 == 1;
  pool.slot = offset / 2 % slots;
  const std::uint32_t at = offset / 2 / slots;
  pool.place.plane = at / per_plane;
  if (pool.core) {
    pool.place.block = at % per_plane;
  } else {
    pool.place.leaf = at % per_plane;
  }
  for (const Group& group : planes_[pool.place.plane].groups) {
    const std::uint32_t first = pool.core ? group.first_block_slot : group.first_leaf_slot;
    if (first <= pool.slot) pool.group = &group;
  }
  return pool;
}

std::uint32_t SprayRouter::healthy_links(const Pool& pool) const {
  const std::uint32_t per_lane = pool.core ? shape_.spine_up() : shape_.trunk;
  return static_cast<std::uint32_t>(planes_[pool.place.plane].healthy_groups.size()) * shape_.group_spines * per_lane;
}

std::uint32_t SprayRouter::healthy_cable(const Pool& pool, std::uint32_t i) const {
  const std::uint32_t per_lane = pool.core ? shape_.spine_up() : shape_.trunk;
  const std::uint32_t in_plane = i / per_lane;
  const std::uint32_t group = planes_[pool.place.plane].healthy_groups[in_plane / shape_.group_spines];
  const std::uint32_t lane = group * shape_.group_spines + in_plane % shape_.group_spines;
  const ClosTopology& t = reach_->topology();
  return pool.core ? t.spine_core_cable(pool.place.plane, reach_->spine(pool.place, lane), i % per_lane)
                   : t.leaf_spine_cable(pool.place.plane, pool.place.leaf, lane * shape_.trunk + i % per_lane);
}

std::vector<std::uint32_t> SprayRouter::group_cables(const Pool& pool) const {
  std::vector<std::uint32_t> cables;
  const Group& group = *pool.group;
  const ClosTopology& t = reach_->topology();
  const auto add = [&](std::uint32_t cable) {
    if (reach_->alive(cable)) cables.push_back(cable);
  };
  if (!pool.core) {
    const std::uint32_t in_group = pool.slot - group.first_leaf_slot;
    if (in_group >= shape_.group_spines) return cables;  // a slot that only other planes use
    const std::uint32_t lane = group.index * shape_.group_spines + in_group;
    for (std::uint32_t c = 0; c < shape_.trunk; ++c) {
      add(t.leaf_spine_cable(pool.place.plane, pool.place.leaf, lane * shape_.trunk + c));
    }
    return cables;
  }
  const std::uint32_t in_group = (pool.slot - group.first_block_slot) / group.classes();
  const std::uint32_t core_class = (pool.slot - group.first_block_slot) % group.classes();
  if (in_group >= shape_.group_spines) return cables;
  const std::uint32_t spine = reach_->spine(pool.place, group.index * shape_.group_spines + in_group);
  for (std::uint32_t c = 0; c < shape_.spine_up(); ++c) {
    const auto found = std::lower_bound(group.cores.begin(), group.cores.end(), c / shape_.core_trunk);
    const bool deviates = found != group.cores.end() && *found == c / shape_.core_trunk;
    const auto of = deviates ? static_cast<std::uint32_t>(found - group.cores.begin()) + 1 : 0U;
    if (of == core_class) add(t.spine_core_cable(pool.place.plane, spine, c));
  }
  return cables;
}

std::uint32_t SprayRouter::pool_size(std::uint32_t resource) const {
  if (resource < first_leaf_pool_) return 1;
  const Pool pool = pool_of(resource);
  if (pool.slot == 0) return healthy_links(pool);
  return pool.group == nullptr ? 0 : static_cast<std::uint32_t>(group_cables(pool).size());
}

LinkId SprayRouter::pool_link(std::uint32_t resource, std::uint32_t i) const {
  if (resource < first_leaf_pool_) return LinkId{resource};
  const Pool pool = pool_of(resource);
  const std::uint32_t cable = pool.slot == 0 ? healthy_cable(pool, i) : group_cables(pool)[i];
  return LinkId{2 * cable + (pool.down ? 1U : 0U)};
}

double SprayRouter::capacity(std::uint32_t resource) const {
  if (resource < first_leaf_pool_) return EndpointRouter::capacity(resource);
  const Pool pool = pool_of(resource);
  if (pool.slot == 0) {
    const std::uint32_t links = healthy_links(pool);
    return links == 0 ? 0.0 : links * EndpointRouter::capacity(2 * healthy_cable(pool, 0));
  }
  if (pool.group == nullptr) return 0;
  double sum = 0, slowest = 0;
  const std::vector<std::uint32_t> cables = group_cables(pool);
  for (const std::uint32_t cable : cables) {
    const double rate = EndpointRouter::capacity(2 * cable);
    sum += rate;
    slowest = slowest == 0 ? rate : std::min(slowest, rate);
  }
  return pool.core && pool.group->lumped ? sum : slowest * static_cast<double>(cables.size());
}

}  // namespace weft
