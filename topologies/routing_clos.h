// Single paths through a folded Clos: every switch on the way picks one of its next hops.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "topologies/routing_reach.h"

namespace weft {

// kEcmp: hash modulo the group. With `resilient`, the group keeps its size when members die: only the flows of a dead
// member pick again, among the live ones. Without, hash modulo the number of live members. Degraded links stay in the
// group: switches do not know.
//
// kStatic: D-mod-k (E. Zahavi, "D-Mod-K routing providing non-blocking traffic for shift permutations on real life fat
// trees", 2010): digits of the destination's index in the plane, spines before parallel links, so that no two
// destinations of a shift share a link on a full-bisection tree. A dead choice moves to the next live one, cyclically.
//
// kAdaptive: the candidate with the fewest flows placed in this step; ties go to the first at or after the hash.
class ClosRouter final : public EndpointRouter {
 public:
  ClosRouter(const ClosTopology& topology, std::uint64_t seed);
  void start_step() override;

 protected:
  [[nodiscard]] bool joined(PortId from, PortId to) const override;
  [[nodiscard]] bool aligned(PortId from, PortId to) const override;
  [[nodiscard]] bool reachable(PortId from, PortId to) const override;
  [[nodiscard]] bool network(const Flow& flow, Route& out) override;

 private:
  using Place = ClosReach::Place;
  // One switch's decision.
  struct Hop {
    std::uint32_t switch_id = 0;  // over all switches
    std::uint32_t choices = 0;
    std::uint32_t digit = 0;  // kStatic
    bool suspect = false;     // some choices may be dead
  };
  // D-mod-k digits of a destination, one per choice of clos.h.
  struct Digits {
    std::uint32_t c1 = 0, c2 = 0, c3 = 0, c4 = 0;
  };
  [[nodiscard]] Digits digits(PortId to) const;

  template <class Live, class LinkOf>
  std::optional<std::uint32_t> choose(const Hop& hop, std::uint64_t digest, Live live, LinkOf link_of);
  template <class Live>
  std::optional<std::uint32_t> choose_ecmp(const Hop& hop, std::uint64_t digest, Live live) const;
  template <class Live, class LinkOf>
  std::optional<std::uint32_t> choose_least_loaded(const Hop& hop, std::uint64_t digest, Live live, LinkOf link_of);

  bool up_to_spine(const Flow& flow, const Place& from, const Place& to, const Digits& d, std::uint32_t& lane,
                   Route& out);
  void over_core(const Flow& flow, const Place& from, const Place& to, const Digits& d, std::uint32_t& lane,
                 Route& out);
  void down_to_leaf(const Flow& flow, const Place& to, const Digits& d, std::uint32_t lane, Route& out);

  ClosReach reach_;
  RoutingKind kind_;
  bool resilient_;
  std::uint32_t first_spine_, first_core_;  // switch ids: leaves, spines, cores
  std::uint32_t leaf_up_, spine_up_, leaves_, total_spines_, total_cores_, core_groups_;
  Duration same_leaf_, same_block_, over_core_;
  std::vector<std::uint32_t> loads_;  // kAdaptive: flows on each link in this step
};

// One-way delay of an empty path over `switches` switches that crosses each host link and, by tier, fabric links.
struct ClosDelays {
  explicit ClosDelays(const ClosTopology& topology);
  Duration same_leaf, same_block, over_core;
};

}  // namespace weft
