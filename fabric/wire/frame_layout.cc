#include "fabric/wire/frame_layout.h"

namespace weft::wire {
namespace {

using Frame = std::span<const std::uint8_t>;

// The header at `offset`, or kTruncated.
template <typename Header>
WireExpected<Header> header_at(Frame frame, std::size_t offset) {
  if (offset > frame.size() || frame.size() - offset < Header::kSize)
    return wire_error(WireFault::kTruncated, offset, Header::kName);
  return decode<Header>(frame.subspan(offset));
}

// EtherType behind all tags; sets layout.vlan_tags and layout.ip.
WireExpected<std::uint16_t> skip_link(Frame frame, FrameLayout& layout) {
  const auto ethernet = header_at<EthernetHeader>(frame, 0);
  if (!ethernet) return tl::unexpected(ethernet.error());
  std::uint16_t ether_type = ethernet->ether_type;
  std::size_t at = EthernetHeader::kSize;
  for (; announces_tag(ether_type); at += VlanTag::kSize) {
    if (layout.vlan_tags == kMaxVlanTags) return wire_error(WireFault::kTooManyTags, at - 2, VlanTag::kName);
    const auto tag = header_at<VlanTag>(frame, at);
    if (!tag) return tl::unexpected(tag.error());
    ether_type = tag->ether_type;
    ++layout.vlan_tags;
  }
  layout.ip = static_cast<std::uint32_t>(at);
  return ether_type;
}

// Each returns the size of the IP payload and sets layout.udp.
WireExpected<std::size_t> skip_ipv4(Frame frame, FrameLayout& layout) {
  const auto header = header_at<Ipv4Header>(frame, layout.ip);
  if (!header) return tl::unexpected(header.error());
  const auto fault = [&](WireFault what, std::size_t at) {
    return wire_error(what, layout.ip + at, Ipv4Header::kName);
  };
  if (header->version != 4) return fault(WireFault::kIpVersion, 0);
  if (header->header_words != 5) return fault(WireFault::kIpOptions, 0);
  if (header->total_length < Ipv4Header::kSize) return fault(WireFault::kIpLength, 2);
  if (header->more_fragments || header->fragment_offset != 0) return fault(WireFault::kFragment, 6);
  if (header->protocol != kProtocolUdp) return fault(WireFault::kNotUdp, 9);
  layout.ip_version = IpVersion::kV4;
  layout.udp = layout.ip + static_cast<std::uint32_t>(Ipv4Header::kSize);
  return header->total_length - Ipv4Header::kSize;
}

WireExpected<std::size_t> skip_ipv6(Frame frame, FrameLayout& layout) {
  const auto header = header_at<Ipv6Header>(frame, layout.ip);
  if (!header) return tl::unexpected(header.error());
  const auto fault = [&](WireFault what, std::size_t at) {
    return wire_error(what, layout.ip + at, Ipv6Header::kName);
  };
  if (header->version != 6) return fault(WireFault::kIpVersion, 0);
  if (header->next_header != kProtocolUdp) return fault(WireFault::kNotUdp, 6);
  layout.ip_version = IpVersion::kV6;
  layout.udp = layout.ip + static_cast<std::uint32_t>(Ipv6Header::kSize);
  return header->payload_length;
}

WireExpected<std::size_t> skip_ip(Frame frame, FrameLayout& layout) {
  const auto ether_type = skip_link(frame, layout);
  if (!ether_type) return tl::unexpected(ether_type.error());
  if (*ether_type == kEtherTypeIpv4) return skip_ipv4(frame, layout);
  if (*ether_type == kEtherTypeIpv6) return skip_ipv6(frame, layout);
  return wire_error(WireFault::kNotIp, layout.ip - 2, EthernetHeader::kName);
}

// From the BTH on, in a datagram whose end is known to lie within the frame.
WireExpected<FrameLayout> place_transport(Frame frame, FrameLayout layout, std::size_t end) {
  const auto bth = decode<Bth>(frame.subspan(layout.bth));
  const auto fault = [&](WireFault what, std::size_t at) { return wire_error(what, layout.bth + at, Bth::kName); };
  layout.opcode = find_opcode(bth.opcode);
  if (layout.opcode == nullptr) return fault(WireFault::kUnknownOpcode, 0);
  if (bth.header_version != 0) return fault(WireFault::kTransportVersion, 1);
  layout.icrc = static_cast<std::uint32_t>(end - kIcrcSize);
  layout.payload = layout.bth + static_cast<std::uint32_t>(Bth::kSize + layout.opcode->extension_bytes);
  if (layout.payload > layout.icrc)
    return wire_error(WireFault::kTruncated, layout.bth + Bth::kSize, "extension headers");
  const std::uint32_t padded = layout.icrc - layout.payload;
  layout.pad_size = bth.pad_count;
  if (layout.pad_size > padded) return fault(WireFault::kPadding, 1);
  layout.payload_size = padded - layout.pad_size;
  if (padded > 0 && !layout.opcode->payload)
    return wire_error(WireFault::kUnexpectedPayload, layout.payload, "payload");
  if (padded % 4 != 0) return wire_error(WireFault::kUnaligned, layout.payload, "payload");
  return layout;
}

}  // namespace

WireExpected<FrameLayout> find_layout(std::span<const std::uint8_t> frame) {
  FrameLayout layout;
  const auto ip_payload = skip_ip(frame, layout);
  if (!ip_payload) return tl::unexpected(ip_payload.error());
  const auto udp = header_at<UdpHeader>(frame, layout.udp);
  if (!udp) return tl::unexpected(udp.error());
  const auto fault = [&](WireFault what, std::size_t at) {
    return wire_error(what, layout.udp + at, UdpHeader::kName);
  };
  if (udp->destination_port != kRoceV2Port) return fault(WireFault::kNotRocePort, 2);
  if (udp->length != *ip_payload) return fault(WireFault::kUdpLength, 4);
  if (*ip_payload < UdpHeader::kSize + Bth::kSize + kIcrcSize)
    return wire_error(WireFault::kIpLength, layout.udp + 4, UdpHeader::kName);
  const std::size_t end = layout.udp + *ip_payload;
  if (end > frame.size()) return wire_error(WireFault::kTruncated, frame.size(), "UDP datagram");
  layout.bth = layout.udp + static_cast<std::uint32_t>(UdpHeader::kSize);
  return place_transport(frame, layout, end);
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
