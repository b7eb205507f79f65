#include "fabric/wire/crc32.h"

#include "fabric/error.h"

namespace weft::wire {
namespace {

using crc_detail::kTables;

std::uint32_t update_bitwise(std::uint32_t state, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) state = crc_detail::step_zero_byte(state ^ byte);
  return state;
}

std::uint32_t update_bytewise(std::uint32_t state, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) state = (state >> 8) ^ kTables[0][(state ^ byte) & 0xFF];
  return state;
}

std::uint32_t load_little_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
}

// Eight bytes a step: the register meets the first four; byte i of the eight is followed by 7 - i others.
std::uint32_t update_slicing(std::uint32_t state, std::span<const std::uint8_t> bytes) {
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    const std::uint32_t first = state ^ load_little_endian(p), second = load_little_endian(p + 4);
    state = kTables[7][first & 0xFF] ^ kTables[6][first >> 8 & 0xFF] ^ kTables[5][first >> 16 & 0xFF] ^
            kTables[4][first >> 24] ^ kTables[3][second & 0xFF] ^ kTables[2][second >> 8 & 0xFF] ^
            kTables[1][second >> 16 & 0xFF] ^ kTables[0][second >> 24];
  }
  return update_bytewise(state, {p, left});
}

}  // namespace

bool has_engine(CrcEngine engine) { return engine != CrcEngine::kCarryless || crc_detail::carryless_runs_here(); }

CrcEngine best_engine() { return has_engine(CrcEngine::kCarryless) ? CrcEngine::kCarryless : CrcEngine::kSlicing; }

std::uint32_t crc32_update(std::uint32_t state, std::span<const std::uint8_t> bytes, CrcEngine engine) {
  switch (engine) {
    case CrcEngine::kBitwise:
      return update_bitwise(state, bytes);
    case CrcEngine::kBytewise:
      return update_bytewise(state, bytes);
    case CrcEngine::kCarryless: {
      constexpr std::size_t kBlock = 16;
      WEFT_DCHECK(has_engine(engine));
      if (bytes.size() < kBlock) break;
      return crc_detail::carryless_update(state, bytes.first(kBlock), bytes.subspan(kBlock));
    }
    case CrcEngine::kSlicing:
      break;
  }
  return update_slicing(state, bytes);
}

}  // namespace weft::wire
