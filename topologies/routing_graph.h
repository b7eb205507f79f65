// Routing over any graph of switches: shortest paths, found by breadth-first search from each destination's switch.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "topologies/routing_endpoints.h"

namespace weft {

// Next hops of a switch towards a destination are its links to switches one hop nearer; parallel links are members of
// their own. The routing kinds mean what they mean in a Clos; kStatic takes the destination port's index modulo the
// group. Spray splits evenly at every switch and needs no pools: one weight a link.
//
// Distances are found at the first use of a destination switch (16 bits a switch and destination) and then kept;
// route() may be called from several threads unless adaptive.
class GraphRouter final : public EndpointRouter {
 public:
  static constexpr std::uint32_t kMaxSwitches = 4096;

  // Errors: kInput where there are more than kMaxSwitches.
  [[nodiscard]] static Expected<std::unique_ptr<Router>> create(const Topology& topology, std::uint64_t seed);

  void start_step() override { loads_.assign(loads_.size(), 0); }

 protected:
  [[nodiscard]] bool joined(PortId from, PortId to) const override;
  [[nodiscard]] bool aligned(PortId from, PortId to) const override;
  [[nodiscard]] bool reachable(PortId from, PortId to) const override;
  [[nodiscard]] bool network(const Flow& flow, Route& out) override;

 private:
  static constexpr std::uint16_t kFar = 0xFFFF;
  struct Edge {
    LinkId link;
    std::uint32_t to = 0;
  };
  // Distances of every switch to one destination switch: as built, and over live links only.
  struct Distances {
    std::once_flag once;
    std::vector<std::uint16_t> built, live;
  };

  GraphRouter(const Topology& topology, std::uint64_t seed, CableSet dead);
  [[nodiscard]] static CableSet dead_cables(const Topology& topology);
  void collect_edges();
  [[nodiscard]] std::uint32_t switch_id(NodeRef node) const;
  [[nodiscard]] std::vector<std::uint16_t> search(std::uint32_t destination, bool live_only) const;
  [[nodiscard]] const Distances& distances(std::uint32_t destination) const;
  [[nodiscard]] std::uint32_t switch_of(PortId port) const { return port_switch_[port.value]; }

  [[nodiscard]] bool is_live(const Edge& edge, const std::vector<std::uint16_t>& distance, std::uint32_t at) const {
    return distance[edge.to] + 1 == distance[at] && !dead().contains(edge.link.value / 2);
  }
  [[nodiscard]] Edge next_hop(std::uint32_t at, const Distances& to, const Flow& flow);
  [[nodiscard]] Edge pick(const std::vector<Edge>& live, std::uint32_t at, const Distances& to, const Flow& flow) const;
  void spray(std::uint32_t from, const Distances& to, const Flow& flow, Route& out) const;
  [[nodiscard]] Duration hop_delay(LinkId link) const;

  std::vector<std::uint32_t> port_switch_;  // kNone: not plugged in
  std::vector<std::uint32_t> first_edge_;   // switches + 1
  std::vector<Edge> edges_;                 // by switch that they leave
  std::uint32_t leaves_ = 0, spines_ = 0, switches_ = 0;
  std::unique_ptr<Distances[]> distances_;
  std::vector<std::uint32_t> loads_;
};

}  // namespace weft
