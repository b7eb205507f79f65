#include <bit>

#include "fabric/collectives/double_tree.h"

namespace weft::collectives {
namespace {

// Levels below the top of the in-order tree on `nodes` nodes.
std::uint32_t levels(std::uint32_t nodes) {
  return nodes <= 1 ? 0 : static_cast<std::uint32_t>(std::bit_width(nodes - 1));
}

// The parent of label v > 0 in the in-order tree: its lowest set bit moves up one level, or, where that leaves
// the tree, goes.
std::uint32_t parent_label(std::uint32_t v, std::uint32_t nodes) {
  const std::uint32_t bit = v & (~v + 1);
  const std::uint32_t up = (v ^ bit) | (bit << 1);
  return up < nodes ? up : v ^ bit;
}

// Label to node: tree 1 mirrors an even number of nodes and shifts an odd one.
std::uint32_t node_of(std::uint32_t tree, std::uint32_t label, std::uint32_t nodes) {
  if (tree == 0) return label;
  return nodes % 2 == 0 ? nodes - 1 - label : (label + 1) % nodes;
}

}  // namespace

DoubleTree::DoubleTree(LayoutPtr layout, std::uint32_t nics, std::uint32_t channels, bool chain)
    : layout_(std::move(layout)), nics_(nics), channels_(channels), chain_(chain) {
  count_edges();
}

void DoubleTree::set_root(std::uint32_t member) {
  root_position_.resize(layout_->groups());
  for (std::uint32_t group = 0; group < layout_->groups(); ++group)
    root_position_[group] = layout_->position_of(group, member);
  count_edges();
}

void DoubleTree::count_edges() {
  first_edge_.assign(1, 0);
  first_edge_.reserve(std::size_t{layout_->groups()} + 1);
  for (std::uint32_t group = 0; group < layout_->groups(); ++group)
    first_edge_.push_back(first_edge_.back() +
                          std::uint64_t{channels_} *
                              (chain_edges(group) + 2 * (std::uint64_t{layout_->blocks(group)} - 1)));
  const std::uint32_t longest = layout_->largest_block(), blocks = layout_->most_blocks();
  depth_ = chain_ ? longest - 1 : 0;
  if (root_position_.empty())
    depth_ += levels(blocks);
  else if (blocks > 1)
    depth_ += levels(blocks - 1) + 1 + (longest > 1 ? 1 : 0);  // above the trees: the root's head, and the root
}

TreeEdge DoubleTree::edge(std::uint64_t index) const {
  const auto after = std::upper_bound(first_edge_.begin(), first_edge_.end(), index);
  TreeEdge edge;
  edge.group = static_cast<std::uint32_t>(after - first_edge_.begin()) - 1;
  const std::uint64_t in_group = index - first_edge_[edge.group];
  const std::uint32_t chains = chain_edges(edge.group);
  const std::uint64_t per_channel = chains + 2 * (std::uint64_t{layout_->blocks(edge.group)} - 1);
  edge.channel = static_cast<std::uint32_t>(in_group / per_channel);
  const auto slot = static_cast<std::uint32_t>(in_group % per_channel);
  if (slot < chains)
    chain_edge(edge, slot);
  else
    tree_edge(edge, slot - chains);
  return edge;
}

void DoubleTree::chain_edge(TreeEdge& edge, std::uint32_t slot) const {
  const Block block = layout_->block_of_slot(edge.group, slot);
  const std::uint32_t distance = slot - (block.first - block.index) + 1;  // from the top, 1 .. count-1
  edge.chunk = 2 * std::uint64_t{edge.channel};
  edge.chunks = 2;
  edge.child = block.first + chain_place(edge.group, edge.channel, block, distance);
  edge.parent = block.first + chain_place(edge.group, edge.channel, block, distance - 1);
  edge.step = (above_trees(edge.group, block) ? depth_ : layout_->largest_block() - 1) - distance;
}

// In the root's block the chain starts at the root, goes to the head, which feeds the trees, and on to the others.
std::uint32_t DoubleTree::chain_place(std::uint32_t group, std::uint32_t channel, const Block& block,
                                      std::uint32_t distance) const {
  const std::uint32_t top = head(channel, block);
  if (!above_trees(group, block)) return (top + distance) % block.count;
  const std::uint32_t root = root_position_[group] - block.first;
  if (distance == 0) return root;
  const std::uint32_t root_at = minus(root, top, block.count);  // the root's place counted from the head
  return (top + (distance - 1 < root_at ? distance - 1 : distance)) % block.count;
}

// By block, what its head sends through both trees of one channel.
std::vector<std::uint32_t> DoubleTree::tree_chunks_sent(std::uint32_t group, bool up, bool down) const {
  const std::uint32_t blocks = layout_->blocks(group);
  std::vector<std::uint32_t> sent(blocks, 0);
  TreeEdge edge;
  edge.group = group;
  for (std::uint32_t slot = 0; slot < 2 * (blocks - 1); ++slot) {
    tree_edge(edge, slot);
    if (up) ++sent[layout_->block_at(group, edge.child).index];
    if (down) ++sent[layout_->block_at(group, edge.parent).index];
  }
  return sent;
}

std::uint64_t DoubleTree::busiest_chunks(bool up, bool down) const {
  std::uint64_t most = 0;
  std::vector<std::uint64_t> sent;  // by place
  for (std::uint32_t group = 0; group < layout_->groups(); ++group) {
    const std::vector<std::uint32_t> through_trees = tree_chunks_sent(group, up, down);
    for (std::uint32_t b = 0; b < layout_->blocks(group); ++b) {
      const Block block = layout_->block(group, b);
      // All of a chain send two chunks a channel, but its top does not send up, nor its end down.
      const std::uint64_t both_ways = 2ULL * channels_ * ((up ? 1U : 0U) + (down ? 1U : 0U));
      sent.assign(block.count, chain_ ? both_ways : 0);
      for (std::uint32_t channel = 0; channel < channels_; ++channel) {
        sent[head(channel, block)] += through_trees[b];
        if (chain_ && up) sent[chain_place(group, channel, block, 0)] -= 2;
        if (chain_ && down) sent[chain_place(group, channel, block, block.count - 1)] -= 2;
      }
      most = std::max(most, *std::max_element(sent.begin(), sent.end()));
    }
  }
  return most;
}

void DoubleTree::tree_edge(TreeEdge& edge, std::uint32_t slot) const {
  const std::uint32_t blocks = layout_->blocks(edge.group);
  const std::uint32_t tree = slot / (blocks - 1), label = slot % (blocks - 1) + 1;
  std::uint32_t child = 0, parent = 0, height = 0;
  if (root_position_.empty()) {
    child = node_of(tree, label, blocks);
    parent = node_of(tree, parent_label(label, blocks), blocks);
    height = static_cast<std::uint32_t>(std::countr_zero(label));
  } else {  // the trees span the blocks after the root's, and their tops hang below it
    const std::uint32_t above = layout_->block_at(edge.group, root_position_[edge.group]).index;
    const std::uint32_t v = label - 1, nodes = blocks - 1;
    const auto block_index = [&](std::uint32_t node) { return (above + 1 + node) % blocks; };
    child = block_index(node_of(tree, v, nodes));
    parent = v == 0 ? above : block_index(node_of(tree, parent_label(v, nodes), nodes));
    height = v == 0 ? levels(layout_->most_blocks() - 1) : static_cast<std::uint32_t>(std::countr_zero(v));
  }
  const Block below = layout_->block(edge.group, child), on_top = layout_->block(edge.group, parent);
  edge.child = below.first + head(edge.channel, below);
  edge.parent = on_top.first + head(edge.channel, on_top);
  edge.chunk = 2 * std::uint64_t{edge.channel} + tree;
  edge.step = (chain_ ? layout_->largest_block() - 1 : 0) + height;
}

Phase tree_phase(std::shared_ptr<const DoubleTree> tree, Bytes size, bool reduce) {
  const Chunks chunks{size.count, 2 * std::uint64_t{tree->channels()}};
  Phase phase;
  phase.name = reduce ? "tree reduce" : "tree broadcast";
  phase.depth = tree->depth();
  phase.edge_count = tree->edge_count();
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    for (std::uint64_t e = first; e < last; ++e) {
      const TreeEdge edge = tree->edge(e);
      const Rank child = tree->layout().rank_at(edge.group, edge.child);
      const Rank parent = tree->layout().rank_at(edge.group, edge.parent);
      sink(Edge{reduce ? child : parent, reduce ? parent : child, static_cast<std::uint32_t>(edge.chunk), edge.channel,
                chunks.range(edge.chunk, edge.chunks), static_cast<std::uint32_t>(edge.chunks)});
    }
  };
  phase.moves = [=](std::uint64_t step, const MoveSink& sink) {
    for (std::uint64_t e = 0; e < tree->edge_count(); ++e) {
      const TreeEdge edge = tree->edge(e);
      if (edge.step != (reduce ? step : tree->depth() - 1 - step)) continue;
      const Rank child = tree->layout().rank_at(edge.group, edge.child);
      const Rank parent = tree->layout().rank_at(edge.group, edge.parent);
      sink(Move{reduce ? child : parent, reduce ? parent : child, edge.chunk, edge.chunk, edge.chunks, reduce});
    }
  };
  return phase;
}

namespace {

std::shared_ptr<DoubleTree> make_tree(const Build& build) {
  const LayoutPtr layout = host_layout(build);
  const std::uint32_t nics = nics_of(build.shape, layout->largest_block());
  return std::make_shared<DoubleTree>(layout, nics, build.request.channels == 0 ? nics : build.request.channels, true);
}

}  // namespace

// As NCCL's: a double binary tree across hosts, a chain in the host, reduce then broadcast.
Expected<Schedule> tree_all_reduce(const Build& build) {
  const std::shared_ptr<const DoubleTree> tree = make_tree(build);
  Schedule schedule = start_schedule(build, 2 * std::uint64_t{tree->channels()});
  if (build.request.group_size == 1) return schedule;
  schedule.phases.push_back(tree_phase(tree, build.request.size, true));
  schedule.phases.push_back(tree_phase(tree, build.request.size, false));
  schedule.steps = 2 * tree->depth();
  schedule.bytes_sent_per_rank = Chunks{build.request.size.count, schedule.chunk_grid}.largest() *
                                 static_cast<std::int64_t>(tree->busiest_chunks(true, true));
  return schedule;
}

Expected<Schedule> tree_broadcast(const Build& build) {
  const std::shared_ptr<DoubleTree> tree = make_tree(build);
  tree->set_root(build.request.root);
  Schedule schedule = start_schedule(build, 2 * std::uint64_t{tree->channels()});
  if (build.request.group_size == 1) return schedule;
  schedule.phases.push_back(tree_phase(tree, build.request.size, false));
  schedule.steps = tree->depth();
  schedule.bytes_sent_per_rank = Chunks{build.request.size.count, schedule.chunk_grid}.largest() *
                                 static_cast<std::int64_t>(tree->busiest_chunks(false, true));
  return schedule;
}

}  // namespace weft::collectives
