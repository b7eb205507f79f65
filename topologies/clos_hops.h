// Every switch's next hops in a folded Clos, by arithmetic, and its choice among them.
#pragma once

#include <cstdint>

#include "topologies/divider.h"
#include "topologies/next_hops.h"
#include "topologies/routing_reach.h"

namespace weft {

// kStatic: D-mod-k (E. Zahavi, "D-Mod-K routing providing non-blocking traffic for shift permutations on real life fat
// trees", 2010): digits of the destination's index in the plane, spines before parallel links, so that no two
// destinations of a shift share a link on a full-bisection tree. A dead choice moves to the next live one, cyclically.
// Every other kind: choose_ecmp. Degraded links stay in the group: switches do not know.
class ClosHops {
 public:
  using Place = ClosReach::Place;
  using Step = NextHops::Step;

  // `reach` must outlive it.
  ClosHops(const ClosReach& reach, std::uint64_t seed);

  // A NIC port and where it is plugged in.
  struct Target {
    PortId port;
    Place at;
  };
  [[nodiscard]] Target target(PortId port) const { return {port, reach_->place(port)}; }

  // One function a switch's role. `to` is joined with where the switch is; a lane is a spine's index within its block.
  [[nodiscard]] NextHops to_nic(const Target& to) const;
  [[nodiscard]] NextHops leaf_to_spine(const Place& from, const Target& to) const;
  [[nodiscard]] NextHops spine_to_core(const Place& from, std::uint32_t lane, const Target& to) const;
  [[nodiscard]] NextHops core_to_spine(std::uint32_t group, std::uint32_t core, const Target& to) const;
  [[nodiscard]] NextHops spine_to_leaf(std::uint32_t lane, const Target& to) const;

  // At the switch that a link leads to; the way up or down is decided as routes decide it: valley-free.
  // No choices where that switch has no way. REQUIRES: a link that leads to a switch.
  [[nodiscard]] NextHops next_hops(LinkId arrived_by, PortId to) const;

  // Calls use(live), where live(choice) tells whether the link is up and its far side still reaches the destination.
  template <class Use>
  auto with_live(const NextHops& hops, Use use) const;

  // D-mod-k digits of a destination, one per choice of clos.h; zeros under other kinds.
  struct Digits {
    std::uint32_t c1 = 0, c2 = 0, c3 = 0, c4 = 0;
    [[nodiscard]] std::uint32_t of(Step step) const {
      switch (step) {
        case Step::kLeafToSpine:
          return c1;
        case Step::kSpineToCore:
          return c2;
        case Step::kCoreToSpine:
          return c3;
        case Step::kSpineToLeaf:
          return c4;
        case Step::kNic:
        case Step::kGraph:
          return 0;
      }
      return 0;
    }
  };
  [[nodiscard]] Digits digits(PortId to) const {
    return kind_ == RoutingKind::kStatic && shape_.tiers >= 2 ? digits_of(to) : Digits{};
  }
  // kNoChoice: none alive.
  [[nodiscard]] std::uint32_t choice(const NextHops& hops, std::uint64_t digest, const Digits& d) const;

  [[nodiscard]] std::uint32_t lane_of_leaf_choice(std::uint32_t c1) const { return trunk_.quotient(c1); }
  [[nodiscard]] std::uint32_t core_of_spine_choice(std::uint32_t c2) const { return core_trunk_.quotient(c2); }
  [[nodiscard]] std::uint32_t group_of(std::uint32_t lane) const { return group_spines_.quotient(lane); }
  [[nodiscard]] std::uint32_t lane_of_core_choice(std::uint32_t group, std::uint32_t c3) const {
    return group * shape_.group_spines + core_trunk_.quotient(c3);
  }
  [[nodiscard]] const SwitchHash& hash() const { return hash_; }

 private:
  [[nodiscard]] Digits digits_of(PortId to) const;
  [[nodiscard]] NextHops from_leaf_spine(std::uint32_t cable, bool down, const Target& to) const;
  [[nodiscard]] NextHops from_spine_core(std::uint32_t cable, bool down, const Target& to) const;

  const ClosReach* reach_;
  ClosShape shape_;
  SwitchHash hash_;
  RoutingKind kind_;
  bool resilient_;
  std::uint32_t first_host_, first_leaf_spine_, first_spine_core_;  // cables
  std::uint32_t first_spine_, first_core_;                          // switch ids: leaves, spines, cores
  std::uint32_t leaves_, total_spines_, total_cores_, core_groups_;
  Divider leaf_up_, trunk_, spine_up_, core_trunk_, spines_, blocks_, group_spines_;
};

inline NextHops ClosHops::to_nic(const Target& to) const {
  const LinkId down{2 * (first_host_ + to.port.value) + 1};
  NextHops hops{.choices = 1, .group = 1, .step = Step::kNic, .to = to.port};
  hops.switch_id = to.at.plane * leaves_ + to.at.leaf;
  hops.suspect = !reach_->alive(down.value / 2);
  hops.base = down.value;
  return hops;
}

inline NextHops ClosHops::leaf_to_spine(const Place& from, const Target& to) const {
  NextHops hops{.switch_id = from.plane * leaves_ + from.leaf, .step = Step::kLeafToSpine, .to = to.port};
  hops.choices = hops.group = shape_.spines * shape_.trunk;
  hops.suspect = reach_->path_suspect(from, to.at);
  hops.base = 2 * (first_leaf_spine_ + hops.switch_id * hops.choices);
  hops.here = hops.switch_id;
  return hops;
}

inline NextHops ClosHops::spine_to_core(const Place& from, std::uint32_t lane, const Target& to) const {
  const std::uint32_t spine = from.plane * total_spines_ + reach_->spine(from, lane);
  const Place& far = to.at;
  NextHops hops{.switch_id = first_spine_ + spine, .step = Step::kSpineToCore, .to = to.port};
  hops.choices = hops.group = shape_.cores * shape_.core_trunk;
  hops.suspect = reach_->leaf_suspect(far) || reach_->block_suspect(far) || reach_->block_suspect(from);
  hops.base = 2 * (first_spine_core_ + spine * hops.choices);
  hops.here = group_of(lane);
  return hops;
}

inline NextHops ClosHops::core_to_spine(std::uint32_t group, std::uint32_t core, const Target& to) const {
  const Place& far = to.at;
  const std::uint32_t domain = remainder(far.block, shape_.core_domains);
  const std::uint32_t index = far.plane * total_cores_ + (domain * core_groups_ + group) * shape_.cores + core;
  const std::uint32_t spine = far.plane * total_spines_ + reach_->spine(far, group * shape_.group_spines);
  const std::uint32_t spine_up = shape_.cores * shape_.core_trunk;
  NextHops hops{.switch_id = first_core_ + index, .step = Step::kCoreToSpine, .to = to.port};
  hops.choices = hops.group = shape_.group_spines * shape_.core_trunk;
  hops.suspect = reach_->leaf_suspect(far) || reach_->block_suspect(far);
  hops.base = 2 * (first_spine_core_ + spine * spine_up + core * shape_.core_trunk) + 1;
  hops.width = shape_.core_trunk;
  hops.outer = 2 * spine_up;
  hops.here = group;
  return hops;
}

inline NextHops ClosHops::spine_to_leaf(std::uint32_t lane, const Target& to) const {
  const Place& far = to.at;
  const std::uint32_t leaf = far.plane * leaves_ + far.leaf;
  NextHops hops{.step = Step::kSpineToLeaf, .to = to.port};
  hops.switch_id = first_spine_ + far.plane * total_spines_ + reach_->spine(far, lane);
  hops.choices = hops.group = shape_.trunk;
  hops.suspect = reach_->leaf_suspect(far);
  hops.base = 2 * (first_leaf_spine_ + leaf * shape_.spines * shape_.trunk + lane * shape_.trunk) + 1;
  return hops;
}

// Inlined where the step is known, all but one branch go, and the next hops stay in registers.
template <class Use>
[[gnu::always_inline]] inline auto ClosHops::with_live(const NextHops& hops, Use use) const {
  if (!hops.suspect) return use([](std::uint32_t) { return true; });
  const auto up = [&](std::uint32_t c) { return reach_->alive(hops.link(c).value / 2); };
  const Place& to = reach_->place(hops.to);
  if (hops.step == Step::kLeafToSpine) {
    const Place& from = reach_->place_of_leaf(hops.here);
    return use([&](std::uint32_t c) { return up(c) && reach_->spine_reaches(from, lane_of_leaf_choice(c), to); });
  }
  if (hops.step == Step::kSpineToCore) {
    return use([&](std::uint32_t c) { return up(c) && reach_->core_reaches(hops.here, core_of_spine_choice(c), to); });
  }
  if (hops.step == Step::kCoreToSpine) {
    return use(
        [&](std::uint32_t c) { return up(c) && reach_->spine_reaches_down(lane_of_core_choice(hops.here, c), to); });
  }
  return use(up);
}

[[gnu::always_inline]] inline std::uint32_t ClosHops::choice(const NextHops& hops, std::uint64_t digest,
                                                             const Digits& d) const {
  if (kind_ == RoutingKind::kStatic) {
    return with_live(
        hops, [&](auto live) __attribute__((always_inline)) { return choose_digit(hops, d.of(hops.step), live); });
  }
  return with_live(
      hops, [&](auto live)
                __attribute__((always_inline)) { return choose_ecmp(hops, hash_, resilient_, digest, live); });
}

}  // namespace weft
