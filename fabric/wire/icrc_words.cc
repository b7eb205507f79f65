#include "fabric/wire/icrc_words.h"

namespace weft::wire {
namespace {

// Product of a register and a power of x, shift and add.
std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {  // from x^0 up
    if ((a >> bit & 1) != 0) product ^= b;
    b = crc_detail::step_bit(b);
  }
  return product;
}

}  // namespace

IcrcWords::IcrcWords(const FrameLayout& layout, std::span<const std::uint32_t> offsets)
    : carryless_(has_engine(CrcEngine::kCarryless)), count_(offsets.size()) {
  WEFT_CHECK(offsets.size() <= kMaxWords);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    WEFT_CHECK(offsets[i] >= layout.ip && offsets[i] + 4 <= layout.icrc);
    for (std::uint32_t byte = 0; byte < 4; ++byte) WEFT_CHECK(icrc_uncovered_bits(layout, offsets[i] + byte) == 0);
    std::uint32_t power = 1;  // x^31
    for (std::uint32_t at = offsets[i] + 4; at < layout.icrc; ++at) power = crc_detail::append_zero_byte(power);
    factors_[i] = power;
  }
}

void IcrcWords::apply(std::span<const Words> words, std::span<std::uint32_t> icrcs) const {
  WEFT_DCHECK(words.size() == icrcs.size());
  if (carryless_)
    crc_detail::carryless_words(words, icrcs, factors_, (count_ + 1) / 2);
  else
    apply_by_tables(words, icrcs);
}

void IcrcWords::apply_by_tables(std::span<const Words> words, std::span<std::uint32_t> icrcs) const {
  WEFT_DCHECK(words.size() == icrcs.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    for (std::size_t w = 0; w < count_; ++w) icrcs[i] ^= multiply(crc_detail::step_bit(words[i][w]), factors_[w]);
}

}  // namespace weft::wire
