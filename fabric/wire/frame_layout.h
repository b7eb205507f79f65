// Where things stand in a RoCEv2 frame. Found without copying or allocating: the first step of any receiver.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "fabric/wire/network_headers.h"
#include "fabric/wire/opcodes.h"
#include "fabric/wire/transport_headers.h"
#include "fabric/wire/wire_error.h"

namespace weft::wire {

enum class IpVersion : std::uint8_t { kV4 = 4, kV6 = 6 };

inline constexpr std::size_t kMaxVlanTags = 2;

// Offsets in bytes from the start of the Ethernet header. Extension headers lie between bth + Bth::kSize and payload.
struct FrameLayout {
  std::uint32_t vlan_tags = 0;
  IpVersion ip_version = IpVersion::kV4;
  std::uint32_t ip = 0, udp = 0, bth = 0, payload = 0;
  std::uint32_t payload_size = 0;  // without padding
  std::uint32_t pad_size = 0;      // 0 to 3
  std::uint32_t icrc = 0;          // the ICRC; it covers [ip, icrc)
  const OpcodeInfo* opcode = nullptr;

  // Length of the frame up to and with its ICRC; what follows is Ethernet padding or FCS.
  [[nodiscard]] std::uint32_t end() const { return icrc + static_cast<std::uint32_t>(kIcrcSize); }
};

// Reads any bytes. All lengths agree with one another and lie within the frame when a layout comes back: UDP 4791,
// known opcode, all its extension headers, payload only where the opcode has one, payload and padding a multiple of 4
// bytes. The ICRC is not checked; see icrc.h.
[[nodiscard]] WireExpected<FrameLayout> find_layout(std::span<const std::uint8_t> frame);

// A field's place in a frame, in bytes.
struct FieldPlace {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// Fields that senders change from packet to packet.
enum class Field : std::uint8_t {
  kIpv4Identification,
  kIpv4Source,
  kIpv4Destination,
  kUdpSourcePort,
  kOpcode,
  kPKey,
  kDestQp,
  kAckRequestByte,  // the byte that holds A
  kPsn,
  kRethVirtualAddress,
  kRethRkey,
  kRethDmaLength,
  kImmediate,
  kAethSyndrome,
  kAethMsn,
  kDethQKey,
  kDethSourceQp,
  kPayloadStart,  // its first 8 bytes: a stamp
};

// Nothing where the frame has no such field.
[[nodiscard]] std::optional<FieldPlace> find_field(const FrameLayout& layout, Field field);

}  // namespace weft::wire
