// The ICRC of a frame whose template's ICRC is known, in a few ns whatever the payload.
//
// CRC is linear: frames of one length that differ in a field have ICRCs that differ by a term, which depends on the
// xor of the two values and on the field's distance from the ICRC only. Terms of several fields are xored.
//
//   const IcrcPatch psn(layout, *find_field(layout, Field::kPsn));
//   store_icrc(frame, layout, template_icrc ^ psn.delta(template_psn ^ new_psn));
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "fabric/wire/icrc.h"

namespace weft::wire {

class IcrcPatch {
 public:
  static constexpr std::size_t kMaxField = 8;  // bytes; longer fields are several patches

  // A field of frames of this layout, masked bits included: changing these costs nothing (delta 0).
  // REQUIRES: 1 <= place.size <= kMaxField.
  IcrcPatch(const FrameLayout& layout, FieldPlace place);

  // What to xor to the template's ICRC. `changed` is the template's value xor the new one, both as the field reads in
  // network order; bits above the field are ignored. Table lookups, one a byte.
  [[nodiscard]] std::uint32_t delta(std::uint64_t changed) const {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size_; ++i) sum ^= tables_[i][changed >> (8 * i) & 0xFF];
    return sum;
  }

  // Xors delta(changed[i]) to icrcs[i] for a burst of frames, by carry-less multiplication where the machine has it.
  // REQUIRES: changed.size() == icrcs.size().
  void apply(std::span<const std::uint64_t> changed, std::span<std::uint32_t> icrcs) const;
  // The same by table lookups only; apply() falls back to it.
  void apply_by_tables(std::span<const std::uint64_t> changed, std::span<std::uint32_t> icrcs) const;

 private:
  std::size_t size_;
  bool carryless_;
  std::uint64_t covered_ = 0;           // bits of the field that the ICRC covers
  std::uint32_t first_ = 0, last_ = 0;  // powers of x that carry the first and last four bytes to the ICRC
  // tables_[i][b]: the term of value b in the i-th byte from the field's end.
  std::array<std::array<std::uint32_t, 256>, kMaxField> tables_{};
};

}  // namespace weft::wire
