// One switch's equal-cost next hops towards a NIC port, and how it picks among them.
#pragma once

#include <cstdint>
#include <limits>

#include "topologies/hash.h"

namespace weft {

// Choices are links by index. Valid until the next set_cable of what made it.
struct NextHops {
  // What the choices lead to. kNic: the switch is the destination's leaf, the one choice is the host's down link.
  enum class Step : std::uint8_t { kNic, kLeafToSpine, kSpineToCore, kCoreToSpine, kSpineToLeaf, kGraph };

  std::uint32_t switch_id = 0;  // over all switches: leaves, spines, cores; what SwitchHash salts with
  std::uint32_t choices = 0;    // 0: no way
  std::uint32_t group = 0;      // choices [0, group) are the group as built, the others stand in for dead ones
  bool suspect = false;         // some choice may be dead
  Step step = Step::kNic;
  PortId to;

  [[nodiscard]] LinkId link(std::uint32_t choice) const {
    if (list != nullptr) return list[choice];
    if (width == 1) return LinkId{base + choice * outer};
    return LinkId{base + choice / width * outer + choice % width * 2};
  }

  // Of link(): runs of `width` cables in a row, `outer` link ids from run to run; or a list.
  std::uint32_t base = 0, width = 1, outer = 2;
  const LinkId* list = nullptr;
  // Of the maker: the leaf (over all planes) under kLeafToSpine, the core group under kSpineToCore and kCoreToSpine.
  std::uint32_t here = 0;
};

// What choosers return where no choice is alive. Not an optional: g++ 12 copies one through memory, written in halves
// and read whole, which costs more than the choice.
inline constexpr std::uint32_t kNoChoice = std::numeric_limits<std::uint32_t>::max();

// The index of the live choice that has `nth` live ones before it.
template <class Live>
[[gnu::always_inline]] inline std::uint32_t nth_live(std::uint32_t choices, std::uint32_t nth, Live live) {
  for (std::uint32_t c = 0; c < choices; ++c) {
    if (live(c) && nth-- == 0) return c;
  }
  return kNoChoice;
}

template <class Live>
[[gnu::always_inline]] inline std::uint32_t count_live(std::uint32_t choices, Live live) {
  std::uint32_t members = 0;
  for (std::uint32_t c = 0; c < choices; ++c) members += live(c) ? 1U : 0U;
  return members;
}

// Hash modulo the group. With `resilient`, the group keeps its size when members die: only the flows of a dead member
// pick again, among the live ones. Without, hash modulo the number of live members.
template <class Live>
[[gnu::always_inline]] inline std::uint32_t choose_ecmp(const NextHops& hops, const SwitchHash& hash, bool resilient,
                                                        std::uint64_t digest, Live live) {
  if (hops.choices == 1 && !hops.suspect) return 0;
  if (hops.choices == 0) return kNoChoice;
  const std::uint32_t h = hash(digest, hops.switch_id);
  if (!hops.suspect) return h % hops.group;
  if (resilient && hops.group > 0) {
    const std::uint32_t first = h % hops.group;
    if (live(first)) return first;
  }
  const std::uint32_t members = count_live(hops.choices, live);
  if (members == 0) return kNoChoice;
  // A resilient table refills the dead member's buckets from the live ones, independently of the first choice.
  const std::uint32_t again = resilient ? hash(mix64(digest), hops.switch_id) : h;
  return nth_live(hops.choices, again % members, live);
}

// The choice at `digit`; a dead one moves to the next live one, cyclically.
template <class Live>
[[gnu::always_inline]] inline std::uint32_t choose_digit(const NextHops& hops, std::uint32_t digit, Live live) {
  if (hops.choices == 0) return kNoChoice;
  std::uint32_t c = digit % hops.choices;
  if (!hops.suspect) return c;
  for (std::uint32_t i = 0; i < hops.choices; ++i, c = c + 1 == hops.choices ? 0 : c + 1) {
    if (live(c)) return c;
  }
  return kNoChoice;
}

// The live choice with the least load(c); ties go to the first at or after the hash.
template <class Live, class Load>
[[gnu::always_inline]] inline std::uint32_t choose_least_loaded(const NextHops& hops, const SwitchHash& hash,
                                                                std::uint64_t digest, Live live, Load load) {
  if (hops.choices == 0) return kNoChoice;
  std::uint32_t c = hash(digest, hops.switch_id) % hops.choices;
  std::uint32_t best = kNoChoice, least = 0;
  for (std::uint32_t i = 0; i < hops.choices; ++i, c = c + 1 == hops.choices ? 0 : c + 1) {
    const std::uint32_t of_this = load(c);
    if ((best != kNoChoice && of_this >= least) || (hops.suspect && !live(c))) continue;
    best = c;
    least = of_this;
    if (of_this == 0) break;
  }
  return best;
}

}  // namespace weft
