#include "dpdk/checks/icmp.h"

#include "fabric/wire/transport_headers.h"

namespace weft::dpdk {
namespace {

constexpr std::uint8_t kProtocolIcmp = 1, kUnreachable = 3, kTimeExceeded = 11;
constexpr std::size_t kIcmpHeader = 8;

// The IPv4 header in front, and what follows it; options are stepped over.
std::optional<wire::Ipv4Header> take_ipv4(std::span<const std::uint8_t>& bytes) {
  if (bytes.size() < wire::Ipv4Header::kSize) return std::nullopt;
  const auto header = wire::decode<wire::Ipv4Header>(bytes);
  const std::size_t size = std::size_t{header.header_words} * 4;
  if (header.version != 4 || size < wire::Ipv4Header::kSize || size > bytes.size()) return std::nullopt;
  bytes = bytes.subspan(size);
  return header;
}

// ICMPv6 behind one IPv6 header, about a packet that has no extension headers, as ours have none.
std::optional<IcmpError> parse_v6(std::span<const std::uint8_t> bytes) {
  constexpr std::uint8_t kProtocolIcmpV6 = 58, kUnreachableV6 = 1, kTimeExceededV6 = 3;
  if (bytes.size() < 2 * wire::Ipv6Header::kSize + kIcmpHeader + wire::UdpHeader::kSize) return std::nullopt;
  const auto outer = wire::decode<wire::Ipv6Header>(bytes);
  bytes = bytes.subspan(wire::Ipv6Header::kSize);
  const std::uint8_t kind = bytes[0], code = bytes[1];
  if (outer.version != 6 || outer.next_header != kProtocolIcmpV6 || (kind != kTimeExceededV6 && kind != kUnreachableV6))
    return std::nullopt;
  bytes = bytes.subspan(kIcmpHeader);
  const auto inner = wire::decode<wire::Ipv6Header>(bytes);
  bytes = bytes.subspan(wire::Ipv6Header::kSize);
  if (inner.version != 6 || inner.next_header != wire::kProtocolUdp) return std::nullopt;
  const auto udp = wire::decode<wire::UdpHeader>(bytes);
  bytes = bytes.subspan(wire::UdpHeader::kSize);
  IcmpError error;
  error.from = Address(outer.source);
  if (error.from.is_none()) return std::nullopt;
  error.kind = kind == kTimeExceededV6 ? IcmpKind::kTimeExceeded : IcmpKind::kUnreachable;
  error.code = code;
  error.destination = Address(inner.destination);
  error.source_port = udp.source_port;
  error.destination_port = udp.destination_port;
  if (bytes.size() >= wire::Bth::kSize) error.psn = wire::decode<wire::Bth>(bytes).psn;
  return error;
}

}  // namespace

std::optional<IcmpError> parse_icmp_error(std::span<const std::uint8_t> frame) {
  if (frame.size() < wire::EthernetHeader::kSize) return std::nullopt;
  auto type = wire::decode<wire::EthernetHeader>(frame).ether_type;
  frame = frame.subspan(wire::EthernetHeader::kSize);
  while (wire::announces_tag(type) && frame.size() >= wire::VlanTag::kSize) {
    type = wire::decode<wire::VlanTag>(frame).ether_type;
    frame = frame.subspan(wire::VlanTag::kSize);
  }
  if (type == wire::kEtherTypeIpv6) return parse_v6(frame);
  if (type != wire::kEtherTypeIpv4) return std::nullopt;
  const auto outer = take_ipv4(frame);
  if (!outer || outer->protocol != kProtocolIcmp || frame.size() < kIcmpHeader) return std::nullopt;
  const std::uint8_t kind = frame[0], code = frame[1];
  if (kind != kTimeExceeded && kind != kUnreachable) return std::nullopt;
  frame = frame.subspan(kIcmpHeader);
  const auto inner = take_ipv4(frame);
  if (!inner || inner->protocol != wire::kProtocolUdp || frame.size() < wire::UdpHeader::kSize) return std::nullopt;
  if (outer->source == 0) return std::nullopt;
  const auto udp = wire::decode<wire::UdpHeader>(frame);
  const IcmpKind what = kind == kTimeExceeded ? IcmpKind::kTimeExceeded : IcmpKind::kUnreachable;
  return IcmpError{outer->source,       what, code, inner->destination, inner->identification, 0, udp.source_port,
                   udp.destination_port};
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xFFFF);
}

}  // namespace weft::dpdk
