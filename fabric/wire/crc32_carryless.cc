// CRC by carry-less multiplication, after Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction", Intel 2009, with the constants made from their definition.
//
// In a word of n bits, bit k is the coefficient of x^(n-1-k): registers have 32 bits, blocks 128. Multiplying a word of
// n bits by a register gives bits 0 to n+30, the coefficients of x^(n+30-k). Read as a word of m bits, that is the
// product times x^(m-n-31); each constant is that many powers lower.
#include "fabric/wire/crc32.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WEFT_CARRYLESS __attribute__((target("pclmul,sse4.1")))
#define WEFT_WIDE __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.1")))

namespace weft::wire::crc_detail {
namespace {

// x^power modulo the polynomial. REQUIRES: power >= 31.
constexpr std::uint64_t x_to(unsigned power) {
  std::uint32_t state = 1;  // x^31
  for (; power > 31; --power) state = step_bit(state);
  return state;
}
// Moves a block by a distance: its low half (the earlier bytes) lies 64 powers higher. n = 64, m = 128.
constexpr unsigned kDistance256 = 8 * 256 - 33, kDistance64 = 8 * 64 - 33, kDistance16 = 8 * 16 - 33;
constexpr std::uint64_t kFold256Low = x_to(kDistance256 + 64), kFold256High = x_to(kDistance256);
constexpr std::uint64_t kFold64Low = x_to(kDistance64 + 64), kFold64High = x_to(kDistance64);
constexpr std::uint64_t kFold16Low = x_to(kDistance16 + 64), kFold16High = x_to(kDistance16);
// A block times x^32 (the shift of a register) as 96 bits, then as 64. n = 64, m = 96; n = 32, m = 64.
constexpr std::uint64_t kTo96 = x_to(96 - 1), kTo64 = x_to(64 - 1);

// Quotient of x^64 by the polynomial and the polynomial itself, reflected, 33 bits each (Gopal et al., Barrett).
constexpr std::uint64_t kBarrettQuotient = 0x1F7011641, kBarrettPolynomial = 0x1DB710641;

WEFT_CARRYLESS inline __m128i load(const std::uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

WEFT_CARRYLESS inline __m128i fold(__m128i block, __m128i constants, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(block, constants, 0x00);
  const __m128i high = _mm_clmulepi64_si128(block, constants, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

WEFT_CARRYLESS inline __m128i constants(std::uint64_t low, std::uint64_t high) {
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}
WEFT_CARRYLESS inline __m128i low_32_bits(__m128i word) { return _mm_and_si128(word, _mm_set_epi32(0, 0, 0, -1)); }

// A word of 64 bits modulo the polynomial.
WEFT_CARRYLESS inline std::uint32_t reduce_64(__m128i word) {
  const __m128i barrett = constants(kBarrettQuotient, kBarrettPolynomial);
  const __m128i quotient = _mm_clmulepi64_si128(low_32_bits(word), barrett, 0x00);
  const __m128i product = _mm_clmulepi64_si128(low_32_bits(quotient), barrett, 0x10);
  return static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(word, product), 1));
}

// The register after a block, which took in the register before.
WEFT_CARRYLESS inline std::uint32_t reduce_128(__m128i block) {
  const __m128i narrow = constants(kTo96, kTo64);
  const __m128i word96 = _mm_xor_si128(_mm_clmulepi64_si128(block, narrow, 0x00), _mm_srli_si128(block, 8));
  const __m128i word64 =
      _mm_xor_si128(_mm_clmulepi64_si128(low_32_bits(word96), narrow, 0x10), _mm_srli_si128(word96, 4));
  return reduce_64(word64);
}

WEFT_CARRYLESS __m128i fold_by_four(__m128i state, const std::uint8_t*& p, std::size_t& left, __m128i by16) {
  const __m128i by64 = constants(kFold64Low, kFold64High);
  __m128i lane0 = fold(state, by16, load(p)), lane1 = load(p + 16), lane2 = load(p + 32), lane3 = load(p + 48);
  for (p += 64, left -= 64; left >= 64; p += 64, left -= 64) {
    lane0 = fold(lane0, by64, load(p));
    lane1 = fold(lane1, by64, load(p + 16));
    lane2 = fold(lane2, by64, load(p + 32));
    lane3 = fold(lane3, by64, load(p + 48));
  }
  return fold(fold(fold(lane0, by16, lane1), by16, lane2), by16, lane3);
}

// Four blocks side by side in a register.
WEFT_WIDE inline __m512i wide_load(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
WEFT_WIDE inline __m512i wide_constants(std::uint64_t low, std::uint64_t high) {
  const auto h = static_cast<long long>(high), l = static_cast<long long>(low);
  return _mm512_set_epi64(h, l, h, l, h, l, h, l);
}
WEFT_WIDE inline __m512i wide_fold(__m512i blocks, __m512i by, __m512i next) {
  constexpr int kXorAll = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(blocks, by, 0x00),
                                   _mm512_clmulepi64_epi128(blocks, by, 0x11), next, kXorAll);
}

// The same as fold_by_four(), 256 bytes a step. REQUIRES: left >= 256, wide_runs_here().
WEFT_WIDE __m128i fold_wide(__m128i state, const std::uint8_t*& p, std::size_t& left, __m128i by16) {
  const __m512i by256 = wide_constants(kFold256Low, kFold256High);
  __m512i lane0 = _mm512_xor_si512(wide_load(p), _mm512_zextsi128_si512(fold(state, by16, _mm_setzero_si128())));
  __m512i lane1 = wide_load(p + 64), lane2 = wide_load(p + 128), lane3 = wide_load(p + 192);
  for (p += 256, left -= 256; left >= 256; p += 256, left -= 256) {
    lane0 = wide_fold(lane0, by256, wide_load(p));
    lane1 = wide_fold(lane1, by256, wide_load(p + 64));
    lane2 = wide_fold(lane2, by256, wide_load(p + 128));
    lane3 = wide_fold(lane3, by256, wide_load(p + 192));
  }
  const __m512i by64 = wide_constants(kFold64Low, kFold64High);
  __m512i last = wide_fold(wide_fold(wide_fold(lane0, by64, lane1), by64, lane2), by64, lane3);
  for (; left >= 64; p += 64, left -= 64) last = wide_fold(last, by64, wide_load(p));
  alignas(64) __m128i blocks[4];
  _mm512_store_si512(blocks, last);
  return fold(fold(fold(blocks[0], by16, blocks[1]), by16, blocks[2]), by16, blocks[3]);
}

bool wide_runs_here() {
  static const bool runs = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0;
  return runs;
}

}  // namespace

bool carryless_runs_here() {
  static const bool runs = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return runs;
}

namespace {

// The register after a block, which took in the register before, and `tail`.
WEFT_CARRYLESS std::uint32_t finish(__m128i block, std::span<const std::uint8_t> tail) {
  const __m128i by16 = constants(kFold16Low, kFold16High);
  const std::uint8_t* p = tail.data();
  std::size_t left = tail.size();
  if (left >= 256 && wide_runs_here())
    block = fold_wide(block, p, left, by16);
  else if (left >= 64)
    block = fold_by_four(block, p, left, by16);
  for (; left >= 16; p += 16, left -= 16) block = fold(block, by16, load(p));
  std::uint32_t after = reduce_128(block);
  for (; left > 0; --left) after = (after >> 8) ^ kTables[0][(after ^ *p++) & 0xFF];
  return after;
}

}  // namespace

WEFT_CARRYLESS std::uint32_t carryless_update(std::uint32_t state, std::span<const std::uint8_t> head,
                                              std::span<const std::uint8_t> tail) {
  const __m128i by16 = constants(kFold16Low, kFold16High);
  __m128i block = _mm_xor_si128(load(head.data()), _mm_cvtsi32_si128(static_cast<int>(state)));
  for (std::size_t at = 16; at < head.size(); at += 16) block = fold(block, by16, load(head.data() + at));
  return finish(block, tail);
}

WEFT_CARRYLESS std::uint32_t carryless_masked(std::span<const std::uint8_t, 48> head,
                                              const std::array<std::uint8_t, 48>& ones,
                                              std::span<const std::uint8_t> tail) {
  const __m128i by16 = constants(kFold16Low, kFold16High);
  __m128i block =
      _mm_xor_si128(_mm_or_si128(load(head.data()), load(ones.data())), _mm_cvtsi32_si128(static_cast<int>(kCrcStart)));
  block = fold(block, by16, _mm_or_si128(load(head.data() + 16), load(ones.data() + 16)));
  block = fold(block, by16, _mm_or_si128(load(head.data() + 32), load(ones.data() + 32)));
  return finish(block, tail);
}

WEFT_CARRYLESS void carryless_patch(std::span<const std::uint64_t> changed, std::span<std::uint32_t> states,
                                    std::uint64_t keep, std::uint32_t first, std::uint32_t last) {
  const __m128i factors = constants(first, last);
  for (std::size_t i = 0; i < changed.size(); ++i) {
    const std::uint64_t wire = __builtin_bswap64(changed[i] & keep);  // the first byte on the wire lowest
    const __m128i halves =
        _mm_set_epi64x(static_cast<long long>(wire >> 32), static_cast<long long>(wire & 0xFFFFFFFF));
    states[i] ^= reduce_64(_mm_xor_si128(_mm_clmulepi64_si128(halves, factors, 0x00),  // n = 32, m = 64
                                         _mm_clmulepi64_si128(halves, factors, 0x11)));
  }
}

namespace {

template <std::size_t Pairs>
WEFT_CARRYLESS void words_of(std::span<const std::array<std::uint32_t, 8>> words, std::span<std::uint32_t> states,
                             const std::array<std::uint32_t, 8>& factors) {
  __m128i by[Pairs];
  for (std::size_t p = 0; p < Pairs; ++p) by[p] = constants(factors[2 * p], factors[2 * p + 1]);
  for (std::size_t i = 0; i < words.size(); ++i) {
    __m128i sum = _mm_setzero_si128();
    for (std::size_t p = 0; p < Pairs; ++p) {
      const __m128i pair =
          _mm_cvtepu32_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(words[i].data() + 2 * p)));
      sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(pair, by[p], 0x00));  // n = 32, m = 64
      sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(pair, by[p], 0x11));
    }
    states[i] ^= reduce_64(sum);
  }
}

}  // namespace

void carryless_words(std::span<const std::array<std::uint32_t, 8>> words, std::span<std::uint32_t> states,
                     const std::array<std::uint32_t, 8>& factors, std::size_t pairs) {
  switch (pairs) {
    case 1:
      return words_of<1>(words, states, factors);
    case 2:
      return words_of<2>(words, states, factors);
    case 3:
      return words_of<3>(words, states, factors);
    default:
      return words_of<4>(words, states, factors);
  }
}

}  // namespace weft::wire::crc_detail

#else
#include "fabric/error.h"

namespace weft::wire::crc_detail {

bool carryless_runs_here() { return false; }
std::uint32_t carryless_update(std::uint32_t, std::span<const std::uint8_t>, std::span<const std::uint8_t>) {
  WEFT_CHECK(false);
}
std::uint32_t carryless_masked(std::span<const std::uint8_t, 48>, const std::array<std::uint8_t, 48>&,
                               std::span<const std::uint8_t>) {
  WEFT_CHECK(false);
}
void carryless_patch(std::span<const std::uint64_t>, std::span<std::uint32_t>, std::uint64_t, std::uint32_t,
                     std::uint32_t) {
  WEFT_CHECK(false);
}
void carryless_words(std::span<const std::array<std::uint32_t, 8>>, std::span<std::uint32_t>,
                     const std::array<std::uint32_t, 8>&, std::size_t) {
  WEFT_CHECK(false);
}

}  // namespace weft::wire::crc_detail
#endif
