#include "fabric/collectives/layout.h"

#include <fmt/format.h>

#include <numeric>
#include <unordered_map>

namespace weft::collectives {

Layout::Layout(const Build& build, std::uint32_t unit)
    : n_(build.request.group_size), groups_(build.groups), grouping_(build.request.grouping) {
  for (std::uint32_t group = 0; group < groups_; ++group) {
    bool ascending = true;  // then blocks already stand together, and the identity is the order wanted
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i < n_ && ascending; ++i) {
      const std::uint32_t gpu = build.placement.gpu_of(rank_of_member(group, i)).value;
      ascending = i == 0 || gpu > last;
      last = gpu;
    }
    if (!ascending) sort_group(build, unit, group);
  }
  find_blocks(build, unit);
}

void Layout::sort_group(const Build& build, std::uint32_t unit, std::uint32_t group) {
  if (order_.empty()) {
    order_.resize(std::size_t{groups_} * n_);
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint32_t>(i % n_);
  }
  struct Key {
    std::uint32_t block, gpu, member;
  };
  std::vector<Key> keys;
  keys.reserve(n_);
  std::unordered_map<std::uint32_t, std::uint32_t> seen;
  for (std::uint32_t i = 0; i < n_; ++i) {
    const std::uint32_t gpu = build.placement.gpu_of(rank_of_member(group, i)).value;
    keys.push_back({seen.try_emplace(gpu / unit, i).first->second, gpu, i});
  }
  std::sort(keys.begin(), keys.end(),
            [](const Key& a, const Key& b) { return a.block != b.block ? a.block < b.block : a.gpu < b.gpu; });
  for (std::uint32_t i = 0; i < n_; ++i) order_[std::size_t{group} * n_ + i] = keys[i].member;
}

void Layout::find_blocks(const Build& build, std::uint32_t unit) {
  block_index_.resize(std::size_t{groups_} * n_);
  group_first_.reserve(std::size_t{groups_} + 1);
  smallest_ = n_;
  largest_ = 0;
  most_blocks_ = 0;
  for (std::uint32_t group = 0; group < groups_; ++group) {
    group_first_.push_back(static_cast<std::uint32_t>(starts_.size()));
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i <= n_; ++i) {
      const std::uint32_t at = i < n_ ? build.placement.gpu_of(rank_at(group, i)).value / unit : 0;
      const bool first = i == 0 || i == n_ || at != last;
      if (first && i > 0) {
        smallest_ = std::min(smallest_, i - starts_.back());
        largest_ = std::max(largest_, i - starts_.back());
      }
      if (i == n_) break;
      if (first) starts_.push_back(i);
      block_index_[std::size_t{group} * n_ + i] = static_cast<std::uint32_t>(starts_.size()) - 1 - group_first_.back();
      last = at;
    }
    most_blocks_ = std::max(most_blocks_, static_cast<std::uint32_t>(starts_.size()) - group_first_.back());
  }
  group_first_.push_back(static_cast<std::uint32_t>(starts_.size()));
  even_ = smallest_ == largest_;
  if (!even_) return;
  starts_ = {};
  group_first_ = {};
  block_index_ = {};
}

std::uint32_t Layout::position_of(std::uint32_t group, std::uint32_t member) const {
  if (order_.empty()) return member;
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(std::size_t{group} * n_);
  return static_cast<std::uint32_t>(std::find(first, first + n_, member) - first);
}

Block Layout::block_of_slot(std::uint32_t group, std::uint32_t slot) const {
  if (even_) return block(group, slot / (largest_ - 1));
  // The last block b whose first slot, starts[b] - b, is not above `slot` and that keeps any place at all.
  std::uint32_t low = 0, high = blocks(group);
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    (starts_[group_first_[group] + middle] - middle <= slot ? low : high) = middle;
  }
  return block(group, low);
}

std::string Layout::uneven_example() const {
  for (std::uint32_t group = 0; group < groups_; ++group)
    for (std::uint32_t b = 0; b < blocks(group); ++b)
      if (block(group, b).count != largest_) return fmt::format("{} and {}", largest_, block(group, b).count);
  return {};
}

Schedule start_schedule(const Build& build, std::uint64_t chunk_grid) {
  Schedule schedule;
  schedule.collective = build.request.kind;
  schedule.algorithm = build.request.algorithm;
  schedule.ranks = build.request.ranks;
  schedule.group_size = build.request.group_size;
  schedule.size = build.request.size;
  schedule.chunk_grid = chunk_grid;
  schedule.gpu_of = [placement = build.placement](Rank rank) { return placement.gpu_of(rank); };
  if (build.request.grouping == Grouping::kStrided) schedule.second_member = Rank{build.groups};
  return schedule;
}

std::uint32_t nics_of(const Shape& shape, std::uint32_t gpus) {
  return std::max<std::uint32_t>(
      1, static_cast<std::uint32_t>(std::uint64_t{gpus} * shape.nics_per_host / shape.gpus_per_host));
}

}  // namespace weft::collectives
