// Internal: the order in which ring channel c visits a group, rail by rail.
#pragma once

#include "fabric/collectives/layout.h"

namespace weft::collectives {

// A ring stays in a block (host or scale-up domain) until it has visited all its members, then crosses to the
// next. The hop between two blocks leaves from and enters at the same place, so it stays on one rail: the blocks of
// channel c are entered at place A = c and left from B = A + 1 and, in the next block, the other way round. Where the
// number of blocks is odd the last three go A-B, B-D, D-A; with two members a block that is impossible and
// one hop crosses rails. (NCCL alternates rings for the same reason: NCCL_CROSS_NIC, NCCL user guide.)
// Over the channels every place is entered and left equally often.
class RingOrder {
 public:
  // `channels` 0: one for each NIC that the members of the smallest block own, so that no NIC serves two rings.
  RingOrder(LayoutPtr layout, const Shape& shape, std::uint32_t channels)
      : layout_(std::move(layout)),
        nics_(nics_of(shape, layout_->smallest_block())),
        channels_(channels == 0 ? nics_ : channels) {}

  [[nodiscard]] const Layout& layout() const { return *layout_; }
  [[nodiscard]] std::uint32_t channels() const { return channels_; }

  // The layout position at step y of the ring, 0 <= y < group size.
  [[nodiscard]] std::uint32_t position(std::uint32_t group, std::uint32_t channel, std::uint32_t y) const {
    const Block block = layout_->block_at(group, y);
    return block.first + place(ends(group, channel, block), y - block.first, block.count);
  }
  // The inverse of position().
  [[nodiscard]] std::uint32_t step_of(std::uint32_t group, std::uint32_t channel, std::uint32_t position) const {
    const Block block = layout_->block_at(group, position);
    const Ends e = ends(group, channel, block);
    const std::uint32_t place = position - block.first;
    if (place == e.leave && block.count > 1) return block.first + block.count - 1;
    const std::uint32_t around = minus(place, e.enter, block.count);
    return block.first + (around < minus(e.leave, e.enter, block.count) ? around : around - (around > 0 ? 1 : 0));
  }
  [[nodiscard]] Rank rank(std::uint32_t group, std::uint32_t channel, std::uint32_t y) const {
    return layout_->rank_at(group, position(group, channel, y));
  }

 private:
  struct Ends {
    std::uint32_t enter, leave;
  };
  [[nodiscard]] Ends ends(std::uint32_t group, std::uint32_t channel, const Block& block) const {
    const std::uint32_t p = block.count;
    const auto a = static_cast<std::uint32_t>(std::uint64_t{channel % nics_} * p / nics_);
    const std::uint32_t blocks = layout_->blocks(group);
    const std::uint32_t b = (a + 1) % p, d = (a + 2) % p;
    if (blocks == 1) return {a, (a + p - 1) % p};
    Ends e = block.index % 2 == 0 ? Ends{a, b} : Ends{b, a};
    if (blocks % 2 == 1 && block.index + 2 == blocks) e = {b, d};
    if (blocks % 2 == 1 && block.index + 1 == blocks) e = {d, a};
    if (e.enter == e.leave) e.leave = (e.enter + 1) % p;
    return e;
  }
  // The k-th place visited: ascending from `enter`, with `leave` kept for the end.
  static std::uint32_t place(Ends e, std::uint32_t k, std::uint32_t p) {
    if (k + 1 == p) return e.leave;
    const std::uint32_t at = e.enter + k + (k < minus(e.leave, e.enter, p) ? 0 : 1);
    return at >= p ? at - p : at;
  }

  LayoutPtr layout_;
  std::uint32_t nics_, channels_;
};

using RingOrderPtr = std::shared_ptr<const RingOrder>;

}  // namespace weft::collectives
