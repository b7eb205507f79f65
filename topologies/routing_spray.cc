#include "topologies/routing_spray.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace weft {

Expected<std::unique_ptr<Router>> SprayRouter::create(const ClosTopology& topology, std::uint64_t seed) {
  std::unique_ptr<SprayRouter> router(new SprayRouter(topology, seed, std::make_unique<ClosReach>(topology)));
  router->find_groups();
  const std::uint64_t resources = router->lay_out_slots();
  constexpr std::uint64_t kMaxResources = std::uint64_t{1} << 31;
  if (resources > kMaxResources) {
    return input_error(
        "spray needs too many pools for so many failed links", fmt::format("{}", resources),
        fmt::format("the limit is {} resources; use routing.kind: ecmp or fewer failures", kMaxResources));
  }
  return router;
}

SprayRouter::SprayRouter(const ClosTopology& topology, std::uint64_t seed, std::unique_ptr<const ClosReach> reach)
    : EndpointRouter(topology, *reach, seed),
      reach_(std::move(reach)),
      shape_(topology.shape()),
      delays_(topology),
      planes_(shape_.planes) {}

void SprayRouter::find_groups() {
  if (shape_.tiers < 2) return;
  const ClosTopology& topology = reach_->topology();
  const std::uint32_t first_leaf_spine = topology.leaf_spine_cable(0, 0, 0);
  const std::uint32_t first_spine_core =
      shape_.tiers >= 3 ? topology.spine_core_cable(0, 0, 0) : std::numeric_limits<std::uint32_t>::max();
  std::vector<std::vector<std::vector<std::uint32_t>>> cores(shape_.planes);
  std::vector<std::vector<bool>> deviates(shape_.planes, std::vector<bool>(shape_.core_groups()));
  for (auto& of_plane : cores) of_plane.resize(shape_.core_groups());
  for (const auto& deviation : topology.deviating_cables()) {
    if (deviation.cable < first_leaf_spine) continue;
    if (deviation.cable < first_spine_core) {
      const std::uint32_t offset = deviation.cable - first_leaf_spine;
      const std::uint32_t lane = offset % shape_.leaf_up() / shape_.trunk;
      deviates[offset / shape_.leaf_up() / shape_.leaves()][lane / shape_.group_spines] = true;
    } else {
      const std::uint32_t offset = deviation.cable - first_spine_core;
      const std::uint32_t spine = offset / shape_.spine_up();
      const std::uint32_t plane = spine / shape_.total_spines();
      const std::uint32_t group = spine % shape_.spines / shape_.group_spines;
      deviates[plane][group] = true;
      cores[plane][group].push_back(offset % shape_.spine_up() / shape_.core_trunk);
    }
  }
  for (std::uint32_t p = 0; p < shape_.planes; ++p) {
    std::size_t cells = 0;
    for (std::uint32_t g = 0; g < shape_.core_groups(); ++g) {
      if (!deviates[p][g]) {
        planes_[p].healthy_groups.push_back(g);
        continue;
      }
      auto& c = cores[p][g];
      std::sort(c.begin(), c.end());
      c.erase(std::unique(c.begin(), c.end()), c.end());
      cells += c.size();
      planes_[p].groups.push_back({.index = g, .cores = std::move(c)});
    }
    if (cells <= kMaxCoreCells) continue;
    for (Group& group : planes_[p].groups) {
      group.lumped = !group.cores.empty();
      group.cores.clear();
    }
  }
}

std::uint64_t SprayRouter::lay_out_slots() {
  for (Plane& plane : planes_) {
    std::uint32_t leaf_slot = 1, block_slot = 1;
    for (Group& group : plane.groups) {
      group.first_leaf_slot = leaf_slot;
      group.first_block_slot = block_slot;
      leaf_slot += shape_.group_spines;
      block_slot += shape_.group_spines * group.classes();
    }
    leaf_slots_ = std::max(leaf_slots_, leaf_slot);
    block_slots_ = std::max(block_slots_, block_slot);
  }
  const std::uint64_t leaf_pools = shape_.tiers >= 2 ? 2ULL * shape_.planes * shape_.leaves() * leaf_slots_ : 0;
  const std::uint64_t block_pools = shape_.tiers >= 3 ? 2ULL * shape_.planes * shape_.blocks * block_slots_ : 0;
  const std::uint64_t first_block = topology().link_count() + leaf_pools;
  first_leaf_pool_ = topology().link_count();
  first_block_pool_ = static_cast<std::uint32_t>(first_block);
  resources_ = static_cast<std::uint32_t>(first_block + block_pools);
  return first_block + block_pools;
}

std::uint32_t SprayRouter::live_next_hops(const Place& from, const Place& to) const {
  std::uint32_t live = healthy_next_hops(from.plane);
  for (const Group& group : planes_[from.plane].groups) {
    for (std::uint32_t i = 0; i < shape_.group_spines; ++i) {
      const std::uint32_t lane = group.index * shape_.group_spines + i;
      const std::uint32_t links = reach_->leaf_spine_alive(from, lane);
      if (links > 0 && reach_->spine_reaches(from, lane, to)) live += links;
    }
  }
  return live;
}

bool SprayRouter::network(const Flow& flow, Route& out) {
  const Place from = reach_->place(flow.from), to = reach_->place(flow.to);
  if (!reach_->joined(from, to)) return false;
  const std::uint32_t live = from.leaf == to.leaf ? 0 : live_next_hops(from, to);
  if (from.leaf != to.leaf && live == 0) return false;
  append(topology().host_link(flow.from, false), flow.share, out);
  if (live > 0) {
    const double per_link = flow.share / live;
    const std::uint32_t healthy = healthy_next_hops(from.plane);
    if (healthy > 0) spray_healthy(from, to, per_link * healthy, out);
    for (const Group& group : planes_[from.plane].groups) {
      if (from.block == to.block) {
        spray_group(group, from, to, per_link, out);
      } else {
        spray_group_over_core(group, from, to, per_link, out);
      }
    }
  }
  append(topology().host_link(flow.to, true), flow.share, out);
  const Duration path = from.leaf == to.leaf     ? delays_.same_leaf
                        : from.block == to.block ? delays_.same_block
                                                 : delays_.over_core;
  out.delay = out.delay + path;
  return true;
}

void SprayRouter::spray_healthy(const Place& from, const Place& to, double share, Route& out) const {
  append(leaf_pool(from, false, 0), share, out);
  if (from.block != to.block) {
    append(block_pool(from, false, 0), share, out);
    append(block_pool(to, true, 0), share, out);
  }
  append(leaf_pool(to, true, 0), share, out);
}

void SprayRouter::spray_group(const Group& group, const Place& from, const Place& to, double per_link,
                              Route& out) const {
  for (std::uint32_t i = 0; i < shape_.group_spines; ++i) {
    const std::uint32_t lane = group.index * shape_.group_spines + i;
    const std::uint32_t links = reach_->leaf_spine_alive(from, lane);
    if (links == 0 || !reach_->spine_reaches_down(lane, to)) continue;
    append(leaf_pool(from, false, group.first_leaf_slot + i), per_link * links, out);
    append(leaf_pool(to, true, group.first_leaf_slot + i), per_link * links, out);
  }
}

std::uint32_t SprayRouter::class_links(const Group& group, std::uint32_t core_class, const Place& block,
                                       std::uint32_t lane, const Place* to) const {
  const auto reaches = [&](std::uint32_t core) {
    return to == nullptr || reach_->core_reaches(group.index, core, *to);
  };
  if (core_class > 0) {
    const std::uint32_t core = group.cores[core_class - 1];
    return reaches(core) ? reach_->spine_core_alive(block, lane, core) : 0;
  }
  std::uint32_t links = 0;
  for (std::uint32_t core = 0; core < shape_.cores; ++core) {
    if (std::binary_search(group.cores.begin(), group.cores.end(), core) || !reaches(core)) continue;
    const std::uint32_t alive = reach_->spine_core_alive(block, lane, core);
    // Healthy cores are all alike: the first stands for the rest.
    if (!group.lumped) return alive * (shape_.cores - static_cast<std::uint32_t>(group.cores.size()));
    links += alive;
  }
  return links;
}

void SprayRouter::spray_group_over_core(const Group& group, const Place& from, const Place& to, double per_link,
                                        Route& out) const {
  for (std::uint32_t i = 0; i < shape_.group_spines; ++i) {
    const std::uint32_t lane = group.index * shape_.group_spines + i;
    const std::uint32_t links = reach_->leaf_spine_alive(from, lane);
    if (links == 0 || !reach_->spine_reaches(from, lane, to)) continue;
    const double share = per_link * links;
    append(leaf_pool(from, false, group.first_leaf_slot + i), share, out);
    if (group.classes() == 1) {
      append(block_pool(from, false, group.block_slot(i, 0)), share, out);
      from_core_class(group, 0, share, to, out);
      continue;
    }
    std::uint32_t next_hops = 0;
    for (std::uint32_t k = 0; k < group.classes(); ++k) next_hops += class_links(group, k, from, lane, &to);
    for (std::uint32_t k = 0; k < group.classes(); ++k) {
      const std::uint32_t of_class = class_links(group, k, from, lane, &to);
      if (of_class == 0) continue;
      const double class_share = share * of_class / next_hops;
      append(block_pool(from, false, group.block_slot(i, k)), class_share, out);
      from_core_class(group, k, class_share, to, out);
    }
  }
}

void SprayRouter::from_core_class(const Group& group, std::uint32_t core_class, double share, const Place& to,
                                  Route& out) const {
  if (shape_.group_spines == 1) {
    append(block_pool(to, true, group.block_slot(0, core_class)), share, out);
    append(leaf_pool(to, true, group.first_leaf_slot), share, out);
    return;
  }
  const auto down_links = [&](std::uint32_t i) {
    const std::uint32_t lane = group.index * shape_.group_spines + i;
    return reach_->spine_reaches_down(lane, to) ? class_links(group, core_class, to, lane, nullptr) : 0;
  };
  std::uint32_t next_hops = 0;
  for (std::uint32_t i = 0; i < shape_.group_spines; ++i) next_hops += down_links(i);
  for (std::uint32_t i = 0; i < shape_.group_spines; ++i) {
    const std::uint32_t links = down_links(i);
    if (links == 0) continue;
    append(block_pool(to, true, group.block_slot(i, core_class)), share * links / next_hops, out);
    append(leaf_pool(to, true, group.first_leaf_slot + i), share * links / next_hops, out);
  }
}

}  // namespace weft
