#include "topologies/routing_clos.h"

#include <array>
#include <utility>

namespace weft {

ClosDelays::ClosDelays(const ClosTopology& topology) {
  const FabricSpec& spec = topology.spec();
  same_leaf = spec.links.host.delay * 2 + spec.switches.latency;
  same_block = same_leaf + (spec.links.leaf_spine.delay + spec.switches.latency) * 2;
  over_core = same_block + (spec.links.spine_core.delay + spec.switches.latency) * 2;
}

ClosRouter::ClosRouter(const ClosTopology& topology, std::uint64_t seed)
    : ClosRouter(topology, seed, std::make_unique<ClosReach>(topology)) {}

ClosRouter::ClosRouter(const ClosTopology& topology, std::uint64_t seed, std::unique_ptr<const ClosReach> reach)
    : EndpointRouter(topology, *reach, seed), reach_(std::move(reach)), hops_(*reach_, seed), delays_(topology) {
  if (stateful()) loads_.resize(topology.link_count());
}

void ClosRouter::start_step() { loads_.assign(loads_.size(), 0); }

[[gnu::always_inline]] inline std::uint32_t ClosRouter::place_least_loaded(const NextHops& hops, std::uint64_t digest) {
  const auto load = [&](std::uint32_t c) { return loads_[hops.link(c).value]; };
  const std::uint32_t c = hops_.with_live(
      hops, [&](auto live)
                __attribute__((always_inline)) { return choose_least_loaded(hops, hops_.hash(), digest, live, load); });
  if (c != kNoChoice) ++loads_[hops.link(c).value];
  return c;
}

bool ClosRouter::network(const Flow& flow, Route& out) {
  const Place from = reach_->place(flow.from);
  const ClosHops::Target to = hops_.target(flow.to);
  if (!reach_->joined(from, to.at)) return false;
  std::array<std::uint32_t, 6> links{topology().host_link(flow.from, false).value};
  std::size_t crossed = 1;
  Duration delay = delays_.same_leaf;
  if (from.leaf != to.at.leaf) {
    const ClosHops::Digits d = hops_.digits(flow.to);
    const auto choose = [&](const NextHops& hops) __attribute__((always_inline)) {
      const std::uint32_t c =
          loads_.empty() ? hops_.choice(hops, flow.digest, d) : place_least_loaded(hops, flow.digest);
      if (c != kNoChoice) links[crossed++] = hops.link(c).value;
      return c;
    };
    const std::uint32_t c1 = choose(hops_.leaf_to_spine(from, to));
    if (c1 == kNoChoice) return false;
    // The leaf only picks spines that reach the destination, so none of the others may fail.
    std::uint32_t lane = hops_.lane_of_leaf_choice(c1);
    if (from.block != to.at.block) {
      const std::uint32_t c2 = choose(hops_.spine_to_core(from, lane, to));
      WEFT_CHECK(c2 != kNoChoice);
      const std::uint32_t group = hops_.group_of(lane);
      const std::uint32_t c3 = choose(hops_.core_to_spine(group, hops_.core_of_spine_choice(c2), to));
      WEFT_CHECK(c3 != kNoChoice);
      lane = hops_.lane_of_core_choice(group, c3);
    }
    const std::uint32_t c4 = choose(hops_.spine_to_leaf(lane, to));
    WEFT_CHECK(c4 != kNoChoice);
    delay = from.block == to.at.block ? delays_.same_block : delays_.over_core;
  }
  links[crossed++] = topology().host_link(flow.to, true).value;
  for (std::size_t i = 0; i < crossed; ++i) out.resources.push_back(links[i]);
  out.delay = out.delay + delay;
  return true;
}

}  // namespace weft
