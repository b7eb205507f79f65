// What carries RoCEv2: Ethernet, 802.1Q tags, IPv4, IPv6, UDP.
#pragma once

#include <array>
#include <cstdint>

#include "fabric/wire/fields.h"

namespace weft::wire {

using MacAddress = std::array<std::uint8_t, 6>;
using Ipv6Address = std::array<std::uint8_t, 16>;

// IEEE 802 numbers (IANA).
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86DD;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;         // 802.1Q C-tag
inline constexpr std::uint16_t kEtherTypeServiceVlan = 0x88A8;  // 802.1ad S-tag
inline constexpr std::uint16_t kEtherTypeMacControl = 0x8808;   // 802.3 clause 31
inline constexpr std::uint16_t kRoceV2Port = 4791;              // UDP destination port, IANA and IBTA annex A17
inline constexpr std::uint8_t kProtocolUdp = 17;

// Whether a VLAN tag follows this EtherType.
[[nodiscard]] constexpr bool announces_tag(std::uint16_t ether_type) {
  return ether_type == kEtherTypeVlan || ether_type == kEtherTypeServiceVlan;
}

// ECN field of IP, RFC 3168 section 5.
enum class Ecn : std::uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// IEEE 802.3 section 3.2, without preamble and FCS.
struct EthernetHeader {
  static constexpr std::size_t kSize = 14;
  static constexpr const char* kName = "Ethernet header";
  MacAddress destination{}, source{};
  std::uint16_t ether_type = 0;  // of what follows, which may be a tag

  bool operator==(const EthernetHeader&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<48>, h.destination);
    v(kBits<48>, h.source);
    v(kBits<16>, h.ether_type);
  }
};

// What follows the EtherType of an 802.1Q tag: TCI (section 9.6) and the next EtherType.
struct VlanTag {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "VLAN tag";
  std::uint8_t priority = 0;     // PCP, 3 bits; the class that PFC pauses
  bool drop_eligible = false;    // DEI
  std::uint16_t vlan_id = 0;     // 12 bits
  std::uint16_t ether_type = 0;  // of what follows the tag

  bool operator==(const VlanTag&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<3>, h.priority);
    v(kBits<1>, h.drop_eligible);
    v(kBits<12>, h.vlan_id);
    v(kBits<16>, h.ether_type);
  }
};

// RFC 791 section 3.1, without options.
struct Ipv4Header {
  static constexpr std::size_t kSize = 20;
  static constexpr const char* kName = "IPv4 header";
  std::uint8_t version = 4;
  std::uint8_t header_words = 5;
  std::uint8_t dscp = 26;  // the customary class of RoCE data
  Ecn ecn = Ecn::kEct0;
  std::uint16_t total_length = 0;
  std::uint16_t identification = 0;
  bool reserved = false;
  bool dont_fragment = true;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;
  std::uint8_t ttl = 64;
  std::uint8_t protocol = kProtocolUdp;
  std::uint16_t checksum = 0;
  std::uint32_t source = 0, destination = 0;  // 10.0.0.1 is 0x0A000001

  bool operator==(const Ipv4Header&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<4>, h.version);
    v(kBits<4>, h.header_words);
    v(kBits<6>, h.dscp);
    v(kBits<2>, h.ecn);
    v(kBits<16>, h.total_length);
    v(kBits<16>, h.identification);
    v(kBits<1>, h.reserved);
    v(kBits<1>, h.dont_fragment);
    v(kBits<1>, h.more_fragments);
    v(kBits<13>, h.fragment_offset);
    v(kBits<8>, h.ttl);
    v(kBits<8>, h.protocol);
    v(kBits<16>, h.checksum);
    v(kBits<32>, h.source);
    v(kBits<32>, h.destination);
  }
};

// RFC 8200 section 3.
struct Ipv6Header {
  static constexpr std::size_t kSize = 40;
  static constexpr const char* kName = "IPv6 header";
  std::uint8_t version = 6;
  std::uint8_t dscp = 26;
  Ecn ecn = Ecn::kEct0;
  std::uint32_t flow_label = 0;      // 20 bits
  std::uint16_t payload_length = 0;  // what follows this header
  std::uint8_t next_header = kProtocolUdp;
  std::uint8_t hop_limit = 64;
  Ipv6Address source{}, destination{};

  bool operator==(const Ipv6Header&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<4>, h.version);
    v(kBits<6>, h.dscp);
    v(kBits<2>, h.ecn);
    v(kBits<20>, h.flow_label);
    v(kBits<16>, h.payload_length);
    v(kBits<8>, h.next_header);
    v(kBits<8>, h.hop_limit);
    v(kBits<128>, h.source);
    v(kBits<128>, h.destination);
  }
};

// RFC 768. RoCEv2 sends checksum 0: the ICRC protects the packet (IBTA annex A17).
struct UdpHeader {
  static constexpr std::size_t kSize = 8;
  static constexpr const char* kName = "UDP header";
  std::uint16_t source_port = 0xC000;
  std::uint16_t destination_port = kRoceV2Port;
  std::uint16_t length = 0;  // this header and what follows
  std::uint16_t checksum = 0;

  bool operator==(const UdpHeader&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<16>, h.source_port);
    v(kBits<16>, h.destination_port);
    v(kBits<16>, h.length);
    v(kBits<16>, h.checksum);
  }
};

static_assert(size_matches_fields<EthernetHeader>() && size_matches_fields<VlanTag>() &&
              size_matches_fields<Ipv4Header>() && size_matches_fields<Ipv6Header>() &&
              size_matches_fields<UdpHeader>());

// RFC 1071: the checksum that makes the ones' complement sum of an IPv4 header zero. Takes the stored checksum as 0.
[[nodiscard]] constexpr std::uint16_t ipv4_checksum(Ipv4Header header) {
  header.checksum = 0;
  std::array<std::uint8_t, Ipv4Header::kSize> wire{};
  encode(header, wire);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < wire.size(); i += 2) sum += (std::uint32_t{wire[i]} << 8) | wire[i + 1];
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xFFFF);
}

// UDP source port of a RoCEv2 connection from a 20-bit flow label, as rdma-core computes it
// (ibv_flow_label_to_udp_sport): within the ephemeral ports 0xC000 to 0xFFFF.
[[nodiscard]] constexpr std::uint16_t udp_source_port_from_flow_label(std::uint32_t flow_label) {
  const std::uint32_t folded = (flow_label & 0x3FFFU) ^ ((flow_label & 0xFC000U) >> 14);
  return static_cast<std::uint16_t>(folded | 0xC000U);
}

// The same where the flow label is 0: from the two QP numbers, either way round (rdma-core's default).
[[nodiscard]] constexpr std::uint16_t udp_source_port(std::uint32_t local_qpn, std::uint32_t remote_qpn) {
  std::uint64_t v = std::uint64_t{local_qpn} * remote_qpn;
  v ^= v >> 20;
  v ^= v >> 40;
  return udp_source_port_from_flow_label(static_cast<std::uint32_t>(v & 0xFFFFFU));
}

}  // namespace weft::wire
