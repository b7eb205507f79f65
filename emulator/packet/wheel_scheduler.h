// The event queue of a packet-level fabric simulation: a hierarchical timing wheel that adapts by itself.
#pragma once

#include <ns3/scheduler.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "emulator/packet/event_chunks.h"
#include "emulator/packet/read_ahead.h"

namespace weft::packet {

/// Events in strict (timestamp, uid) order, as every ns3::Scheduler gives them; made for thousands to millions pending,
/// most of them microseconds ahead and some (retransmission timers) seconds ahead.
///
/// A timestamp is read as digits of kBits bits. Level l has a bucket for each value of digit l, and holds the events
/// whose highest digit that differs from `cursor_` is digit l: they come after everything on lower levels. When the
/// lowest level is empty, the first bucket of the next one is scattered over the level below, or, when it holds few
/// events, sorted and drained from an array. So a bucket is as wide as the density of events around it asks for; there
/// is no width to tune and no rebuild, and far timers cost one move a level. It is a radix sort, done only as far as
/// time has come. Buckets are chains of chunks that are written and read in sequence: cache misses are few even with
/// millions pending.
///
/// Uids are unique among the events pending, as ns-3 gives them; an order of insertion is not asked of them.
///
/// Insert and RemoveNext take amortised constant time (one move a level, at most kLevels); PeekNext too, but the first
/// one after the array has run empty reads a bucket through. Remove takes the time to search one bucket.
class WheelScheduler : public ns3::Scheduler {
 public:
  static ns3::TypeId GetTypeId();

  WheelScheduler();
  ~WheelScheduler() override;

  void Insert(const Event& ev) override;
  bool IsEmpty() const override;
  /// REQUIRES: not empty, as in RemoveNext. Does not move the cursor: an event may still come before the one seen.
  Event PeekNext() const override;
  Event RemoveNext() override;
  /// The next event has this timestamp. Costs no look beyond the open bucket. REQUIRES: the event removed last had it.
  bool IsNextAt(std::uint64_t ts) const {
    if (!late_.empty() && late_.front().key.m_ts == ts) return true;
    return head_ != open_.size() && open_[head_].key.m_ts == ts;
  }
  /// REQUIRES: an event with this timestamp and uid is pending.
  void Remove(const Event& ev) override;

  /// Memory that the queue holds, of events pending and of the fullest moment so far. [bytes]
  std::size_t GetBytes() const;

 private:
  static constexpr unsigned kBits = 6;  // a level's occupancy is one word
  static constexpr unsigned kRadix = 1U << kBits;
  static constexpr unsigned kLevels = (64 + kBits - 1) / kBits;

  struct Bucket {
    unsigned level;
    unsigned digit;
    std::size_t index() const { return std::size_t{level} * kRadix + digit; }
  };
  struct Chain {
    EventChunk* first;
    Event* end;  // one past the last event, in the last chunk
  };

  Bucket bucket_of(std::uint64_t ts) const;
  Bucket first_bucket() const;
  void append(Bucket bucket, const Event& ev);
  Event* grow(Bucket bucket);
  Chain detach(Bucket bucket);
  static bool has_at_most(unsigned chunks, Chain chain);
  template <typename Visit>
  static void for_each(Chain chain, const Visit& visit);
  template <typename Visit>
  void consume(Chain chain, const Visit& visit);

  void open_next();
  void open_at(Bucket bucket, Chain chain);
  void rank_open(Chain chain);
  void insert_open(const Event& ev);
  void sort_by_digit(unsigned level);
  static void sort(Event* begin, Event* end);
  void refine();
  void read_ahead(const Event& ev, ReadAheadEvent::Distance distance);
  void look_ahead();
  void look_at_first();
  bool late_is_next() const;
  Event pop_late();
  const Event& earliest_closed() const;
  bool remove_open(const Event& ev);
  bool remove_closed(const Event& ev);

  // The open bucket: everything up to open_last_, inclusive. Sorted in open_ from head_ on; what would shift too many
  // there waits in late_, a heap.
  std::vector<Event> open_;
  std::size_t head_ = 0;
  std::uint64_t cursor_ = 0;  // start of the open bucket
  std::uint64_t open_last_ = 0;
  unsigned open_level_ = 0;
  std::vector<Event> late_;
  std::vector<Event> scratch_;
  ReadAheadTypes types_;

  std::size_t size_ = 0;
  mutable bool seen_valid_ = false;
  mutable Event seen_{};  // what PeekNext found in a closed bucket

  unsigned levels_used_ = 0;                       // bit l: level l holds events
  std::array<std::uint64_t, kLevels> occupied_{};  // bit d of level l: its bucket d holds events
  std::array<Event*, std::size_t{kLevels} * kRadix> next_slot_{};
  std::array<EventChunk*, std::size_t{kLevels} * kRadix> first_chunk_{};
  EventChunkPool pool_;
};

}  // namespace weft::packet
