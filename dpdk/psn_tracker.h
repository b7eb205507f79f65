// What a receiver can tell of one flow from its PSNs: lost, late, twice. No DPDK in it.
#pragma once

#include <array>
#include <cstdint>

namespace weft::dpdk {

// Of one flow, or summed over many.
struct PsnCounts {
  std::uint64_t packets = 0;
  std::uint64_t lost = 0;        // PSNs between the first and the last seen that never came
  std::uint64_t duplicates = 0;  // came again
  std::uint64_t reordered = 0;   // came after a later one (RFC 4737)
  std::uint32_t depth = 0;       // most PSNs by which one was late
  std::uint64_t too_late = 0;    // behind the window, while something was missing: late or twice, nobody knows
  std::uint64_t restarts = 0;    // jumps so far that the sender must have begun anew

  PsnCounts& operator+=(const PsnCounts& o);
  bool operator==(const PsnCounts&) const = default;
};

// PSNs of the window that came. Touched only while something is missing.
struct PsnWindow {
  static constexpr std::uint32_t kSize = 512;
  std::array<std::uint64_t, kSize / 64> bits{};
  std::uint64_t lost_before = 0;  // until the last restart
  std::uint64_t came_before = 0;  // likewise, each PSN once

  [[nodiscard]] bool has(std::uint64_t psn) const { return (bits[psn / 64 % bits.size()] >> (psn % 64) & 1) != 0; }
  void set(std::uint64_t psn) { bits[psn / 64 % bits.size()] |= std::uint64_t{1} << (psn % 64); }
  void clear(std::uint64_t psn) { bits[psn / 64 % bits.size()] &= ~(std::uint64_t{1} << (psn % 64)); }
};

// A packet in its place costs a comparison and two additions, on one cache line; all else goes by the window.
class PsnTracker {
 public:
  // Beyond this distance a PSN is a new beginning, not a gap.
  static constexpr std::int32_t kFarthest = 1 << 22;

  // Adds to `sum`, but for sum.packets. REQUIRES: psn < 2^24; the same window at every call.
  void take(std::uint32_t psn, PsnWindow& window, PsnCounts& sum) {
    if ((static_cast<std::uint32_t>(next_) & kMask) == psn && holes_ == 0 && next_ != 0) {
      ++next_;
      ++packets_;
      return;
    }
    take_slowly(psn, window, sum);
  }
  [[nodiscard]] PsnCounts counts(const PsnWindow& window) const;
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  static constexpr std::uint32_t kMask = 0xFFFFFF;
  void take_slowly(std::uint32_t psn, PsnWindow& window, PsnCounts& sum);
  void begin(std::uint32_t psn, PsnWindow& window, PsnCounts& sum);
  void jump_to(std::uint64_t psn, PsnWindow& window, PsnCounts& sum);
  void take_late(std::uint64_t psn, PsnWindow& window, PsnCounts& sum);
  // PSNs since the last restart that came, each once.
  [[nodiscard]] std::uint64_t unique(const PsnWindow& window) const {
    return packets_ - duplicates_ - too_late_ - window.came_before;
  }
  [[nodiscard]] std::uint64_t lost_now(const PsnWindow& window) const { return next_ - first_ - unique(window); }

  // PSNs are counted on from 2^32 + the first one's 24 bits, so that they do not wrap; 0: no packet yet.
  std::uint64_t next_ = 0, first_ = 0;
  std::uint64_t packets_ = 0;
  std::uint32_t holes_ = 0;  // missing within the window
  std::uint32_t duplicates_ = 0, reordered_ = 0, too_late_ = 0;
  std::uint16_t restarts_ = 0, depth_ = 0;
};
static_assert(sizeof(PsnTracker) <= 48);

}  // namespace weft::dpdk
