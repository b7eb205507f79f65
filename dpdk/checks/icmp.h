// ICMP errors (RFC 792) about packets that we sent: which router answered, and which probe it was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fabric/wire/network_headers.h"

namespace weft::dpdk {

enum class IcmpKind : std::uint8_t { kTimeExceeded, kUnreachable };

struct IcmpError {
  std::uint32_t from = 0;  // IPv4 address of who answered
  IcmpKind kind = IcmpKind::kTimeExceeded;
  std::uint8_t code = 0;  // of kUnreachable: 3 says that the host is there and nothing listens (RFC 792)
  // Of the packet that it is about.
  std::uint32_t destination = 0;
  std::uint16_t identification = 0, source_port = 0, destination_port = 0;
};

// The host that the packet was for has it: other codes are a router that knows no way.
[[nodiscard]] constexpr bool is_port_unreachable(const IcmpError& error) {
  return error.kind == IcmpKind::kUnreachable && error.code == 3;
}

// Reads any Ethernet frame; nullopt where it is no ICMP error about a UDP packet over IPv4.
[[nodiscard]] std::optional<IcmpError> parse_icmp_error(std::span<const std::uint8_t> frame);

// RFC 1071, over any bytes: for tests that answer as a router would.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

}  // namespace weft::dpdk
