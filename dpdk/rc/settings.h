// What both sides of an RC connection agree on, and words they share. IBTA volume 1, section 9.7.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "fabric/units.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk::rc {

struct Settings {
  wire::FrameHeaders path;                 // Ethernet, VLAN, IP and UDP of packets to the peer
  std::uint32_t local_qp = 0;              // 24 bits
  std::uint32_t remote_qp = 0;             // 24 bits
  std::uint32_t first_psn = 0;             // of what this side requests, 24 bits
  std::uint32_t expected_psn = 0;          // of what the peer requests, 24 bits
  std::uint32_t mtu = 1024;                // B of payload: 256 to 4096
  std::uint32_t window = 64;               // PSNs under way
  std::uint32_t reads = 1;                 // reads and atomics under way: the peer's max_dest_rd_atomic
  Duration timeout{Duration::us(67'100)};  // 4.096 us x 2^14, the usual local ACK timeout
  std::uint8_t retries = 7;                // without progress, then the connection has failed
  std::uint8_t rnr_retries = 7;            // 7: without end
  std::uint8_t rnr_timer = 12;             // that this side asks for: code of section 9.7.5.2.8; 12 is 0.64 ms
};

// PSNs have 24 bits on the wire; here they count on, so that they can be compared.
using Psn = std::uint64_t;
[[nodiscard]] constexpr std::uint32_t on_wire(Psn psn) { return static_cast<std::uint32_t>(psn & wire::kMask24); }
// The PSN with these 24 bits that is nearest to `near`: half of the range is behind (duplicates), half ahead.
[[nodiscard]] Psn unwrap(std::uint32_t bits, Psn near);

// How long a requester waits after an RNR NAK with this timer code, 0 to 31. Table 45 of IBTA 1.3.
[[nodiscard]] Duration rnr_delay(std::uint8_t code);

// Packets of a message of `size` bytes; one at least.
[[nodiscard]] constexpr std::uint64_t packets_of(std::uint64_t size, std::uint32_t mtu) {
  return size == 0 ? 1 : (size + mtu - 1) / mtu;
}

// Takes a complete frame; false: cannot now, ask again.
using Sink = std::function<bool(std::span<const std::uint8_t>)>;

// The frame of one packet to the peer. REQUIRES: payload that the opcode may have, at most an MTU.
[[nodiscard]] std::vector<std::uint8_t> frame_of(const Settings& settings, wire::Operation operation, Psn psn,
                                                 bool ack_request, const wire::Extensions& extensions,
                                                 std::span<const std::uint8_t> payload);

}  // namespace weft::dpdk::rc
