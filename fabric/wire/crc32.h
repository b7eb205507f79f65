// CRC-32 of IEEE 802.3 (polynomial 0x04C11DB7, reflected), the code of both the Ethernet FCS and the ICRC.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace weft::wire {

inline constexpr std::uint32_t kCrcPolynomial = 0xEDB88320;  // bit 31 is the coefficient of x^0
inline constexpr std::uint32_t kCrcStart = 0xFFFFFFFF;  // register before the first byte; the CRC is its complement

enum class CrcEngine : std::uint8_t {
  kBitwise,    // the definition; the reference that tests compare with
  kBytewise,   // one table
  kSlicing,    // eight tables, eight bytes a step
  kCarryless,  // carry-less multiplication, 64 bytes a step; x86 with PCLMULQDQ and SSE4.1
};

// Whether this machine can run the engine; all but kCarryless always can.
[[nodiscard]] bool has_engine(CrcEngine engine);
// kCarryless where it runs, else kSlicing.
[[nodiscard]] CrcEngine best_engine();

// The CRC register after further bytes; start with kCrcStart. REQUIRES: has_engine(engine).
[[nodiscard]] std::uint32_t crc32_update(std::uint32_t state, std::span<const std::uint8_t> bytes, CrcEngine engine);

namespace crc_detail {

constexpr std::uint32_t step_bit(std::uint32_t state) { return (state >> 1) ^ ((state & 1) != 0 ? kCrcPolynomial : 0); }
constexpr std::uint32_t step_zero_byte(std::uint32_t state) {
  for (int bit = 0; bit < 8; ++bit) state = step_bit(state);
  return state;
}
constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) tables[0][byte] = step_zero_byte(byte);
  for (std::size_t slice = 1; slice < 8; ++slice)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  return tables;
}
// kTables[s][b]: the register after byte b and s zero bytes.
inline constexpr auto kTables = make_tables();

// The register after one more zero byte: multiplication by x^8.
constexpr std::uint32_t append_zero_byte(std::uint32_t state) { return (state >> 8) ^ kTables[0][state & 0xFF]; }

// The carry-less engine. REQUIRES of the others: carryless_runs_here().
[[nodiscard]] bool carryless_runs_here();
// The register after `head` and `tail`. REQUIRES: head.size() is a multiple of 16 and not 0.
[[nodiscard]] std::uint32_t carryless_update(std::uint32_t state, std::span<const std::uint8_t> head,
                                             std::span<const std::uint8_t> tail);
// The register after `head`, with the bits of `ones` set in it, and `tail`; from kCrcStart.
[[nodiscard]] std::uint32_t carryless_masked(std::span<const std::uint8_t, 48> head,
                                             const std::array<std::uint8_t, 48>& ones,
                                             std::span<const std::uint8_t> tail);
// What a change of an 8-byte field does to the register, xored into `states`: changed[i] & keep, whose first four bytes
// on the wire are multiplied by `first` and its last four by `last`. REQUIRES: changed.size() == states.size().
void carryless_patch(std::span<const std::uint64_t> changed, std::span<std::uint32_t> states, std::uint64_t keep,
                     std::uint32_t first, std::uint32_t last);
// What words do to the register, xored into `states`: words[i][w] multiplied by factors[w], for the first 2 x pairs of
// them. REQUIRES: words.size() == states.size(); pairs <= 4.
void carryless_words(std::span<const std::array<std::uint32_t, 8>> words, std::span<std::uint32_t> states,
                     const std::array<std::uint32_t, 8>& factors, std::size_t pairs);

}  // namespace crc_detail
}  // namespace weft::wire
