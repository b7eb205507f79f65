// Internal to fabric/collectives: groups, blocks and chunks, which all algorithms share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fabric/collectives/collectives.h"

namespace weft::collectives {

using EdgeSink = std::function<void(const Edge&)>;
using MoveSink = std::function<void(const Move&)>;

// A request with its defaults filled in and checked.
struct Build {
  Shape shape;
  Placement placement;
  CollectiveRequest request;
  std::uint32_t groups = 1;
};

// A run of a group's positions whose GPUs share a host or a scale-up domain.
struct Block {
  std::uint32_t index = 0;  // within the group
  std::uint32_t first = 0;  // position
  std::uint32_t count = 0;
};

// The groups of a request, each with its members sorted into positions so that the members of one block stand
// together: blocks in the order of their first member, GPUs ascending within a block, as NCCL orders nodes.
// Member i is what the collective's result counts in; position is where an algorithm puts it.
class Layout {
 public:
  // A block is `unit` consecutive GPUs.
  Layout(const Build& build, std::uint32_t unit);

  [[nodiscard]] std::uint32_t group_size() const { return n_; }
  [[nodiscard]] std::uint32_t groups() const { return groups_; }
  [[nodiscard]] Rank rank_of_member(std::uint32_t group, std::uint32_t member) const {
    return Rank{grouping_ == Grouping::kPacked ? group * n_ + member : group + member * groups_};
  }
  [[nodiscard]] std::uint32_t member_at(std::uint32_t group, std::uint32_t position) const {
    return order_.empty() ? position : order_[group * n_ + position];
  }
  [[nodiscard]] Rank rank_at(std::uint32_t group, std::uint32_t position) const {
    return rank_of_member(group, member_at(group, position));
  }
  // REQUIRES: member < group_size(). Linear in the group.
  [[nodiscard]] std::uint32_t position_of(std::uint32_t group, std::uint32_t member) const;

  [[nodiscard]] bool even() const { return even_; }  // all blocks of all groups have largest_block() members
  [[nodiscard]] std::uint32_t largest_block() const { return largest_; }
  [[nodiscard]] std::uint32_t smallest_block() const { return smallest_; }
  [[nodiscard]] std::uint32_t most_blocks() const { return most_blocks_; }
  [[nodiscard]] std::uint32_t blocks(std::uint32_t group) const {
    return even_ ? n_ / largest_ : group_first_[group + 1] - group_first_[group];
  }
  [[nodiscard]] Block block(std::uint32_t group, std::uint32_t index) const {
    if (even_) return {index, index * largest_, largest_};
    const std::size_t b = group_first_[group] + index;
    return {index, starts_[b], (index + 1 == blocks(group) ? n_ : starts_[b + 1]) - starts_[b]};
  }
  [[nodiscard]] Block block_at(std::uint32_t group, std::uint32_t position) const {
    return block(group, even_ ? position / largest_ : block_index_[group * n_ + position]);
  }
  // The `slot`-th (block, place) when every block leaves out one place: slot < group_size() - blocks(group).
  // Returns the block; the place among those kept is slot - (block.first - block.index).
  [[nodiscard]] Block block_of_slot(std::uint32_t group, std::uint32_t slot) const;
  // "8 and 4": the unequal sizes, for the error message.
  [[nodiscard]] std::string uneven_example() const;

 private:
  void sort_group(const Build& build, std::uint32_t unit, std::uint32_t group);
  void find_blocks(const Build& build, std::uint32_t unit);

  std::uint32_t n_, groups_;
  Grouping grouping_;
  bool even_ = true;
  std::uint32_t largest_ = 1, smallest_ = 1, most_blocks_ = 1;
  std::vector<std::uint32_t> order_;        // member by group and position; empty: the identity
  std::vector<std::uint32_t> starts_;       // only where uneven: first position of each block, group after group
  std::vector<std::uint32_t> group_first_;  //   index into starts_ by group
  std::vector<std::uint32_t> block_index_;  //   block by group and position
};

using LayoutPtr = std::shared_ptr<const Layout>;

// Blocks within which a ring or chain stays before it crosses the network: the larger of host and scale-up domain.
[[nodiscard]] inline LayoutPtr host_layout(const Build& build) {
  return std::make_shared<const Layout>(build, std::max(build.shape.gpus_per_host, build.shape.domain_gpus));
}
[[nodiscard]] inline LayoutPtr domain_layout(const Build& build) {
  return std::make_shared<const Layout>(build, build.shape.domain_gpus);
}

// The cut of S into m chunks: chunk k is [S k / m, S (k+1) / m), so that every byte belongs to one chunk.
struct Chunks {
  std::int64_t size = 0;
  std::uint64_t m = 1;
  [[nodiscard]] Bytes range(std::uint64_t first, std::uint64_t count) const {
    return {begin(first + count) - begin(first)};
  }
  [[nodiscard]] Bytes largest() const { return largest_of(m); }
  // The largest part when S is cut into `parts`.
  [[nodiscard]] Bytes largest_of(std::uint64_t parts) const {
    return {static_cast<std::int64_t>((static_cast<std::uint64_t>(size) + parts - 1) / parts)};
  }

 private:
  [[nodiscard]] std::int64_t begin(std::uint64_t k) const {
    return static_cast<std::int64_t>(static_cast<unsigned __int128>(size) * k / m);
  }
};

// An empty schedule of the request.
[[nodiscard]] Schedule start_schedule(const Build& build, std::uint64_t chunk_grid);
// NICs that `gpus` GPUs of one host own: at least one.
[[nodiscard]] std::uint32_t nics_of(const Shape& shape, std::uint32_t gpus);

// (x - y) mod n, for x and y below n.
[[nodiscard]] inline std::uint32_t minus(std::uint32_t x, std::uint64_t y, std::uint32_t n) {
  return static_cast<std::uint32_t>((x + n - y % n) % n);
}

// The makers, one file a family. Each REQUIRES a checked Build.
Expected<Schedule> ring_all_reduce(const Build& build);
Expected<Schedule> ring_all_gather(const Build& build);
Expected<Schedule> ring_reduce_scatter(const Build& build);
Expected<Schedule> ring_broadcast(const Build& build);
Expected<Schedule> halving_doubling_all_reduce(const Build& build);
Expected<Schedule> recursive_doubling_all_reduce(const Build& build);
Expected<Schedule> hierarchical_all_reduce(const Build& build);
Expected<Schedule> hierarchical_all_gather(const Build& build);
Expected<Schedule> hierarchical_reduce_scatter(const Build& build);
Expected<Schedule> nvls_ring_all_reduce(const Build& build);
Expected<Schedule> nvls_tree_all_reduce(const Build& build);
Expected<Schedule> tree_all_reduce(const Build& build);
Expected<Schedule> tree_broadcast(const Build& build);
Expected<Schedule> pairwise_all_to_all(const Build& build);
Expected<Schedule> all_at_once_all_to_all(const Build& build);
Expected<Schedule> rail_aligned_all_to_all(const Build& build);
Expected<Schedule> neighbour_sendrecv(const Build& build);
Expected<Schedule> random_permutation(const Build& build);
Expected<Schedule> shift_pattern(const Build& build);
Expected<Schedule> strided_incast(const Build& build);
Expected<Schedule> random_bisection(const Build& build);

}  // namespace weft::collectives
