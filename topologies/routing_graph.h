// Routing over any graph of switches.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "topologies/graph_hops.h"
#include "topologies/routing_endpoints.h"

namespace weft {

// The routing kinds mean what they mean in a Clos; what a switch chooses is GraphHops'. Spray splits evenly at every
// switch and needs no pools: one weight a link. route() may be called from several threads unless adaptive.
class GraphRouter final : public EndpointRouter {
 public:
  // Errors: kInput where there are more than GraphReach::kMaxSwitches.
  [[nodiscard]] static Expected<std::unique_ptr<Router>> create(const Topology& topology, std::uint64_t seed);

  void start_step() override { loads_.assign(loads_.size(), 0); }

 protected:
  [[nodiscard]] bool network(const Flow& flow, Route& out) override;

 private:
  GraphRouter(const Topology& topology, std::uint64_t seed, std::unique_ptr<GraphReach> reach);
  [[nodiscard]] LinkId next_hop(std::uint32_t at, const Flow& flow);
  void spray(std::uint32_t from, std::uint32_t to, const Flow& flow, Route& out) const;
  [[nodiscard]] Duration hop_delay(LinkId link) const;

  std::unique_ptr<GraphReach> reach_;
  GraphHops hops_;
  std::vector<std::uint32_t> loads_;
};

}  // namespace weft
