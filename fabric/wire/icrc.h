// Invariant CRC of RoCEv2, IBTA annex A17 and volume 1 section 7.8.1: CRC-32 over 8 bytes of ones (in place of the
// LRH), then the packet from its IP header to its padding. What switches may change is taken as ones:
//   IPv4: type of service, time to live, header checksum. IPv6: traffic class, flow label, hop limit.
//   UDP: checksum. BTH: all of byte 4 (FECN, BECN, reserved).
// Ethernet headers and VLAN tags are not covered. On the wire the ICRC is little-endian.
#pragma once

#include <cstdint>
#include <span>

#include "fabric/wire/crc32.h"
#include "fabric/wire/frame_layout.h"

namespace weft::wire {

// The ICRC that the frame should have. REQUIRES: layout is of this frame, all but the ICRC in place.
[[nodiscard]] std::uint32_t icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout, CrcEngine engine);
[[nodiscard]] std::uint32_t icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout);  // best_engine()

// The ICRC that stands in the frame.
[[nodiscard]] std::uint32_t load_icrc(std::span<const std::uint8_t> frame, const FrameLayout& layout);
void store_icrc(std::span<std::uint8_t> frame, const FrameLayout& layout, std::uint32_t icrc);

// Whether the frame's ICRC is right.
[[nodiscard]] bool icrc_matches(std::span<const std::uint8_t> frame, const FrameLayout& layout);

// Bits of the byte at `offset` that the ICRC does not cover; 0xFF outside of [layout.ip, layout.icrc).
[[nodiscard]] std::uint8_t icrc_uncovered_bits(const FrameLayout& layout, std::size_t offset);

}  // namespace weft::wire
