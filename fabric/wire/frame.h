// Whole RoCEv2 frames, without preamble and FCS: from headers to bytes and back.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "fabric/wire/frame_layout.h"
#include "fabric/wire/icrc.h"

namespace weft::wire {

// All extension headers; the opcode says which of them are in the frame.
struct Extensions {
  Rdeth rdeth;
  Deth deth;
  XrcEth xrceth;
  Reth reth;
  AtomicEth atomic;
  Aeth aeth;
  AtomicAckEth atomic_ack;
  ImmDt immediate;
  Ieth invalidate;
  CnpReserved cnp;

  bool operator==(const Extensions&) const = default;
};

// Calls f(header) for each extension header that the opcode has, in wire order. `Self` is Extensions, const or not.
template <typename Self, typename F>
void for_each_extension(Self& extensions, const OpcodeInfo& opcode, F f) {
  if (opcode.has(kHasRdeth)) f(extensions.rdeth);
  if (opcode.has(kHasDeth)) f(extensions.deth);
  if (opcode.has(kHasXrcEth)) f(extensions.xrceth);
  if (opcode.has(kHasReth)) f(extensions.reth);
  if (opcode.has(kHasAtomicEth)) f(extensions.atomic);
  if (opcode.has(kHasAeth)) f(extensions.aeth);
  if (opcode.has(kHasAtomicAckEth)) f(extensions.atomic_ack);
  if (opcode.has(kHasImmDt)) f(extensions.immediate);
  if (opcode.has(kHasIeth)) f(extensions.invalidate);
  if (opcode.has(kHasCnpReserved)) f(extensions.cnp);
}

struct FrameHeaders {
  EthernetHeader ethernet;
  std::vector<VlanTag> vlan_tags;  // outermost first, at most kMaxVlanTags
  std::variant<Ipv4Header, Ipv6Header> ip;
  UdpHeader udp;
  Bth bth;
  Extensions extensions;

  bool operator==(const FrameHeaders&) const = default;
};

// Fills in what follows from the rest: EtherTypes (an outer one that names a tag is kept), IP version and lengths, the
// IPv4 checksum, UDP destination port, length and checksum 0, pad count.
[[nodiscard]] WireExpected<FrameHeaders> complete_headers(FrameHeaders headers, std::size_t payload_size);

// The frame of complete_headers(headers), with padding of zeros and its ICRC.
// Errors: an unknown opcode, a value wider than its field, payload where the opcode has none or more than IP carries.
[[nodiscard]] WireExpected<std::vector<std::uint8_t>> build_frame(const FrameHeaders& headers,
                                                                  std::span<const std::uint8_t> payload);

struct ParsedFrame {
  FrameHeaders headers;  // as they stand in the frame, right or wrong in what complete_headers() fills in
  FrameLayout layout;
  std::span<const std::uint8_t> payload;  // of the frame given, without padding
  std::uint32_t icrc = 0;                 // as it stands in the frame; icrc_matches() checks it
};

// Reads any bytes. Errors are those of find_layout().
[[nodiscard]] WireExpected<ParsedFrame> parse_frame(std::span<const std::uint8_t> frame);

// Class of a CNP; the customary one, configurable everywhere.
struct CnpClass {
  std::uint8_t dscp = 48;
  std::uint8_t vlan_priority = 6;
};

// Congestion notification packet (annex A17) in answer to a marked data packet: addresses swapped, to the QP that sent
// it (a data packet does not name it), BECN set, PSN 0, not ECN-capable. Keeps the UDP source port.
[[nodiscard]] FrameHeaders cnp_for(const FrameHeaders& marked, std::uint32_t sender_qp, const CnpClass& traffic_class);

}  // namespace weft::wire
