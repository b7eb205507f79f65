#include "dpdk/arrival.h"

#include <array>
#include <cstring>

namespace weft::dpdk {
namespace {

using Frame = std::span<const std::uint8_t>;

struct OpcodeRow {
  const wire::OpcodeInfo* info = nullptr;
  std::uint16_t extension_bytes = 0;
  bool payload = false;
  ArrivalKind kind = ArrivalKind::kForeign;
};

ArrivalKind kind_of(const wire::OpcodeInfo& info) {
  if (info.transport == wire::Transport::kCnp) return ArrivalKind::kCnp;
  const bool read = (info.opcode & 0x1F) == static_cast<unsigned>(wire::Operation::kReadRequest);
  return info.request && !read ? ArrivalKind::kRequest : ArrivalKind::kResponse;
}

std::array<OpcodeRow, 256> make_rows() {
  std::array<OpcodeRow, 256> made{};
  for (const wire::OpcodeInfo& info : wire::all_opcodes())
    made[info.opcode] = {&info, info.extension_bytes, info.payload, kind_of(info)};
  return made;
}
const std::array<OpcodeRow, 256> kOpcodeRows = make_rows();  // all_opcodes() is a constant: no order to mind

template <typename T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
std::uint32_t load16(const std::uint8_t* at) { return std::uint32_t{at[0]} << 8 | at[1]; }
std::uint32_t load32(const std::uint8_t* at) { return __builtin_bswap32(load<std::uint32_t>(at)); }

constexpr std::uint32_t u32(std::size_t size) { return static_cast<std::uint32_t>(size); }
constexpr std::uint32_t kIp = u32(wire::EthernetHeader::kSize), kUdp = kIp + u32(wire::Ipv4Header::kSize);
constexpr std::uint32_t kBth = kUdp + u32(wire::UdpHeader::kSize), kBehindBth = kBth + u32(wire::Bth::kSize);
constexpr std::uint32_t kIcrc = u32(wire::kIcrcSize);

// Untagged IPv4 without options, all lengths in agreement; false: find_layout() has to say.
inline bool usual_layout(Frame frame, wire::FrameLayout& layout) {
  if (frame.size() < kBehindBth + kIcrc) return false;
  const std::uint8_t* f = frame.data();
  constexpr std::uint64_t kTypeAndVersion = 0x45'00'08;  // EtherType 0x0800, version 4, 5 words
  if ((load<std::uint32_t>(f + 12) & 0xFFFFFF) != kTypeAndVersion) return false;
  const std::uint32_t ip_length = load16(f + kIp + 2);
  const bool good = (load16(f + kIp + 6) & 0x3FFF) == 0 && f[kIp + 9] == wire::kProtocolUdp &&
                    load16(f + kUdp + 2) == wire::kRoceV2Port && load16(f + kUdp + 4) + 20 == ip_length &&
                    ip_length >= kBehindBth - kIp + kIcrc && ip_length + kIp <= frame.size() &&
                    (f[kBth + 1] & 0xF) == 0;
  if (!good) return false;
  const OpcodeRow& row = kOpcodeRows[f[kBth]];
  const std::uint32_t payload = kBehindBth + row.extension_bytes, icrc = kIp + ip_length - kIcrc;
  if (row.info == nullptr || payload > icrc) return false;
  const std::uint32_t padded = icrc - payload, pad = f[kBth + 1] >> 4 & 3;
  if (pad > padded || (padded > 0 && !row.payload) || padded % 4 != 0) return false;
  layout.vlan_tags = 0;
  layout.ip_version = wire::IpVersion::kV4;
  layout.ip = kIp;
  layout.udp = kUdp;
  layout.bth = kBth;
  layout.payload = payload;
  layout.payload_size = padded - pad;
  layout.pad_size = pad;
  layout.icrc = icrc;
  layout.opcode = row.info;
  return true;
}

std::uint64_t hash_address(const std::uint8_t* address) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t hash = load<std::uint64_t>(address) * kOdd;
  hash = (hash ^ hash >> 32 ^ load<std::uint64_t>(address + 8)) * kOdd;
  return hash >> 26;  // 38 bits
}

}  // namespace

Arrival classify(Frame frame) {
  Arrival arrival;
  classify(frame, arrival);
  return arrival;
}

void classify(Frame frame, Arrival& arrival) {
  if (!usual_layout(frame, arrival.layout)) {
    arrival.kind = ArrivalKind::kForeign;
    const auto found = wire::find_layout(frame);
    if (!found) return;
    arrival.layout = *found;
  }
  const wire::FrameLayout& layout = arrival.layout;
  const std::uint8_t* ip = frame.data() + layout.ip;
  const std::uint8_t* bth = frame.data() + layout.bth;
  arrival.kind = kOpcodeRows[bth[0]].kind;
  arrival.dest_qp = load32(bth + 4) & wire::kMask24;
  arrival.psn = load32(bth + 8) & wire::kMask24;
  constexpr std::uint64_t kV4 = std::uint64_t{1} << 62, kV6 = std::uint64_t{1} << 63;
  if (layout.ip_version == wire::IpVersion::kV4) {
    arrival.marked_ce = (ip[1] & 3) == 3;
    arrival.flow = kV4 | std::uint64_t{load32(ip + 12)} << 24 | arrival.dest_qp;
  } else {
    arrival.marked_ce = (ip[1] & 0x30) == 0x30;
    arrival.flow = kV6 | hash_address(ip + 8) << 24 | arrival.dest_qp;
  }
}

}  // namespace weft::dpdk
