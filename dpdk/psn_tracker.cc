#include "dpdk/psn_tracker.h"

#include <algorithm>

namespace weft::dpdk {

PsnCounts& PsnCounts::operator+=(const PsnCounts& o) {
  packets += o.packets;
  lost += o.lost;
  duplicates += o.duplicates;
  reordered += o.reordered;
  depth = std::max(depth, o.depth);
  too_late += o.too_late;
  restarts += o.restarts;
  return *this;
}

void PsnTracker::begin(std::uint32_t psn, PsnWindow& window, PsnCounts& sum) {
  if (next_ != 0) {
    window.lost_before += lost_now(window);
    window.came_before += unique(window);
    ++restarts_;
    ++sum.restarts;
  }
  first_ = (std::uint64_t{1} << 32) + psn;
  next_ = first_ + 1;
  holes_ = 0;
  ++packets_;
}

void PsnTracker::take_slowly(std::uint32_t psn, PsnWindow& window, PsnCounts& sum) {
  if (next_ == 0) return begin(psn, window, sum);
  // The 24-bit difference as a signed number.
  const auto ahead = static_cast<std::int32_t>((psn - static_cast<std::uint32_t>(next_)) << 8) >> 8;
  if (ahead > kFarthest || ahead < -kFarthest) return begin(psn, window, sum);
  const std::uint64_t whole = next_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(ahead));
  if (ahead < 0) return take_late(whole, window, sum);
  jump_to(whole, window, sum);
}

// Moves the window so that it ends with `psn`; what lies between is missing.
void PsnTracker::jump_to(std::uint64_t psn, PsnWindow& window, PsnCounts& sum) {
  if (holes_ == 0) window.bits.fill(~std::uint64_t{0});  // all that are in the window came
  if (psn - next_ >= PsnWindow::kSize) {
    window.bits.fill(0);
    holes_ = PsnWindow::kSize - 1;
  } else {
    for (std::uint64_t missing = next_; missing < psn; ++missing) {
      if (window.has(missing)) ++holes_;  // else one hole leaves and another comes
      window.clear(missing);
    }
    if (!window.has(psn)) --holes_;  // the one that leaves for good
  }
  window.set(psn);
  sum.lost += psn - next_;
  next_ = psn + 1;
  ++packets_;
}

void PsnTracker::take_late(std::uint64_t psn, PsnWindow& window, PsnCounts& sum) {
  if (next_ - psn > PsnWindow::kSize) {
    const bool all_came = lost_now(window) == 0 && psn >= first_;
    ++packets_;
    ++(all_came ? duplicates_ : too_late_);
    ++(all_came ? sum.duplicates : sum.too_late);
    return;
  }
  ++packets_;
  if (holes_ == 0) window.bits.fill(~std::uint64_t{0});
  if (psn < first_) {
    // The flow's first packets came in another order: it began here.
    for (std::uint64_t missing = psn; missing < first_; ++missing) {
      if (window.has(missing)) ++holes_;
      window.clear(missing);
    }
    sum.lost += first_ - psn;
    first_ = psn;
  }
  if (window.has(psn)) {
    ++duplicates_;
    ++sum.duplicates;
    return;
  }
  window.set(psn);
  --holes_;
  --sum.lost;
  ++reordered_;
  ++sum.reordered;
  depth_ = std::max(depth_, static_cast<std::uint16_t>(next_ - 1 - psn));
  sum.depth = std::max<std::uint32_t>(sum.depth, depth_);
}

PsnCounts PsnTracker::counts(const PsnWindow& window) const {
  PsnCounts counts;
  counts.packets = packets_;
  counts.lost = window.lost_before + (next_ == 0 ? 0 : lost_now(window));
  counts.duplicates = duplicates_;
  counts.reordered = reordered_;
  counts.depth = depth_;
  counts.too_late = too_late_;
  counts.restarts = restarts_;
  return counts;
}

}  // namespace weft::dpdk
