#include "fabric/wire/icrc_patch.h"

namespace weft::wire {
namespace {

// The register after `bytes` zero bytes.
std::uint32_t carried(std::uint32_t state, std::size_t bytes) {
  for (; bytes > 0; --bytes) state = crc_detail::append_zero_byte(state);
  return state;
}

// Terms of all values of a byte that `distance` bytes follow before the ICRC.
std::array<std::uint32_t, 256> byte_terms(std::size_t distance) {
  std::array<std::uint32_t, 256> terms{};
  for (std::size_t bit = 1; bit < 256; bit *= 2) {
    terms[bit] = carried(crc_detail::kTables[0][bit], distance);
    for (std::size_t lower = 1; lower < bit; ++lower) terms[bit + lower] = terms[bit] ^ terms[lower];
  }
  return terms;
}

}  // namespace

IcrcPatch::IcrcPatch(const FrameLayout& layout, FieldPlace place)
    : size_(place.size), carryless_(has_engine(CrcEngine::kCarryless)) {
  WEFT_CHECK(place.size >= 1 && place.size <= kMaxField);
  const std::size_t end = std::size_t{place.offset} + place.size;
  // A field that reaches behind the ICRC is not covered there; its distance then only has to be some number.
  const std::size_t distance = layout.icrc >= end ? layout.icrc - end : 0;
  constexpr std::uint32_t kX31 = 1;
  last_ = carried(kX31, distance);
  first_ = carried(last_, 4);
  auto terms = byte_terms(distance);
  for (std::size_t i = 0; i < size_; ++i) {
    const auto covered = static_cast<std::uint8_t>(~icrc_uncovered_bits(layout, end - 1 - i));
    covered_ |= std::uint64_t{covered} << (8 * i);
    for (std::size_t value = 0; value < 256; ++value) tables_[i][value] = terms[value & covered];
    for (std::uint32_t& term : terms) term = crc_detail::append_zero_byte(term);
  }
}

void IcrcPatch::apply(std::span<const std::uint64_t> changed, std::span<std::uint32_t> icrcs) const {
  WEFT_DCHECK(changed.size() == icrcs.size());
  if (carryless_)
    crc_detail::carryless_patch(changed, icrcs, covered_, first_, last_);
  else
    apply_by_tables(changed, icrcs);
}

void IcrcPatch::apply_by_tables(std::span<const std::uint64_t> changed, std::span<std::uint32_t> icrcs) const {
  WEFT_DCHECK(changed.size() == icrcs.size());
  for (std::size_t i = 0; i < changed.size(); ++i) icrcs[i] ^= delta(changed[i]);
}

}  // namespace weft::wire
