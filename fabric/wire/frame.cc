#include "fabric/wire/frame.h"

#include <limits>
#include <utility>

namespace weft::wire {
namespace {

std::size_t ip_size(const FrameHeaders& headers) {
  return std::holds_alternative<Ipv4Header>(headers.ip) ? Ipv4Header::kSize : Ipv6Header::kSize;
}
std::size_t link_size(const FrameHeaders& headers) {
  return EthernetHeader::kSize + VlanTag::kSize * headers.vlan_tags.size();
}

// Calls f(header) for each header of the frame in wire order.
template <typename Self, typename F>
void for_each_header(Self& headers, const OpcodeInfo& opcode, F f) {
  f(headers.ethernet);
  for (auto& tag : headers.vlan_tags) f(tag);
  std::visit(f, headers.ip);
  f(headers.udp);
  f(headers.bth);
  for_each_extension(headers.extensions, opcode, f);
}

void set_ether_types(FrameHeaders& headers) {
  std::uint16_t* type = &headers.ethernet.ether_type;
  for (VlanTag& tag : headers.vlan_tags) {
    if (!announces_tag(*type)) *type = kEtherTypeVlan;
    type = &tag.ether_type;
  }
  *type = std::holds_alternative<Ipv4Header>(headers.ip) ? kEtherTypeIpv4 : kEtherTypeIpv6;
}

void set_ip_length(Ipv4Header& header, std::size_t ip_payload) {
  header.version = 4;
  header.header_words = 5;
  header.protocol = kProtocolUdp;
  header.more_fragments = false;
  header.fragment_offset = 0;
  header.total_length = static_cast<std::uint16_t>(Ipv4Header::kSize + ip_payload);
  header.checksum = ipv4_checksum(header);
}
void set_ip_length(Ipv6Header& header, std::size_t ip_payload) {
  header.version = 6;
  header.next_header = kProtocolUdp;
  header.payload_length = static_cast<std::uint16_t>(ip_payload);
}

}  // namespace

WireExpected<FrameHeaders> complete_headers(FrameHeaders headers, std::size_t payload_size) {
  const OpcodeInfo* opcode = find_opcode(headers.bth.opcode);
  const std::size_t udp_at = link_size(headers) + ip_size(headers), bth_at = udp_at + UdpHeader::kSize;
  if (headers.vlan_tags.size() > kMaxVlanTags)
    return wire_error(WireFault::kTooManyTags, EthernetHeader::kSize + kMaxVlanTags * VlanTag::kSize - 2,
                      VlanTag::kName);
  if (opcode == nullptr) return wire_error(WireFault::kUnknownOpcode, bth_at, Bth::kName);
  const std::size_t payload_at = bth_at + Bth::kSize + opcode->extension_bytes;
  if (payload_size > 0 && !opcode->payload) return wire_error(WireFault::kUnexpectedPayload, payload_at, "payload");
  constexpr std::size_t kLongestIp = std::numeric_limits<std::uint16_t>::max();
  const std::size_t pad = (4 - payload_size % 4) % 4;
  const std::size_t without_payload = payload_at - udp_at + kIcrcSize + pad + ip_size(headers);
  if (payload_size > kLongestIp - without_payload) return wire_error(WireFault::kTooLong, payload_at, "payload");
  const std::size_t ip_payload = without_payload - ip_size(headers) + payload_size;

  set_ether_types(headers);
  headers.bth.pad_count = static_cast<std::uint8_t>(pad);
  headers.bth.header_version = 0;
  headers.udp.destination_port = kRoceV2Port;
  headers.udp.length = static_cast<std::uint16_t>(ip_payload);
  headers.udp.checksum = 0;
  std::size_t at = 0;
  const char* too_wide = nullptr;
  for_each_header(headers, *opcode, [&]<typename Header>(const Header& header) {
    if (too_wide != nullptr) return;
    if (fits(header))
      at += Header::kSize;
    else
      too_wide = Header::kName;
  });
  if (too_wide != nullptr) return wire_error(WireFault::kValueTooWide, at, too_wide);
  std::visit([&](auto& ip) { set_ip_length(ip, ip_payload); }, headers.ip);
  return headers;
}

WireExpected<std::vector<std::uint8_t>> build_frame(const FrameHeaders& headers,
                                                    std::span<const std::uint8_t> payload) {
  const auto complete = complete_headers(headers, payload.size());
  if (!complete) return tl::unexpected(complete.error());
  const OpcodeInfo& opcode = *find_opcode(complete->bth.opcode);
  std::vector<std::uint8_t> frame;
  frame.reserve(link_size(headers) + ip_size(headers) + complete->udp.length);
  for_each_header(*complete, opcode, [&](const auto& header) { append(frame, header); });
  frame.insert(frame.end(), payload.begin(), payload.end());
  frame.resize(frame.size() + complete->bth.pad_count + kIcrcSize);
  const auto layout = find_layout(frame);
  WEFT_CHECK(layout.has_value());
  store_icrc(frame, *layout, icrc(frame, *layout));
  return frame;
}

WireExpected<ParsedFrame> parse_frame(std::span<const std::uint8_t> frame) {
  const auto layout = find_layout(frame);
  if (!layout) return tl::unexpected(layout.error());
  ParsedFrame parsed;
  parsed.layout = *layout;
  parsed.headers.vlan_tags.resize(layout->vlan_tags);
  if (layout->ip_version == IpVersion::kV6) parsed.headers.ip = Ipv6Header{};
  auto rest = frame;
  for_each_header(parsed.headers, *layout->opcode, [&]<typename Header>(Header& header) {
    header = decode<Header>(rest);
    rest = rest.subspan(Header::kSize);
  });
  parsed.payload = frame.subspan(layout->payload, layout->payload_size);
  parsed.icrc = load_icrc(frame, *layout);
  return parsed;
}

FrameHeaders cnp_for(const FrameHeaders& marked, std::uint32_t sender_qp, const CnpClass& traffic_class) {
  FrameHeaders cnp = marked;
  std::swap(cnp.ethernet.source, cnp.ethernet.destination);
  for (VlanTag& tag : cnp.vlan_tags) tag.priority = traffic_class.vlan_priority;
  std::visit(
      [&](auto& ip) {
        std::swap(ip.source, ip.destination);
        ip.dscp = traffic_class.dscp;
        ip.ecn = Ecn::kNotEct;
      },
      cnp.ip);
  cnp.bth = Bth{};
  cnp.bth.opcode = kOpcodeCnp;
  cnp.bth.p_key = marked.bth.p_key;
  cnp.bth.becn = true;
  cnp.bth.dest_qp = sender_qp;
  cnp.extensions = Extensions{};
  return cnp;
}

}  // namespace weft::wire
