// Flows of a receiver by their key: one cache line each, and a second one for those that something is wrong with.
#pragma once

#include <cstdint>
#include <vector>

#include "dpdk/psn_tracker.h"

namespace weft::dpdk {

// Rarely touched.
struct FlowDetail {
  PsnWindow window;
  std::uint64_t marked_ce = 0;
  std::uint64_t next_cnp = 0;  // ticks: not before
};

struct alignas(64) FlowSlot {
  std::uint64_t key = 0;  // 0: free
  PsnTracker tracker;
  std::uint32_t detail = 0;  // index
};
static_assert(sizeof(FlowSlot) == 64);

class FlowTable {
 public:
  // REQUIRES: most > 0.
  explicit FlowTable(std::uint32_t most = 1U << 20);

  void prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[place_of(key)], 1); }
  // Null where `most` flows are there already. REQUIRES: key != 0.
  [[nodiscard]] FlowSlot* find_or_add(std::uint64_t key) {
    for (std::size_t place = place_of(key);; place = (place + 1) & (slots_.size() - 1)) {
      if (slots_[place].key == key) return &slots_[place];
      if (slots_[place].key == 0) return add(key, place);
    }
  }
  [[nodiscard]] FlowDetail& detail(const FlowSlot& slot) { return details_[slot.detail]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(details_.size()); }

  // Calls f(slot, detail) for each flow.
  template <typename F>
  void for_each(F f) const {
    for (const FlowSlot& slot : slots_)
      if (slot.key != 0) f(slot, details_[slot.detail]);
  }

 private:
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> shift_);
  }
  [[nodiscard]] FlowSlot* add(std::uint64_t key, std::size_t place);
  void grow();

  std::uint32_t most_;
  unsigned shift_;
  std::vector<FlowSlot> slots_;  // a power of two, at most half of them used
  std::vector<FlowDetail> details_;
};

}  // namespace weft::dpdk
