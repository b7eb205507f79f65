// ICMP errors (RFC 792, and RFC 4443 of IPv6) about packets that we sent: which router answered, and which probe it
// was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dpdk/checks/address.h"
#include "fabric/wire/network_headers.h"

namespace weft::dpdk {

enum class IcmpKind : std::uint8_t { kTimeExceeded, kUnreachable };

struct IcmpError {
  Address from;  // who answered
  IcmpKind kind = IcmpKind::kTimeExceeded;
  std::uint8_t code = 0;  // of kUnreachable: 3, or 4 of IPv6, says that the host is there and nothing listens
  // Of the packet that it is about.
  Address destination;
  std::uint16_t identification = 0;  // of IPv4
  std::uint32_t psn = 0;             // of IPv6, whose errors quote all of a short packet; 0 where it is no BTH
  std::uint16_t source_port = 0, destination_port = 0;
};

// The host that the packet was for has it: other codes are a router that knows no way.
[[nodiscard]] constexpr bool is_port_unreachable(const IcmpError& error) {
  return error.kind == IcmpKind::kUnreachable && error.code == (error.from.is_v4() ? 3 : 4);
}

// Reads any Ethernet frame; nullopt where it is no ICMP error about a UDP packet, or comes from nobody (0.0.0.0, ::).
[[nodiscard]] std::optional<IcmpError> parse_icmp_error(std::span<const std::uint8_t> frame);

// RFC 1071, over any bytes: for tests that answer as a router would.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

}  // namespace weft::dpdk
