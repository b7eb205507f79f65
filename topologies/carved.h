// A part of a fabric as a fabric of its own: the cables that some traffic uses, and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabric/topology.h"

namespace weft {

// Cables keep their tier, rate, delay, ends and names; ids are new and dense, so that what an engine builds for it has
// the size of the part. Each NIC port of the part is a host of its own with one GPU and no scale-up domain; failures
// are in the rates already. Switches know only their cables of the part. Unless switches spray, routing is ecmp: who
// carves gives the paths.
class CarvedTopology final : public Topology {
 public:
  struct Cable {
    std::uint32_t cable = 0;  // of the whole fabric
    double rate_factor = 1;   // beyond what the whole fabric says
  };
  // `whole` must outlive it. Cables may come in any order, each once. REQUIRES: no scale-up cables.
  CarvedTopology(const Topology& whole, std::span<const Cable> cables);

  [[nodiscard]] const Topology& whole() const { return whole_; }
  [[nodiscard]] bool has(LinkId whole) const { return carved_.contains(whole.value / 2); }
  // REQUIRES: has(whole).
  [[nodiscard]] LinkId carved(LinkId whole) const { return LinkId{2 * carved_.at(whole.value / 2) + whole.value % 2}; }
  [[nodiscard]] LinkId whole(LinkId carved) const {
    return LinkId{2 * cables_[carved.value / 2].whole + carved.value % 2};
  }
  [[nodiscard]] NodeRef whole(NodeRef carved) const { return nodes(carved.kind)[carved.index]; }
  // REQUIRES: the port's cable is in the part.
  [[nodiscard]] PortId port(PortId whole) const { return PortId{carved_.at(whole_.host_link(whole, false).value / 2)}; }

  [[nodiscard]] std::uint32_t link_count() const override { return static_cast<std::uint32_t>(2 * cables_.size()); }
  [[nodiscard]] LinkTier tier(LinkId link) const override { return whole_.tier(whole(link)); }
  [[nodiscard]] Rate rate(LinkId link) const override;
  [[nodiscard]] Duration delay(LinkId link) const override { return whole_.delay(whole(link)); }
  [[nodiscard]] LinkEnds ends(LinkId link) const override;
  [[nodiscard]] std::uint32_t switch_count(NodeKind kind) const override;
  [[nodiscard]] std::string name(NodeRef node) const override;
  [[nodiscard]] std::string name(LinkId link) const override { return whole_.name(whole(link)); }
  [[nodiscard]] std::optional<LinkId> find_link(std::string_view name) const override;
  [[nodiscard]] std::optional<NodeRef> find_node(std::string_view name) const override;

 private:
  struct Piece {
    std::uint32_t whole = 0;          // cable
    std::uint32_t low = 0, high = 0;  // its ends, as the part counts them
    double rate_factor = 1;
  };
  [[nodiscard]] std::vector<NodeRef>& nodes(NodeKind kind) { return nodes_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const std::vector<NodeRef>& nodes(NodeKind kind) const {
    return nodes_[static_cast<std::size_t>(kind)];
  }

  const Topology& whole_;
  std::vector<Piece> cables_;
  std::unordered_map<std::uint32_t, std::uint32_t> carved_;  // whole cable -> place in cables_
  std::vector<NodeRef> nodes_[6];                            // by kind: the whole fabric's
};

}  // namespace weft
