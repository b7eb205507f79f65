#include "topologies/clos_hops.h"

namespace weft {

ClosHops::ClosHops(const ClosReach& reach, std::uint64_t seed)
    : reach_(&reach),
      shape_(reach.shape()),
      hash_(reach.topology().spec().routing, seed),
      kind_(reach.topology().spec().routing.kind),
      resilient_(reach.topology().spec().routing.resilient),
      first_host_(reach.topology().first_host_link() / 2),
      first_leaf_spine_(reach.topology().leaf_spine_cable(0, 0, 0)),
      first_spine_core_(shape_.tiers >= 3 ? reach.topology().spine_core_cable(0, 0, 0)
                                          : reach.topology().link_count() / 2),
      first_spine_(shape_.planes * shape_.leaves()),
      first_core_(first_spine_ + shape_.planes * shape_.total_spines()),
      leaves_(shape_.leaves()),
      total_spines_(shape_.total_spines()),
      total_cores_(shape_.total_cores()),
      core_groups_(shape_.tiers >= 3 ? shape_.core_groups() : 0),
      leaf_up_(shape_.leaf_up()),
      trunk_(shape_.trunk),
      spine_up_(shape_.spine_up()),
      core_trunk_(shape_.core_trunk),
      spines_(shape_.spines),
      blocks_(shape_.blocks),
      group_spines_(shape_.group_spines) {}

NextHops ClosHops::next_hops(LinkId arrived_by, PortId port) const {
  const Target to = target(port);
  const std::uint32_t cable = arrived_by.value / 2;
  const bool down = arrived_by.value % 2 == 1;
  if (cable >= first_spine_core_) return from_spine_core(cable, down, to);
  if (cable >= first_leaf_spine_) return from_leaf_spine(cable, down, to);
  WEFT_DCHECK(cable >= first_host_ && !down);
  const Place& from = reach_->place(PortId{cable - first_host_});
  if (from.plane == to.at.plane && from.leaf == to.at.leaf) return to_nic(to);
  return reach_->joined(from, to.at) ? leaf_to_spine(from, to) : NextHops{};
}

NextHops ClosHops::from_leaf_spine(std::uint32_t cable, bool down, const Target& to) const {
  const std::uint32_t offset = cable - first_leaf_spine_;
  const std::uint32_t leaf = leaf_up_.quotient(offset);
  const Place &at = reach_->place_of_leaf(leaf), &far = to.at;
  if (down) return at.plane == far.plane && at.leaf == far.leaf ? to_nic(to) : NextHops{};
  if (!reach_->joined(at, far)) return {};
  const std::uint32_t lane = trunk_.quotient(offset - leaf * shape_.leaf_up());
  return at.block == far.block ? spine_to_leaf(lane, to) : spine_to_core(at, lane, to);
}

NextHops ClosHops::from_spine_core(std::uint32_t cable, bool down, const Target& to) const {
  const std::uint32_t offset = cable - first_spine_core_;
  const std::uint32_t spine = spine_up_.quotient(offset);
  const std::uint32_t block = spines_.quotient(spine);  // over all planes
  const std::uint32_t lane = spine - block * shape_.spines;
  const std::uint32_t plane = blocks_.quotient(block);
  const std::uint32_t in_plane = block - plane * shape_.blocks;
  const Place& far = to.at;
  if (plane != far.plane) return {};
  if (down) return in_plane == far.block ? spine_to_leaf(lane, to) : NextHops{};
  if (remainder(in_plane, shape_.core_domains) != remainder(far.block, shape_.core_domains)) return {};
  return core_to_spine(group_of(lane), core_of_spine_choice(offset - spine * shape_.spine_up()), to);
}

ClosHops::Digits ClosHops::digits_of(PortId to) const {
  Digits d;
  const ClosShape& s = shape_;
  const Attachment at = reach_->topology().attachment(to);
  const std::uint32_t index = at.leaf * s.leaf_down + at.leaf_port;
  const std::uint32_t lane = index % s.spines;
  const std::uint32_t parallel = index / s.spines % s.trunk;
  d.c1 = lane * s.trunk + parallel;
  d.c4 = parallel;
  if (s.tiers < 3) return d;
  const std::uint32_t upper = index / s.spines % s.spine_up();
  const std::uint32_t core_parallel = upper / s.cores;
  d.c2 = upper % s.cores * s.core_trunk + core_parallel;
  d.c3 = lane % s.group_spines * s.core_trunk + core_parallel;
  return d;
}

}  // namespace weft
