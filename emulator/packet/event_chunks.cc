#include "emulator/packet/event_chunks.h"

#include <algorithm>

namespace weft::packet {

EventChunk* EventChunkPool::carve() {
  constexpr std::size_t kSmallestSlab = std::size_t{64} << 10;
  constexpr std::size_t kLargestSlab = std::size_t{4} << 20;
  if (fresh_ == fresh_end_) {
    const std::size_t slab = std::clamp(bytes_ / 2 / kSmallestSlab * kSmallestSlab, kSmallestSlab, kLargestSlab);
    slabs_.reserve(slabs_.size() + 1);
    fresh_ = static_cast<std::byte*>(::operator new (slab, std::align_val_t{EventChunk::kBytes}));
    fresh_end_ = fresh_ + slab;
    slabs_.push_back(fresh_);
    bytes_ += slab;
  }
  auto* chunk = new (fresh_) EventChunk{nullptr};
  fresh_ += EventChunk::kBytes;
  return chunk;
}

}  // namespace weft::packet
