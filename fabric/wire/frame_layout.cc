#include "fabric/wire/frame_layout.h"

namespace weft::wire {
namespace {

using Frame = std::span<const std::uint8_t>;

// Single fields are read by their offset, the one that an error names: whole headers cost a receiver too much.
std::uint16_t load16(Frame frame, std::size_t at) {
  return static_cast<std::uint16_t>((unsigned{frame[at]} << 8) | frame[at + 1]);
}

template <typename Header>
bool holds(Frame frame, std::size_t offset) {
  return offset <= frame.size() && frame.size() - offset >= Header::kSize;
}

template <typename Header>
tl::unexpected<WireError> fault(WireFault what, std::size_t offset) {
  return wire_error(what, offset, Header::kName);
}

// EtherType behind all tags; sets layout.vlan_tags and layout.ip.
WireExpected<std::uint16_t> skip_link(Frame frame, FrameLayout& layout) {
  if (!holds<EthernetHeader>(frame, 0)) return fault<EthernetHeader>(WireFault::kTruncated, 0);
  std::size_t at = EthernetHeader::kSize;
  std::uint16_t ether_type = load16(frame, at - 2);
  for (; announces_tag(ether_type); ether_type = load16(frame, at - 2)) {
    if (layout.vlan_tags == kMaxVlanTags) return fault<VlanTag>(WireFault::kTooManyTags, at - 2);
    if (!holds<VlanTag>(frame, at)) return fault<VlanTag>(WireFault::kTruncated, at);
    at += VlanTag::kSize;
    ++layout.vlan_tags;
  }
  layout.ip = static_cast<std::uint32_t>(at);
  return ether_type;
}

// Each returns the size of the IP payload and sets layout.udp.
WireExpected<std::size_t> skip_ipv4(Frame frame, FrameLayout& layout) {
  const std::size_t ip = layout.ip;
  if (!holds<Ipv4Header>(frame, ip)) return fault<Ipv4Header>(WireFault::kTruncated, ip);
  if (frame[ip] >> 4 != 4) return fault<Ipv4Header>(WireFault::kIpVersion, ip);
  if ((frame[ip] & 0xF) != 5) return fault<Ipv4Header>(WireFault::kIpOptions, ip);
  const std::size_t total_length = load16(frame, ip + 2);
  if (total_length < Ipv4Header::kSize) return fault<Ipv4Header>(WireFault::kIpLength, ip + 2);
  constexpr unsigned kFragmentBits = 0x3FFF;  // more fragments, and the offset
  if ((load16(frame, ip + 6) & kFragmentBits) != 0) return fault<Ipv4Header>(WireFault::kFragment, ip + 6);
  if (frame[ip + 9] != kProtocolUdp) return fault<Ipv4Header>(WireFault::kNotUdp, ip + 9);
  layout.ip_version = IpVersion::kV4;
  layout.udp = layout.ip + static_cast<std::uint32_t>(Ipv4Header::kSize);
  return total_length - Ipv4Header::kSize;
}

WireExpected<std::size_t> skip_ipv6(Frame frame, FrameLayout& layout) {
  const std::size_t ip = layout.ip;
  if (!holds<Ipv6Header>(frame, ip)) return fault<Ipv6Header>(WireFault::kTruncated, ip);
  if (frame[ip] >> 4 != 6) return fault<Ipv6Header>(WireFault::kIpVersion, ip);
  if (frame[ip + 6] != kProtocolUdp) return fault<Ipv6Header>(WireFault::kNotUdp, ip + 6);
  layout.ip_version = IpVersion::kV6;
  layout.udp = layout.ip + static_cast<std::uint32_t>(Ipv6Header::kSize);
  return load16(frame, ip + 4);
}

WireExpected<std::size_t> skip_ip(Frame frame, FrameLayout& layout) {
  const auto ether_type = skip_link(frame, layout);
  if (!ether_type) return tl::unexpected(ether_type.error());
  if (*ether_type == kEtherTypeIpv4) return skip_ipv4(frame, layout);
  if (*ether_type == kEtherTypeIpv6) return skip_ipv6(frame, layout);
  return fault<EthernetHeader>(WireFault::kNotIp, layout.ip - 2);
}

// Sets layout.bth and layout.icrc; the whole datagram lies within the frame.
WireExpected<void> skip_udp(Frame frame, FrameLayout& layout, std::size_t ip_payload) {
  const std::size_t udp = layout.udp;
  if (!holds<UdpHeader>(frame, udp)) return fault<UdpHeader>(WireFault::kTruncated, udp);
  if (load16(frame, udp + 2) != kRoceV2Port) return fault<UdpHeader>(WireFault::kNotRocePort, udp + 2);
  if (load16(frame, udp + 4) != ip_payload) return fault<UdpHeader>(WireFault::kUdpLength, udp + 4);
  if (ip_payload < UdpHeader::kSize + Bth::kSize + kIcrcSize) return fault<UdpHeader>(WireFault::kIpLength, udp + 4);
  const std::size_t end = udp + ip_payload;
  if (end > frame.size()) return wire_error(WireFault::kTruncated, frame.size(), "UDP datagram");
  layout.bth = static_cast<std::uint32_t>(udp + UdpHeader::kSize);
  layout.icrc = static_cast<std::uint32_t>(end - kIcrcSize);
  return {};
}

// What stands between the BTH and the ICRC.
WireExpected<void> place_payload(Frame frame, FrameLayout& layout) {
  const std::size_t bth = layout.bth;
  layout.opcode = find_opcode(frame[bth]);
  if (layout.opcode == nullptr) return fault<Bth>(WireFault::kUnknownOpcode, bth);
  if ((frame[bth + 1] & 0xF) != 0) return fault<Bth>(WireFault::kTransportVersion, bth + 1);
  layout.payload = static_cast<std::uint32_t>(bth + Bth::kSize + layout.opcode->extension_bytes);
  if (layout.payload > layout.icrc) return wire_error(WireFault::kTruncated, bth + Bth::kSize, "extension headers");
  const std::uint32_t padded = layout.icrc - layout.payload;
  layout.pad_size = frame[bth + 1] >> 4 & 3;
  if (layout.pad_size > padded) return fault<Bth>(WireFault::kPadding, bth + 1);
  if (padded > 0 && !layout.opcode->payload)
    return wire_error(WireFault::kUnexpectedPayload, layout.payload, "payload");
  if (padded % 4 != 0) return wire_error(WireFault::kUnaligned, layout.payload, "payload");
  layout.payload_size = padded - layout.pad_size;
  return {};
}

}  // namespace

WireExpected<FrameLayout> find_layout(std::span<const std::uint8_t> frame) {
  FrameLayout layout;
  const auto ip_payload = skip_ip(frame, layout);
  if (!ip_payload) return tl::unexpected(ip_payload.error());
  if (const auto udp = skip_udp(frame, layout, *ip_payload); !udp) return tl::unexpected(udp.error());
  if (const auto placed = place_payload(frame, layout); !placed) return tl::unexpected(placed.error());
  return layout;
}

namespace {

// A field of an extension header: which one, where in it, how long.
struct ExtensionField {
  ExtensionBit extension;
  std::uint32_t at, size;
};

std::optional<ExtensionField> extension_field(Field field) {
  switch (field) {
    case Field::kRethVirtualAddress:
      return ExtensionField{kHasReth, 0, 8};
    case Field::kRethRkey:
      return ExtensionField{kHasReth, 8, 4};
    case Field::kRethDmaLength:
      return ExtensionField{kHasReth, 12, 4};
    case Field::kImmediate:
      return ExtensionField{kHasImmDt, 0, 4};
    case Field::kAethSyndrome:
      return ExtensionField{kHasAeth, 0, 1};
    case Field::kAethMsn:
      return ExtensionField{kHasAeth, 1, 3};
    case Field::kDethQKey:
      return ExtensionField{kHasDeth, 0, 4};
    case Field::kDethSourceQp:
      return ExtensionField{kHasDeth, 5, 3};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<FieldPlace> find_field(const FrameLayout& layout, Field field) {
  if (const auto place = extension_field(field)) {
    if (!layout.opcode->has(place->extension)) return std::nullopt;
    const unsigned before = layout.opcode->extensions & (static_cast<unsigned>(place->extension) - 1U);
    return FieldPlace{layout.bth + static_cast<std::uint32_t>(Bth::kSize) + extension_bytes(before) + place->at,
                      place->size};
  }
  const bool v4 = layout.ip_version == IpVersion::kV4;
  const auto only_v4 = [&](std::uint32_t at, std::uint32_t size) {
    return v4 ? std::optional(FieldPlace{layout.ip + at, size}) : std::nullopt;
  };
  switch (field) {
    case Field::kIpv4Identification:
      return only_v4(4, 2);
    case Field::kIpv4Source:
      return only_v4(12, 4);
    case Field::kIpv4Destination:
      return only_v4(16, 4);
    case Field::kUdpSourcePort:
      return FieldPlace{layout.udp, 2};
    case Field::kOpcode:
      return FieldPlace{layout.bth, 1};
    case Field::kPKey:
      return FieldPlace{layout.bth + 2, 2};
    case Field::kDestQp:
      return FieldPlace{layout.bth + 5, 3};
    case Field::kAckRequestByte:
      return FieldPlace{layout.bth + 8, 1};
    case Field::kPsn:
      return FieldPlace{layout.bth + 9, 3};
    case Field::kPayloadStart:
      return layout.payload_size >= 8 ? std::optional(FieldPlace{layout.payload, 8}) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace weft::wire
