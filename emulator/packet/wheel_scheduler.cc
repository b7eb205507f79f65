#include "emulator/packet/wheel_scheduler.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weft::packet {

NS_OBJECT_ENSURE_REGISTERED(WheelScheduler);

namespace {

using Event = ns3::Scheduler::Event;

// A bucket of at most so many chunks is sorted rather than scattered over the level below.
constexpr unsigned kRankedChunks = 2;
// So is one of more events, where it is narrow: sorting costs more, but many events in order can be read ahead.
constexpr unsigned kSortedChunks = 24, kSortedLevel = 2;
// An event that comes into the open bucket may move so many others up; else it goes to the heap.
constexpr std::size_t kMaxShift = 16;
// A heap larger than this says that the open bucket is too wide for what happens now.
constexpr std::size_t kMaxLate = 32;
// The open array gives its memory back when it is drained and larger than this.
constexpr std::size_t kKeptOpen = std::size_t{1} << 16;

// So many events before an event's turn: see read_ahead.h.
constexpr std::size_t kFetched = 6, kFar = 4, kNear = 2;
// With fewer pending, what they touch is in the cache anyway.
constexpr std::size_t kCrowd = 2048;

void fetch(const Event& ev) {
  const auto* object = reinterpret_cast<const std::byte*>(ev.impl);
  for (std::size_t line = 0; line < 3; ++line) __builtin_prefetch(object + 64 * line, 1);
}
unsigned __int128 order(const Event& ev) { return static_cast<unsigned __int128>(ev.key.m_ts) << 32 | ev.key.m_uid; }
bool earlier(const Event& a, const Event& b) { return order(a) < order(b); }
bool later(const Event& a, const Event& b) { return order(b) < order(a); }

}  // namespace

ns3::TypeId WheelScheduler::GetTypeId() {
  static ns3::TypeId tid = ns3::TypeId("weft::packet::WheelScheduler")
                               .SetParent<ns3::Scheduler>()
                               .SetGroupName("Core")
                               .AddConstructor<WheelScheduler>();
  return tid;
}

WheelScheduler::WheelScheduler() = default;
WheelScheduler::~WheelScheduler() = default;

bool WheelScheduler::IsEmpty() const { return size_ == 0; }

std::size_t WheelScheduler::GetBytes() const {
  return sizeof(*this) + pool_.bytes() + (open_.capacity() + late_.capacity() + scratch_.capacity()) * sizeof(Event);
}

// REQUIRES: ts > open_last_, hence it differs from cursor_ at open_level_ or above.
inline WheelScheduler::Bucket WheelScheduler::bucket_of(std::uint64_t ts) const {
  const unsigned level = (63U - static_cast<unsigned>(std::countl_zero(ts ^ cursor_))) / kBits;
  return {level, static_cast<unsigned>(ts >> (level * kBits)) % kRadix};
}

// REQUIRES: a bucket holds events. Every bucket on a lower level, and on one level every lower digit, comes earlier.
inline WheelScheduler::Bucket WheelScheduler::first_bucket() const {
  const auto level = static_cast<unsigned>(std::countr_zero(levels_used_));
  return {level, static_cast<unsigned>(std::countr_zero(occupied_[level]))};
}

inline void WheelScheduler::append(Bucket bucket, const Event& ev) {
  Event* slot = next_slot_[bucket.index()];
  if (EventChunk::is_full(slot)) [[unlikely]] {
    slot = grow(bucket);
  }
  *slot = ev;
  next_slot_[bucket.index()] = slot + 1;
}

Event* WheelScheduler::grow(Bucket bucket) {
  EventChunk* chunk = pool_.take();
  Event* slot = next_slot_[bucket.index()];
  if (slot == nullptr) {
    first_chunk_[bucket.index()] = chunk;
    occupied_[bucket.level] |= std::uint64_t{1} << bucket.digit;
    levels_used_ |= 1U << bucket.level;
  } else {
    reinterpret_cast<EventChunk*>(reinterpret_cast<std::byte*>(slot) - EventChunk::kBytes)->next = chunk;
  }
  return chunk->begin();
}

WheelScheduler::Chain WheelScheduler::detach(Bucket bucket) {
  occupied_[bucket.level] &= ~(std::uint64_t{1} << bucket.digit);
  if (occupied_[bucket.level] == 0) levels_used_ &= ~(1U << bucket.level);
  return {std::exchange(first_chunk_[bucket.index()], nullptr), std::exchange(next_slot_[bucket.index()], nullptr)};
}

bool WheelScheduler::has_at_most(unsigned chunks, Chain chain) {
  const EventChunk* chunk = chain.first;
  for (unsigned i = 1; i < chunks && chunk != nullptr; ++i) chunk = chunk->next;
  return chunk == nullptr || chunk->next == nullptr;
}

template <typename Visit>
void WheelScheduler::for_each(Chain chain, const Visit& visit) {
  for (EventChunk* chunk = chain.first; chunk != nullptr; chunk = chunk->next) {
    const Event* end = chunk->next == nullptr ? chain.end : chunk->end();
    for (const Event* ev = chunk->begin(); ev != end; ++ev) visit(*ev);
  }
}

// Each chunk goes back to the pool once it is read: what the visitor writes goes into memory that is in the cache.
template <typename Visit>
void WheelScheduler::consume(Chain chain, const Visit& visit) {
  for (EventChunk* chunk = chain.first; chunk != nullptr;) {
    EventChunk* next = chunk->next;
    __builtin_prefetch(next);
    const Event* end = next == nullptr ? chain.end : chunk->end();
    for (const Event* ev = chunk->begin(); ev != end; ++ev) visit(*ev);
    pool_.give(chunk);
    chunk = next;
  }
}

void WheelScheduler::Insert(const Event& ev) {
  ++size_;
  if (ev.key.m_ts <= open_last_) {
    insert_open(ev);
    return;
  }
  if (seen_valid_ && earlier(ev, seen_)) seen_ = ev;
  append(bucket_of(ev.key.m_ts), ev);
}

// Mostly at the end: what an event schedules for now or soon comes after what is there. An array that the cursor has
// half used is moved down rather than grown, so a bucket that is refilled while it drains stays small.
void WheelScheduler::insert_open(const Event& ev) {
  const std::size_t pending = open_.size() - head_;
  if (pending > kMaxShift && earlier(ev, open_[open_.size() - 1 - kMaxShift])) {
    late_.push_back(ev);
    std::push_heap(late_.begin(), late_.end(), later);
    if (late_.size() > kMaxLate && open_level_ > 0) refine();
    return;
  }
  if (open_.size() == open_.capacity() && head_ > pending) {
    open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  open_.push_back(ev);
  std::size_t at = open_.size() - 1;
  for (; at > head_ && earlier(ev, open_[at - 1]); --at) open_[at] = open_[at - 1];
  open_[at] = ev;
}

// The open bucket was opened wide, when little was pending, and much has come into it since. Narrows it to the level
// below; what no longer fits goes to the wheel. Happens at most kLevels times to a bucket.
void WheelScheduler::refine() {
  scratch_.assign(open_.begin() + static_cast<std::ptrdiff_t>(head_), open_.end());
  scratch_.insert(scratch_.end(), late_.begin(), late_.end());
  const std::uint64_t earliest = std::min_element(scratch_.begin(), scratch_.end(), earlier)->key.m_ts;
  const std::uint64_t width = std::uint64_t{1} << (--open_level_ * kBits);
  cursor_ = std::max(cursor_, earliest) & ~(width - 1);
  open_last_ = cursor_ | (width - 1);
  seen_valid_ = false;
  open_.clear();
  late_.clear();
  head_ = 0;
  for (const Event& ev : scratch_) {
    if (ev.key.m_ts <= open_last_) {
      open_.push_back(ev);
    } else {
      append(bucket_of(ev.key.m_ts), ev);
    }
  }
  sort(open_.data(), open_.data() + open_.size());
}

inline bool WheelScheduler::late_is_next() const {
  return !late_.empty() && (head_ == open_.size() || earlier(late_.front(), open_[head_]));
}

Event WheelScheduler::pop_late() {
  std::pop_heap(late_.begin(), late_.end(), later);
  const Event ev = late_.back();
  late_.pop_back();
  return ev;
}

Event WheelScheduler::RemoveNext() {
  --size_;
  if (late_is_next()) [[unlikely]] {
    return pop_late();
  }
  if (head_ == open_.size()) {
    open_next();
    if (size_ > kCrowd) look_at_first();
  }
  if (size_ > kCrowd) look_ahead();
  return open_[head_++];
}

inline void WheelScheduler::read_ahead(const Event& ev, ReadAheadEvent::Distance distance) {
  if (const ReadAheadEvent* event = types_.cast(ev.impl)) event->read_ahead(distance);
}

inline void WheelScheduler::look_ahead() {
  const std::size_t left = open_.size() - head_;
  if (left > kNear) read_ahead(open_[head_ + kNear], ReadAheadEvent::Distance::kNear);
  if (left > kFar) read_ahead(open_[head_ + kFar], ReadAheadEvent::Distance::kFar);
  if (left > kFetched) fetch(open_[head_ + kFetched]);
}

// What look_ahead() will not see in time.
void WheelScheduler::look_at_first() {
  const std::size_t count = open_.size();
  for (std::size_t i = 0; i < std::min(count, kFetched + 1); ++i) fetch(open_[i]);
  for (std::size_t i = 0; i < std::min(count, kFar + 1); ++i) read_ahead(open_[i], ReadAheadEvent::Distance::kFar);
  for (std::size_t i = 0; i < std::min(count, kNear + 1); ++i) read_ahead(open_[i], ReadAheadEvent::Distance::kNear);
}

// REQUIRES: nothing is open, a closed bucket holds events.
void WheelScheduler::open_next() {
  seen_valid_ = false;
  for (;;) {
    const Bucket bucket = first_bucket();
    const Chain chain = detach(bucket);
    const unsigned shift = bucket.level * kBits;
    const std::uint64_t above = bucket.level + 1 == kLevels ? 0 : ~std::uint64_t{0} << (shift + kBits) % 64;
    cursor_ = (cursor_ & above) | std::uint64_t{bucket.digit} << shift;
    const bool narrow = bucket.level <= kSortedLevel;
    if (bucket.level == 0 || has_at_most(narrow ? kSortedChunks : kRankedChunks, chain)) {
      open_at(bucket, chain);
      return;
    }
    const unsigned below = bucket.level - 1;
    consume(chain, [&](const Event& ev) {
      append({below, static_cast<unsigned>(ev.key.m_ts >> (below * kBits)) % kRadix}, ev);
    });
  }
}

void WheelScheduler::open_at(Bucket bucket, Chain chain) {
  if (open_.capacity() > kKeptOpen) open_ = {};
  head_ = 0;
  open_level_ = bucket.level;
  open_last_ = cursor_ | ((std::uint64_t{1} << (bucket.level * kBits)) - 1);
  if (has_at_most(kRankedChunks, chain) && bucket.level * kBits <= 32) {
    rank_open(chain);
    return;
  }
  open_.clear();
  consume(chain, [&](const Event& ev) { open_.push_back(ev); });
  if (bucket.level > 0)
    sort_by_digit(bucket.level);
  else
    sort(open_.data(), open_.data() + open_.size());
}

// Each event goes to the place that the number of earlier ones gives it: no branch to mispredict, which for so few is
// what a sort costs. REQUIRES: at most kRankedChunks, from a bucket so narrow that 32 bits tell its timestamps apart.
void WheelScheduler::rank_open(Chain chain) {
  std::array<std::uint64_t, kRankedChunks * EventChunk::kEvents> keys;
  std::size_t count = 0;
  for_each(chain, [&](const Event& ev) { keys[count++] = ev.key.m_ts << 32 | ev.key.m_uid; });
  open_.resize(count);
  const std::uint64_t* key = keys.data();
  consume(chain, [&](const Event& ev) {
    std::size_t earlier_ones = 0;
    for (std::size_t i = 0; i < count; ++i) earlier_ones += keys[i] < *key;
    open_[earlier_ones] = ev;
    ++key;
  });
}

// By the digit of the level below first: what is left to sort are neighbours.
void WheelScheduler::sort_by_digit(unsigned level) {
  const unsigned shift = (level - 1) * kBits;
  const auto digit = [&](const Event& ev) { return static_cast<unsigned>(ev.key.m_ts >> shift) % kRadix; };
  std::array<std::uint32_t, kRadix + 1> end{};
  for (const Event& ev : open_) ++end[digit(ev) + 1];
  for (unsigned d = 0; d < kRadix; ++d) end[d + 1] += end[d];
  scratch_.resize(open_.size());
  for (const Event& ev : open_) scratch_[end[digit(ev)]++] = ev;
  open_.swap(scratch_);
  std::uint32_t begin = 0;
  for (unsigned d = 0; d < kRadix; begin = end[d++]) sort(open_.data() + begin, open_.data() + end[d]);
}

// Events of one timestamp come in uid order as a rule, so the insertion sort reads them once; many in another order are
// left to std::sort.
void WheelScheduler::sort(Event* begin, Event* end) {
  constexpr std::ptrdiff_t kSmall = 32;
  if (end - begin < 2) return;
  if (end - begin > kSmall) {
    if (!std::is_sorted(begin, end, earlier)) std::sort(begin, end, earlier);
    return;
  }
  for (Event* next = begin + 1; next < end; ++next) {
    const Event ev = *next;
    Event* at = next;
    for (; at > begin && earlier(ev, at[-1]); --at) *at = at[-1];
    *at = ev;
  }
}

Event WheelScheduler::PeekNext() const {
  if (late_is_next()) return late_.front();
  return head_ == open_.size() ? earliest_closed() : open_[head_];
}

// Reads the first bucket and leaves it closed: with distributed simulation, events before it may still arrive, and they
// would all have to go through the open bucket's heap.
const Event& WheelScheduler::earliest_closed() const {
  if (seen_valid_) return seen_;
  const std::size_t bucket = first_bucket().index();
  seen_ = *first_chunk_[bucket]->begin();
  for_each({first_chunk_[bucket], next_slot_[bucket]}, [&](const Event& ev) {
    if (earlier(ev, seen_)) seen_ = ev;
  });
  seen_valid_ = true;
  return seen_;
}

void WheelScheduler::Remove(const Event& ev) {
  if (ev.key.m_ts <= open_last_ ? remove_open(ev) : remove_closed(ev)) --size_;
}

bool WheelScheduler::remove_open(const Event& ev) {
  const auto head = open_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto at = std::lower_bound(head, open_.end(), ev, earlier);
  if (at != open_.end() && at->key == ev.key) {
    open_.erase(at);
    return true;
  }
  const auto late = std::find(late_.begin(), late_.end(), ev);
  if (late == late_.end()) return false;
  *late = late_.back();
  late_.pop_back();
  std::make_heap(late_.begin(), late_.end(), later);
  return true;
}

// The chain's last event takes the place of the removed one.
bool WheelScheduler::remove_closed(const Event& ev) {
  const Bucket bucket = bucket_of(ev.key.m_ts);
  Event* found = nullptr;
  EventChunk* before_last = nullptr;
  Event*& chain_end = next_slot_[bucket.index()];
  EventChunk* last = first_chunk_[bucket.index()];
  for (EventChunk* chunk = last; chunk != nullptr; chunk = chunk->next) {
    Event* end = chunk->next == nullptr ? chain_end : chunk->end();
    Event* at = std::find(chunk->begin(), end, ev);
    if (at != end) found = at;
    if (chunk->next != nullptr) before_last = chunk;
    last = chunk;
  }
  if (found == nullptr) return false;
  seen_valid_ = false;
  *found = *--chain_end;
  if (chain_end != last->begin()) return true;
  if (before_last == nullptr) {
    detach(bucket);
  } else {
    before_last->next = nullptr;
    chain_end = before_last->end();
  }
  pool_.give(last);
  return true;
}

}  // namespace weft::packet
