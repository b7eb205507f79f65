// Retransmit timers that nearly never run out: all last equally long, and each ACK puts its QP's off.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "emulator/packet/arena.h"
#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

// QPs by the slice of time in which their timer may run out, as chains through Qp::next_timer: four bytes a QP and no
// event of its own. When a slice begins, its QPs are looked at, and those that were put off meanwhile move on to a
// later slice; only for the others is the exact moment an event. So a busy QP is looked at once in a timeout.
class RetransmitTimers {
 public:
  // REQUIRES: timeout > 0.
  explicit RetransmitTimers(Ps timeout)
      : timeout_(timeout), width_(timeout / (kSlices / 2) + 1), heads_(kSlices, kNone) {}

  [[nodiscard]] Ps timeout() const { return timeout_; }
  [[nodiscard]] Ps slice_start(Ps at) const { return at / width_ * width_; }
  // The chain of the slice of `at`. REQUIRES: at is at most a timeout ahead.
  [[nodiscard]] std::uint32_t& head(Ps at) { return heads_[static_cast<std::size_t>(at / width_) % kSlices]; }

 private:
  static constexpr std::uint32_t kSlices = 1024;  // twice what a timeout spans

  Ps timeout_, width_;
  std::vector<std::uint32_t> heads_;
};

}  // namespace weft::packet
