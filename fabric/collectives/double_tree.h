// Internal: double binary trees over the blocks of a group, with a chain through each block.
//
// Source: Sanders, Speck, Traff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan", Parallel
// Computing 35 (2009). Tree 0 is the in-order tree on nodes 0 .. N-1 with node 0 on top; tree 1 is tree 0 mirrored
// (N even) or shifted by one (N odd), so that a node is inner in one tree and a leaf in the other; each carries half.
#pragma once

#include "fabric/collectives/layout.h"

namespace weft::collectives {

// A tree edge towards the top, as positions of the layout, with the chunks of the channel it carries.
struct TreeEdge {
  std::uint32_t group = 0, channel = 0;
  std::uint32_t child = 0, parent = 0;
  std::uint64_t chunk = 0, chunks = 1;
  std::uint64_t step = 0;  // of a reduction: every child of `child` sent before
};

// Chunk 2c + t goes through tree t of channel c. The chain of channel c in a block ends at the head, place c.
class DoubleTree {
 public:
  // `nics`: channels deal the heads over the places of a block, nics channels once around.
  // chain: the block's other members hang below its head; false: every place is head of its own channels only.
  DoubleTree(LayoutPtr layout, std::uint32_t nics, std::uint32_t channels, bool chain);
  // All members of the group hang below `root`: the block of the root is above both trees (broadcast). Only with
  // chains.
  void set_root(std::uint32_t member);

  [[nodiscard]] const Layout& layout() const { return *layout_; }
  [[nodiscard]] std::uint32_t channels() const { return channels_; }
  [[nodiscard]] std::uint64_t edge_count() const { return first_edge_.back(); }
  [[nodiscard]] std::uint64_t depth() const { return depth_; }
  // Edge `index`, group after group, channel after channel. O(log groups).
  [[nodiscard]] TreeEdge edge(std::uint64_t index) const;

 private:
  [[nodiscard]] std::uint32_t head(std::uint32_t channel, const Block& block) const {
    return static_cast<std::uint32_t>(std::uint64_t{channel % nics_} * block.count / nics_);
  }
  [[nodiscard]] std::uint32_t chain_edges(std::uint32_t group) const {
    return chain_ ? layout_->group_size() - layout_->blocks(group) : 0;
  }
  void chain_edge(TreeEdge& edge, std::uint32_t slot) const;
  void tree_edge(TreeEdge& edge, std::uint32_t slot) const;
  void root_chain_edge(TreeEdge& edge, const Block& block, std::uint32_t distance) const;
  void count_edges();

  LayoutPtr layout_;
  std::uint32_t nics_, channels_;
  bool chain_;
  std::uint64_t depth_ = 0;
  std::vector<std::uint64_t> first_edge_;     // by group, and the total
  std::vector<std::uint32_t> root_position_;  // by group; empty: no root
};

// The reduction towards the top, or the broadcast from it, as one pipelined phase.
[[nodiscard]] Phase tree_phase(std::shared_ptr<const DoubleTree> tree, Bytes size, bool reduce);

}  // namespace weft::collectives
