// Shortest paths over any graph of switches, found by breadth-first search from each destination's switch.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "topologies/reachability.h"

namespace weft {

// Next hops of a switch towards a destination are its links to switches one hop nearer; parallel links are members of
// their own. Groups are found at the first use of a destination switch, kept until a link between switches dies or
// comes back (8 bytes a switch and destination in use), and shared where destinations have the same. Several threads
// may ask.
class GraphReach final : public Reachability {
 public:
  static constexpr std::uint32_t kMaxSwitches = 4096;

  // With the cables dead whose rate is 0. Errors: kInput where there are more than kMaxSwitches.
  [[nodiscard]] static Expected<std::unique_ptr<GraphReach>> create(const Topology& topology);

  [[nodiscard]] bool joined(PortId from, PortId to) const override;
  [[nodiscard]] bool aligned(PortId from, PortId to) const override;
  [[nodiscard]] bool reachable(PortId from, PortId to) const override;
  void set_cable(std::uint32_t cable, bool alive) override;

  // Members of the group as built come first, then links that shortest paths use only because of failures.
  struct Group {
    std::vector<LinkId> links;
    std::vector<bool> live;
    std::uint32_t built = 0;
    bool suspect = false;  // not just the group as built, all of it alive
    auto operator<=>(const Group&) const = default;
  };
  // REQUIRES: switches by id, as switch_of and next_switch give them.
  [[nodiscard]] const Group& group(std::uint32_t at, std::uint32_t destination) const {
    return *target(destination).groups[at];
  }

  // Over all switches: leaves, spines, cores. kNone: the port is not plugged in.
  static constexpr std::uint32_t kNone = ~0U;
  [[nodiscard]] std::uint32_t switch_of(PortId port) const { return port_switch_[port.value]; }
  // The switch that a link leads to. REQUIRES: not a host's down link, nor one of the scale-up tier.
  [[nodiscard]] std::uint32_t next_switch(LinkId link) const;
  [[nodiscard]] const Topology& topology() const { return *topology_; }

 private:
  static constexpr std::uint16_t kFar = 0xFFFF;
  struct Edge {
    LinkId link;
    std::uint32_t to = 0;
  };
  // What every switch needs to know of one destination switch.
  struct Target {
    std::once_flag once;
    std::vector<const Group*> groups;
  };

  explicit GraphReach(const Topology& topology, std::uint32_t switches);
  void collect_edges();
  void forget();
  [[nodiscard]] std::uint32_t switch_id(NodeRef node) const;
  [[nodiscard]] std::vector<std::uint16_t> search(std::uint32_t destination, bool live_only) const;
  [[nodiscard]] Group make_group(std::uint32_t at, const std::vector<std::uint16_t>& built,
                                 const std::vector<std::uint16_t>& live) const;
  [[nodiscard]] const Target& target(std::uint32_t destination) const;

  const Topology* topology_;
  std::vector<std::uint32_t> port_switch_;
  std::vector<std::uint32_t> first_edge_;  // switches + 1
  std::vector<Edge> edges_;                // by switch that they leave
  std::vector<std::uint32_t> link_to_;     // by link, from the first fabric link on
  std::uint32_t switches_;
  std::unique_ptr<Target[]> targets_;
  mutable std::mutex sharing_;
  mutable std::vector<std::set<Group>> shared_;  // by switch; elements stay where they are
};

}  // namespace weft
