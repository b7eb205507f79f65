// The transfers of one stage while it runs: the edges of its pattern, which of them enter and leave each rank, and how
// far each has come. About 90 bytes an edge.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "emulator/packet/arena.h"
#include "emulator/packet/collective_plan.h"
#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

// One edge. Its units are the messages (step s, slice k), numbered slices * s + k.
struct Transfer {
  Rank source, destination;
  std::uint32_t lane = 0;
  std::uint16_t lanes = 1;
  bool network = false, done = false;
  std::uint32_t channel = 0;
  std::uint32_t window = 0;                // messages that a QP may have under way; 0: any number
  std::uint32_t first_slot = kNone;        // of its QPs; kNone until its first message is posted
  std::uint32_t allowed = 0;               // units that may go
  std::uint32_t posted = 0, received = 0;  // units: posted at the source, in memory at the destination
  std::uint32_t slices_received = 0;       // units received of the last step
  std::uint64_t bytes = 0;                 // of one step
  Ps first_post = 0;
  Ps started = 0;  // when the oldest message under way was posted or became the oldest

  [[nodiscard]] bool shares_lane(const Transfer& other) const {
    return lane < other.lane + other.lanes && other.lane < lane + lanes;
  }
};

// Steps of a ring that is cut into slices: of the units that may go, the lowest slice first, so that whole slices come
// out one after the other and later stages can take them up.
class UnitOrder {
 public:
  // `key` grows with the slice and, within it, with the step.
  void allow(std::uint64_t key) {
    ready_.push_back(key);
    std::push_heap(ready_.begin(), ready_.end(), std::greater<>{});
  }
  // REQUIRES: a unit that may go and has not.
  std::uint64_t post() {
    std::pop_heap(ready_.begin(), ready_.end(), std::greater<>{});
    posted_.push_back(ready_.back());
    ready_.pop_back();
    return posted_.back();
  }
  // The unit that was the `place`-th to be posted. REQUIRES: not forgotten.
  [[nodiscard]] std::uint64_t at(std::uint32_t place) const { return posted_[place - first_]; }
  void forget_before(std::uint32_t place) {
    if (place - first_ < 64 || 2 * (place - first_) < posted_.size()) return;
    posted_.erase(posted_.begin(), posted_.begin() + (place - first_));
    first_ = place;
  }

 private:
  std::vector<std::uint64_t> ready_, posted_;
  std::uint32_t first_ = 0;
};

// In-network reduction: what comes down for a slice waits until every rank of the domain has sent it up.
struct DomainGate {
  std::uint32_t members = 0, open = 0;
  std::vector<std::uint32_t> arrived;  // by slice
  std::vector<std::uint32_t> down;     // transfers of the stage that comes down
};

class StageTransfers {
 public:
  // Streams the stage's edges.
  StageTransfers(const Stage& stage, std::uint32_t block, std::uint32_t ranks);

  [[nodiscard]] const Stage& stage() const { return *stage_; }
  [[nodiscard]] std::uint32_t block() const { return block_; }
  [[nodiscard]] std::span<const std::uint32_t> in(Rank rank) const { return list(in_, in_first_, rank); }
  [[nodiscard]] std::span<const std::uint32_t> out(Rank rank) const { return list(out_, out_first_, rank); }
  [[nodiscard]] std::vector<Transfer>& transfers() { return transfers_; }
  [[nodiscard]] Transfer& operator[](std::uint32_t index) { return transfers_[index]; }

  // True where units go out of order: by slices and not by steps.
  [[nodiscard]] bool reorders() const { return !orders_.empty(); }
  // One more unit may go: `unit`. Without reordering the one behind all that may go already.
  void allow(std::uint32_t index, std::uint32_t unit) {
    if (reorders()) orders_[index].allow(std::uint64_t{unit % stage_->slices} * stage_->steps + unit / stage_->slices);
    ++transfers_[index].allowed;
  }
  // The next unit to go. REQUIRES: posted < allowed.
  [[nodiscard]] std::uint32_t post(std::uint32_t index) {
    const std::uint32_t place = transfers_[index].posted++;
    return reorders() ? unit_of(orders_[index].post()) : place;
  }
  // The unit that was the `place`-th to go, of those not received yet.
  [[nodiscard]] std::uint32_t unit_at(std::uint32_t index, std::uint32_t place) const {
    return reorders() ? unit_of(orders_[index].at(place)) : place;
  }
  void forget_before(std::uint32_t index, std::uint32_t place) {
    if (reorders()) orders_[index].forget_before(place);
  }
  // Slices that are complete at a rank: received by every transfer into it.
  [[nodiscard]] std::uint32_t slices_complete(Rank rank) const;
  // kTree: slices that the source of the transfer has of all transfers into it that share a lane.
  [[nodiscard]] std::uint32_t slices_to_pass_on(const Transfer& transfer) const;

  // Overlap groups only, by rank: slices that all stages before this one have completed there.
  std::vector<std::uint32_t> gate;
  // Of a stage that comes down from the domain's switch, filled by the stage that went up before.
  std::unordered_map<std::uint64_t, DomainGate> domains;

 private:
  [[nodiscard]] std::uint32_t unit_of(std::uint64_t key) const {
    return static_cast<std::uint32_t>(key % stage_->steps * stage_->slices + key / stage_->steps);
  }
  [[nodiscard]] static std::span<const std::uint32_t> list(const std::vector<std::uint32_t>& all,
                                                           const std::vector<std::uint32_t>& first, Rank rank) {
    return {all.data() + first[rank.value], first[rank.value + 1] - first[rank.value]};
  }

  const Stage* stage_;
  std::uint32_t block_;
  std::vector<Transfer> transfers_;
  std::vector<UnitOrder> orders_;  // where steps and slices are both more than one
  std::vector<std::uint32_t> in_, in_first_, out_, out_first_;
};

}  // namespace weft::packet
