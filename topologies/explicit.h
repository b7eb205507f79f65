// A fabric given as a list of switches and links, behind the same interface as the regular ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabric/topology.h"
#include "topologies/failures.h"

namespace weft {

class ExplicitTopology final : public Topology {
 public:
  // Reads spec.topology.switches and links; applies spec.failures. Switches of one kind keep the order of the list.
  // Errors: kInput for a name given twice or unknown, a link between tiers that do not meet (host to leaf, leaf to
  // leaf or spine, spine to spine or core, core to core), a NIC port with no link or more than one, a graph in parts.
  [[nodiscard]] static Expected<std::unique_ptr<ExplicitTopology>> create(FabricSpec spec);

  // Links out of a switch, NIC port, GPU or scale-up switch, ascending; dead ones included (rate 0).
  [[nodiscard]] std::span<const LinkId> neighbours(NodeRef node) const;

  [[nodiscard]] const std::vector<CableDeviation>& deviating_cables() const { return deviations_.sorted(); }

  [[nodiscard]] std::uint32_t link_count() const override { return static_cast<std::uint32_t>(2 * cables_.size()); }
  [[nodiscard]] LinkTier tier(LinkId link) const override { return cables_[link.value / 2].tier; }
  [[nodiscard]] Rate rate(LinkId link) const override;
  [[nodiscard]] Duration delay(LinkId link) const override { return cables_[link.value / 2].delay; }
  [[nodiscard]] LinkEnds ends(LinkId link) const override;
  [[nodiscard]] std::uint32_t switch_count(NodeKind kind) const override;
  [[nodiscard]] std::string name(NodeRef node) const override;
  [[nodiscard]] std::string name(LinkId link) const override;
  [[nodiscard]] std::optional<LinkId> find_link(std::string_view name) const override;
  [[nodiscard]] std::optional<NodeRef> find_node(std::string_view name) const override;

 private:
  struct Cable {
    LinkEnds up;  // from the lower tier to the higher; within a tier as written
    LinkTier tier = LinkTier::kHost;
    Rate rate{};
    Duration delay{};
    std::uint32_t parallel = 0;   // place among the cables between the same two nodes
    std::uint32_t parallels = 1;  // how many there are
  };

  explicit ExplicitTopology(FabricSpec spec) : Topology(std::move(spec)) {}
  Expected<void> add_switches();
  Expected<void> add_links();
  Expected<Cable> read_link(const ExplicitLink& link) const;
  void number_parallels();
  void index_neighbours();
  Expected<void> check_connected() const;
  [[nodiscard]] std::uint32_t dense(NodeRef node) const;  // index over all nodes of the fabric
  [[nodiscard]] std::uint32_t node_count() const;

  std::vector<std::string> switch_names_[3];  // leaf, spine, core
  std::unordered_map<std::string, NodeRef> by_name_;
  std::vector<Cable> cables_;
  std::vector<std::uint32_t> first_neighbour_;  // CSR over dense()
  std::vector<LinkId> neighbours_;
  Deviations deviations_;
};

}  // namespace weft
