// Single paths through a folded Clos: every switch on the way picks one of its next hops.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "topologies/clos_hops.h"
#include "topologies/routing_endpoints.h"

namespace weft {

// One-way delay of an empty path over `switches` switches that crosses each host link and, by tier, fabric links.
struct ClosDelays {
  explicit ClosDelays(const ClosTopology& topology);
  Duration same_leaf, same_block, over_core;
};

// The routes of a fabric at rest; what a switch chooses is ClosHops'.
//
// kAdaptive: the candidate with the fewest flows placed in this step; ties go to the first at or after the hash.
class ClosRouter final : public EndpointRouter {
 public:
  ClosRouter(const ClosTopology& topology, std::uint64_t seed);
  void start_step() override;

 protected:
  [[nodiscard]] bool network(const Flow& flow, Route& out) override;

 private:
  ClosRouter(const ClosTopology& topology, std::uint64_t seed, std::unique_ptr<const ClosReach> reach);
  using Place = ClosReach::Place;
  std::uint32_t place_least_loaded(const NextHops& hops, std::uint64_t digest);

  std::unique_ptr<const ClosReach> reach_;
  ClosHops hops_;
  ClosDelays delays_;
  std::vector<std::uint32_t> loads_;  // kAdaptive: flows on each link in this step
};

}  // namespace weft
