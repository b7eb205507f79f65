// Storage of the wheel's buckets: chains of fixed chunks from one pool.
#pragma once

#include <ns3/scheduler.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace weft::packet {

/// One link of a bucket's chain. It is aligned to its size, so that the address of the next free slot alone tells when
/// the chunk is full, and a bucket needs no counter.
struct EventChunk {
  static constexpr std::size_t kBytes = 512;
  static constexpr std::size_t kEvents = (kBytes - sizeof(void*)) / sizeof(ns3::Scheduler::Event);
  static constexpr std::size_t kHeader = kBytes - kEvents * sizeof(ns3::Scheduler::Event);

  ns3::Scheduler::Event* begin() {
    return reinterpret_cast<ns3::Scheduler::Event*>(reinterpret_cast<std::byte*>(this) + kHeader);
  }
  ns3::Scheduler::Event* end() { return begin() + kEvents; }

  /// True of a slot pointer that is one past a chunk's last slot, and of null: an empty bucket has no chunk to fill.
  static bool is_full(const ns3::Scheduler::Event* next_slot) {
    return reinterpret_cast<std::uintptr_t>(next_slot) % kBytes == 0;
  }

  EventChunk* next;
};

/// Chunks in slabs that grow with the pool. Freed chunks are handed out again last in, first out: they are in the
/// cache. Keeps what the fullest moment needed until it is destroyed.
class EventChunkPool {
 public:
  EventChunkPool() = default;
  EventChunkPool(const EventChunkPool&) = delete;
  EventChunkPool& operator=(const EventChunkPool&) = delete;
  ~EventChunkPool() {
    for (void* slab : slabs_) ::operator delete (slab, std::align_val_t{EventChunk::kBytes});
  }

  /// `next` of the chunk is null.
  EventChunk* take() {
    EventChunk* chunk = free_;
    if (chunk == nullptr) [[unlikely]] {
      return carve();
    }
    free_ = chunk->next;
    chunk->next = nullptr;
    return chunk;
  }

  void give(EventChunk* chunk) {
    chunk->next = free_;
    free_ = chunk;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  EventChunk* carve();

  EventChunk* free_ = nullptr;
  std::byte* fresh_ = nullptr;  // the newest slab's part that no chunk was carved from
  std::byte* fresh_end_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<void*> slabs_;
};

}  // namespace weft::packet
