// Frames that stop a neighbour from sending, without FCS: PFC (IEEE 802.1Qbb, class-based) and 802.3x (IEEE 802.3
// annex 31B, the whole link). Both go to a multicast address that bridges do not forward.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "fabric/units.h"
#include "fabric/wire/network_headers.h"
#include "fabric/wire/wire_error.h"

namespace weft::wire {

inline constexpr MacAddress kPauseAddress{0x01, 0x80, 0xC2, 0x00, 0x00, 0x01};
inline constexpr std::size_t kPauseFrameSize = 60;  // the shortest Ethernet frame, 64 bytes with FCS

// MAC control opcode 0x0101. Timers are quanta of 512 bit times; 0 of an enabled class resumes it.
struct PfcPause {
  static constexpr std::size_t kSize = 20;
  static constexpr const char* kName = "PFC";
  static constexpr std::uint16_t kOpcode = 0x0101;
  std::uint16_t opcode = kOpcode;
  std::uint8_t reserved = 0;
  std::uint8_t enabled = 0;  // bit i: timer i is valid
  std::array<std::uint16_t, 8> quanta{};

  bool operator==(const PfcPause&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<16>, h.opcode);
    v(kBits<8>, h.reserved);
    v(kBits<8>, h.enabled);
    for (auto& timer : h.quanta) v(kBits<16>, timer);
  }
};

// MAC control opcode 0x0001.
struct GlobalPause {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "PAUSE";
  static constexpr std::uint16_t kOpcode = 0x0001;
  std::uint16_t opcode = kOpcode;
  std::uint16_t quanta = 0;

  bool operator==(const GlobalPause&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<16>, h.opcode);
    v(kBits<16>, h.quanta);
  }
};

static_assert(size_matches_fields<PfcPause>() && size_matches_fields<GlobalPause>());

struct PauseFrame {
  EthernetHeader ethernet{kPauseAddress, {}, kEtherTypeMacControl};
  std::variant<PfcPause, GlobalPause> pause;

  bool operator==(const PauseFrame&) const = default;
};

// kPauseFrameSize bytes, padded with zeros; EtherType and opcode as the standard has them, whatever the structs hold.
[[nodiscard]] std::vector<std::uint8_t> build_pause(const PauseFrame& frame);

// Reads any bytes; padding may be missing. Errors: truncated, not MAC control, another MAC control opcode.
[[nodiscard]] WireExpected<PauseFrame> parse_pause(std::span<const std::uint8_t> frame);

// How long `quanta` stop a port of this rate, rounded up to a picosecond. REQUIRES: rate > 0.
[[nodiscard]] Duration pause_duration(std::uint16_t quanta, Rate rate);

}  // namespace weft::wire
