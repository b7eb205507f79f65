// A monotone priority queue for fair shares: what is pushed is never smaller than what was popped last.
//
// Shares only rise, so a heap over all resources is not needed. Positive doubles order like their bit patterns;
// the range of bit patterns is cut into kBuckets equal slices. A push appends to a slice, sequentially. Only the
// slice being emptied is sorted, and by the exact share, so the order of pops does not depend on the slicing.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <queue>
#include <vector>

namespace weft {

struct ShareItem {
  double share;
  std::uint32_t id;
  bool operator<(const ShareItem& o) const { return share < o.share || (share == o.share && id < o.id); }
  bool operator>(const ShareItem& o) const { return o < *this; }
};

class ShareQueue {
 public:
  ShareQueue() : buckets_(kBuckets) {}

  // Empties the queue and keeps its memory.
  // REQUIRES: 0 <= lowest <= highest, both finite. Shares above `highest` are allowed and share the last slice.
  void reset(double lowest, double highest) {
    base_ = std::bit_cast<std::uint64_t>(lowest);
    const int wide = static_cast<int>(std::bit_width(std::bit_cast<std::uint64_t>(highest) - base_));
    shift_ = wide > kBucketBits ? wide - kBucketBits : 0;
    current_ = 0;
    opened_ = false;
    late_ = {};
    for (auto& bucket : buckets_) bucket.clear();
  }

  void push(ShareItem item) {
    const std::size_t bucket = bucket_of(item.share);
    if (bucket <= current_ && opened_) {
      late_.push(item);
    } else {
      buckets_[bucket].push_back(item);
    }
  }

  // The batch of items that are due next, all of one slice and sorted; empty when the queue is. `refresh(item)` gives
  // the item's share now, or a negative number to drop it: resources that moved on are dealt out again unsorted.
  template <typename Refresh>
  const std::vector<ShareItem>& open_next(const Refresh& refresh) {
    batch_.clear();
    while (batch_.empty() && (opened_ ? ++current_ : current_) < kBuckets) {
      opened_ = true;
      for (ShareItem item : buckets_[current_]) {
        item.share = refresh(item);
        if (item.share < 0.0) continue;
        const std::size_t bucket = bucket_of(item.share);
        if (bucket <= current_) {
          batch_.push_back(item);
        } else {
          buckets_[bucket].push_back(item);
        }
      }
      buckets_[current_].clear();
    }
    if (!std::is_sorted(batch_.begin(), batch_.end())) std::sort(batch_.begin(), batch_.end());
    return batch_;
  }

  // Items pushed into the slice that is open now.
  [[nodiscard]] bool has_late() const { return !late_.empty(); }
  [[nodiscard]] const ShareItem& top_late() const { return late_.top(); }
  void pop_late() { late_.pop(); }

 private:
  static constexpr int kBucketBits = 12;
  static constexpr std::size_t kBuckets = std::size_t{1} << kBucketBits;

  [[nodiscard]] std::size_t bucket_of(double share) const {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(share);
    if (bits <= base_) return 0;
    return std::min<std::uint64_t>((bits - base_) >> shift_, kBuckets - 1);
  }

  std::uint64_t base_ = 0;
  int shift_ = 0;
  std::size_t current_ = 0;
  bool opened_ = false;
  std::vector<std::vector<ShareItem>> buckets_;
  std::vector<ShareItem> batch_;
  std::priority_queue<ShareItem, std::vector<ShareItem>, std::greater<>> late_;
};

}  // namespace weft
