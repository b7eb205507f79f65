#include "fabric/wire/wire_error.h"

#include <fmt/format.h>

namespace weft::wire {
namespace {

struct Sentence {
  const char* what;
  const char* way_out;
};

Sentence sentence(WireFault fault) {
  switch (fault) {
    case WireFault::kTruncated:
      return {"the frame ends within it", "capture whole frames"};
    case WireFault::kNotIp:
      return {"the EtherType is neither IPv4 (0x0800) nor IPv6 (0x86DD)", "RoCEv2 runs over IP"};
    case WireFault::kTooManyTags:
      return {"more than two VLAN tags", "at most an S-tag and a C-tag"};
    case WireFault::kIpVersion:
      return {"the version is not that of the EtherType", "4 or 6"};
    case WireFault::kIpOptions:
      return {"IPv4 options", "a header of 5 words"};
    case WireFault::kIpLength:
      return {"the length is less than the headers need", "a length that covers UDP, BTH and ICRC"};
    case WireFault::kFragment:
      return {"a fragment of a datagram", "RoCEv2 packets are not fragmented"};
    case WireFault::kNotUdp:
      return {"the protocol is not UDP", "17, directly behind the IP header"};
    case WireFault::kNotRocePort:
      return {"the UDP destination port is not RoCEv2's", "4791"};
    case WireFault::kUdpLength:
      return {"the UDP length is not what IP has left", "the IP payload length"};
    case WireFault::kUnknownOpcode:
      return {"the opcode is reserved", "one of RC, UC, RD, UD, XRC or CNP"};
    case WireFault::kTransportVersion:
      return {"the transport header version is not 0", "0"};
    case WireFault::kPadding:
      return {"more padding than the packet has payload", "0 to 3 bytes behind a payload"};
    case WireFault::kUnexpectedPayload:
      return {"payload behind an opcode that has none", "no payload"};
    case WireFault::kUnaligned:
      return {"payload and padding are no multiple of 4 bytes", "padding up to 4 bytes"};
    case WireFault::kValueTooWide:
      return {"a value is wider than its field", "QP numbers and PSNs have 24 bits"};
    case WireFault::kTooLong:
      return {"more payload than IP can carry", "at most 65,535 bytes with headers"};
    case WireFault::kNotMacControl:
      return {"the EtherType is not MAC control", "0x8808"};
    case WireFault::kNotPause:
      return {"the MAC control opcode is no pause", "0x0001 or 0x0101"};
  }
  return {"unknown fault", ""};
}

}  // namespace

std::string WireError::text() const { return fmt::format("byte {}, {}: {}", offset, item, sentence(fault).what); }

Error WireError::to_error() const { return {ErrorCode::kInput, text(), {}, sentence(fault).way_out, {}}; }

}  // namespace weft::wire
