#include "dpdk/checks/icmp.h"

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

}  // namespace

std::optional<IcmpError> parse_icmp_error(std::span<const std::uint8_t> frame) {
  if (frame.size() < wire::EthernetHeader::kSize) return std::nullopt;
  auto type = wire::decode<wire::EthernetHeader>(frame).ether_type;
  frame = frame.subspan(wire::EthernetHeader::kSize);
  while (wire::announces_tag(type) && frame.size() >= wire::VlanTag::kSize) {
    type = wire::decode<wire::VlanTag>(frame).ether_type;
    frame = frame.subspan(wire::VlanTag::kSize);
  }
  if (type != wire::kEtherTypeIpv4) return std::nullopt;
  const auto outer = take_ipv4(frame);
  if (!outer || outer->protocol != kProtocolIcmp || frame.size() < kIcmpHeader) return std::nullopt;
  const std::uint8_t kind = frame[0], code = frame[1];
  if (kind != kTimeExceeded && kind != kUnreachable) return std::nullopt;
  frame = frame.subspan(kIcmpHeader);
  const auto inner = take_ipv4(frame);
  if (!inner || inner->protocol != wire::kProtocolUdp || frame.size() < wire::UdpHeader::kSize) return std::nullopt;
  const auto udp = wire::decode<wire::UdpHeader>(frame);
  const IcmpKind what = kind == kTimeExceeded ? IcmpKind::kTimeExceeded : IcmpKind::kUnreachable;
  return IcmpError{outer->source,       what, code, inner->destination, inner->identification, udp.source_port,
                   udp.destination_port};
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xFFFF);
}

}  // namespace weft::dpdk
