#include "topologies/routing_reach.h"

namespace weft {

ClosReach::ClosReach(const ClosTopology& topology)
    : topology_(&topology), shape_(topology.shape()), leaves_(shape_.leaves()) {
  leaf_of_port_.reserve(topology.port_count());
  for (std::uint32_t p = 0; p < topology.port_count(); ++p) {
    const Attachment at = topology.attachment(PortId{p});
    leaf_of_port_.push_back(at.plane * shape_.leaves() + at.leaf);
  }
  for (std::uint32_t plane = 0; plane < shape_.planes; ++plane) {
    for (std::uint32_t leaf = 0; leaf < shape_.leaves(); ++leaf) {
      place_of_leaf_.push_back({plane, leaf, shape_.tiers >= 2 ? shape_.block_of_leaf(leaf) : leaf});
    }
  }
  for (const auto& deviation : topology.deviating_cables()) {
    if (deviation.rate_factor == 0) set_cable(deviation.cable, false);
  }
}

void ClosReach::set_cable(std::uint32_t cable, bool alive) {
  if (!alive && dead_of_leaf_.empty()) {
    dead_of_leaf_.resize(std::size_t{shape_.planes} * leaves_);
    dead_of_block_.resize(std::size_t{shape_.planes} * shape_.blocks);
  }
  if (!(alive ? dead_.erase(cable) : dead_.insert(cable))) return;
  if (std::uint32_t* const count = dead_count_of(cable)) {
    alive ? --*count : ++*count;
  }
}

std::uint32_t* ClosReach::dead_count_of(std::uint32_t cable) {
  const std::uint32_t first_leaf_spine = topology_->leaf_spine_cable(0, 0, 0);
  const std::uint32_t first_spine_core = topology_->spine_core_cable(0, 0, 0);
  if (cable < first_leaf_spine) return nullptr;
  if (shape_.tiers < 3 || cable < first_spine_core) {
    return &dead_of_leaf_[(cable - first_leaf_spine) / shape_.leaf_up()];
  }
  return &dead_of_block_[(cable - first_spine_core) / (shape_.spine_up() * shape_.spines)];
}

bool ClosReach::joined(const Place& a, const Place& b) const {
  if (a.plane != b.plane) return false;
  if (a.leaf == b.leaf) return true;
  if (shape_.tiers == 1) return false;
  if (a.block == b.block) return true;
  return shape_.tiers >= 3 && remainder(a.block, shape_.core_domains) == remainder(b.block, shape_.core_domains);
}

std::uint32_t ClosReach::leaf_spine_alive(const Place& leaf, std::uint32_t lane) const {
  if (!leaf_suspect(leaf)) return shape_.trunk;
  const std::uint32_t first = topology_->leaf_spine_cable(leaf.plane, leaf.leaf, lane * shape_.trunk);
  std::uint32_t live = 0;
  for (std::uint32_t t = 0; t < shape_.trunk; ++t) live += alive(first + t) ? 1U : 0U;
  return live;
}

std::uint32_t ClosReach::spine_core_alive(const Place& block, std::uint32_t lane, std::uint32_t core) const {
  if (!block_suspect(block)) return shape_.core_trunk;
  const std::uint32_t first = topology_->spine_core_cable(block.plane, spine(block, lane), core * shape_.core_trunk);
  std::uint32_t live = 0;
  for (std::uint32_t t = 0; t < shape_.core_trunk; ++t) live += alive(first + t) ? 1U : 0U;
  return live;
}

bool ClosReach::spine_reaches_down(std::uint32_t lane, const Place& to) const { return leaf_spine_alive(to, lane) > 0; }

bool ClosReach::core_reaches(std::uint32_t group, std::uint32_t core, const Place& to) const {
  if (!leaf_suspect(to) && !block_suspect(to)) return true;
  for (std::uint32_t i = 0; i < shape_.group_spines; ++i) {
    const std::uint32_t lane = group * shape_.group_spines + i;
    if (spine_core_alive(to, lane, core) > 0 && spine_reaches_down(lane, to)) return true;
  }
  return false;
}

bool ClosReach::spine_reaches(const Place& from, std::uint32_t lane, const Place& to) const {
  if (from.block == to.block) return spine_reaches_down(lane, to);
  if (!leaf_suspect(to) && !block_suspect(to) && !block_suspect(from)) return true;
  const std::uint32_t group = lane / shape_.group_spines;
  for (std::uint32_t core = 0; core < shape_.cores; ++core) {
    if (spine_core_alive(from, lane, core) > 0 && core_reaches(group, core, to)) return true;
  }
  return false;
}

bool ClosReach::reachable(const Place& from, const Place& to) const {
  if (!joined(from, to)) return false;
  if (from.leaf == to.leaf || !path_suspect(from, to)) return true;
  for (std::uint32_t lane = 0; lane < shape_.spines; ++lane) {
    if (leaf_spine_alive(from, lane) > 0 && spine_reaches(from, lane, to)) return true;
  }
  return false;
}

}  // namespace weft
