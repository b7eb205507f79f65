// A switch's next hops in a graph, and its choice among them.
#pragma once

#include <cstdint>

#include "topologies/graph_reach.h"
#include "topologies/next_hops.h"

namespace weft {

// kStatic takes the destination port's index modulo the live members; the other kinds mean what they mean in a Clos.
class GraphHops {
 public:
  // `reach` must outlive it.
  GraphHops(const GraphReach& reach, std::uint64_t seed)
      : reach_(&reach),
        hash_(reach.topology().spec().routing, seed),
        kind_(reach.topology().spec().routing.kind),
        resilient_(reach.topology().spec().routing.resilient) {}

  // At the destination's own switch: the host's down link. No choices where a port has no plug, or no way is left.
  [[nodiscard]] NextHops next_hops(std::uint32_t at, PortId to) const {
    NextHops hops{.switch_id = at, .step = NextHops::Step::kNic, .to = to};
    const std::uint32_t destination = reach_->switch_of(to);
    if (at == GraphReach::kNone || destination == GraphReach::kNone) return hops;
    if (at == destination) {
      hops.choices = hops.group = 1;
      hops.base = reach_->topology().host_link(to, true).value;
      hops.suspect = !reach_->alive(hops.base / 2);
      return hops;
    }
    const GraphReach::Group& group = reach_->group(at, destination);
    hops.step = NextHops::Step::kGraph;
    hops.choices = static_cast<std::uint32_t>(group.links.size());
    hops.group = group.built;
    hops.suspect = group.suspect;
    hops.list = group.links.data();
    return hops;
  }
  [[nodiscard]] bool alive(const NextHops& hops, std::uint32_t c) const {
    if (!hops.suspect) return true;
    if (hops.step == NextHops::Step::kNic) return reach_->alive(hops.base / 2);
    return reach_->group(hops.switch_id, reach_->switch_of(hops.to)).live[c];
  }
  // kNoChoice: none alive.
  [[nodiscard]] std::uint32_t choice(const NextHops& hops, std::uint64_t digest) const {
    const auto live = [&](std::uint32_t c) { return alive(hops, c); };
    if (kind_ != RoutingKind::kStatic) return choose_ecmp(hops, hash_, resilient_, digest, live);
    const std::uint32_t members = hops.suspect ? count_live(hops.choices, live) : hops.choices;
    return members == 0 ? kNoChoice : nth_live(hops.choices, hops.to.value % members, live);
  }
  [[nodiscard]] const SwitchHash& hash() const { return hash_; }

 private:
  const GraphReach* reach_;
  SwitchHash hash_;
  RoutingKind kind_;
  bool resilient_;
};

}  // namespace weft
