// The ICRC of frames that differ in a few aligned words, for senders that fill a burst of frames.
//
// IcrcPatch takes one field at a time; here all words of a frame are multiplied and summed before one reduction, and
// the sender needs no "before": it starts from the ICRC that the frame has with these words zero.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "fabric/wire/icrc.h"

namespace weft::wire {

class IcrcWords {
 public:
  static constexpr std::size_t kMaxWords = 8;
  // What stands at the words' places: the four bytes of each as one little-endian number.
  using Words = std::array<std::uint32_t, kMaxWords>;

  // Words of four bytes of frames of this layout, at these offsets. REQUIRES: at most kMaxWords, all within
  // [layout.ip, layout.icrc), and all bits covered by the ICRC.
  IcrcWords(const FrameLayout& layout, std::span<const std::uint32_t> offsets);

  // icrcs[i]: in, the ICRC of frame i with these words zero; out, with words[i]. Words beyond the offsets are ignored.
  // REQUIRES: words.size() == icrcs.size().
  void apply(std::span<const Words> words, std::span<std::uint32_t> icrcs) const;
  // The same by table lookups only; apply() falls back to it.
  void apply_by_tables(std::span<const Words> words, std::span<std::uint32_t> icrcs) const;

 private:
  bool carryless_;
  std::size_t count_;
  std::array<std::uint32_t, kMaxWords> factors_{};  // powers of x that carry each word to the ICRC
};

}  // namespace weft::wire
