#include "dpdk/flow_table.h"

#include <utility>

#include "fabric/error.h"

namespace weft::dpdk {
namespace {
constexpr unsigned kMostFirstBits = 12;

unsigned first_bits(std::uint32_t most) {
  unsigned bits = 1;
  while (bits < kMostFirstBits && (1U << bits) < 2 * std::uint64_t{most}) ++bits;
  return bits;
}

}  // namespace

FlowTable::FlowTable(std::uint32_t most)
    : most_(most), shift_(64 - first_bits(most)), slots_(std::size_t{1} << first_bits(most)) {
  WEFT_CHECK(most > 0);
}

FlowSlot* FlowTable::add(std::uint64_t key, std::size_t place) {
  if (details_.size() >= most_) return nullptr;
  if (2 * (details_.size() + 1) > slots_.size()) {
    grow();
    return find_or_add(key);
  }
  FlowSlot& slot = slots_[place];
  slot.key = key;
  slot.detail = size();
  details_.emplace_back();
  return &slot;
}

void FlowTable::grow() {
  const std::vector<FlowSlot> old = std::exchange(slots_, std::vector<FlowSlot>(2 * slots_.size()));
  --shift_;
  for (const FlowSlot& slot : old) {
    if (slot.key == 0) continue;
    std::size_t place = place_of(slot.key);
    while (slots_[place].key != 0) place = (place + 1) & (slots_.size() - 1);
    slots_[place] = slot;
  }
}

}  // namespace weft::dpdk
