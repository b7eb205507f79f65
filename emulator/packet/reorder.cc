#include "emulator/packet/reorder.h"

#include <algorithm>
#include <bit>

namespace weft::packet {

bool Reorder::has(std::uint32_t psn) const {
  const std::uint32_t span = static_cast<std::uint32_t>(bits_.size()) * 64;
  if (psn - first_ >= span) return false;
  const std::uint32_t at = psn % span;
  return (bits_[at / 64] >> (at % 64) & 1U) != 0;
}

void Reorder::grow(std::uint32_t span) {
  const std::uint32_t old_span = static_cast<std::uint32_t>(bits_.size()) * 64;
  const std::uint32_t new_span = std::max(64U, std::bit_ceil(span + 1));
  std::vector<std::uint64_t> bits(new_span / 64, 0);
  for (std::uint32_t psn = first_; psn != first_ + old_span; ++psn) {
    if (has(psn)) bits[psn % new_span / 64] |= std::uint64_t{1} << (psn % 64);
  }
  bits_ = std::move(bits);
}

bool Reorder::receive(std::uint32_t psn, std::uint32_t& expected) {
  if (psn < expected) return false;
  if (psn == expected && bits_.empty()) {  // in order so far
    ++expected;
    ++received_;
    first_ = expected;
    return true;
  }
  if (psn - first_ >= bits_.size() * 64) grow(psn - first_);
  const std::uint32_t span = static_cast<std::uint32_t>(bits_.size()) * 64;
  std::uint64_t& word = bits_[psn % span / 64];
  const std::uint64_t bit = std::uint64_t{1} << (psn % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++received_;
  while (has(expected)) {
    bits_[expected % span / 64] &= ~(std::uint64_t{1} << (expected % 64));
    ++expected;
    first_ = expected;
  }
  return true;
}

std::uint64_t Reorder::sack(std::uint32_t expected) const {
  std::uint64_t bits = 0;
  if (bits_.empty()) return 0;
  for (std::uint32_t i = 0; i < 64; ++i) bits |= std::uint64_t{has(expected + 1 + i)} << i;
  return bits;
}

void Reorder::note_missing(const Frame& nak, std::uint32_t first_unacked) {
  if ((nak.flags & kTrimmed) != 0) {  // names one packet
    resend.push_back(nak.entropy);
    return;
  }
  if (nak.psn < first_unacked) return;
  const std::uint32_t top =
      nak.sack == 0 ? nak.psn + 1 : nak.psn + static_cast<std::uint32_t>(std::bit_width(nak.sack));
  for (std::uint32_t psn = std::max(nak.psn, resent_below_); psn < top; ++psn) {
    const bool there = psn > nak.psn && (nak.sack >> (psn - nak.psn - 1) & 1U) != 0;
    if (!there) resend.push_back(psn);
  }
  resent_below_ = std::max(resent_below_, top);
}

void Reorder::trim_to(std::uint32_t first_unacked) {
  std::erase_if(resend, [&](std::uint32_t psn) { return psn < first_unacked; });
}

}  // namespace weft::packet
