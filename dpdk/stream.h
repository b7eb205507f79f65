// What a sender sends: QPs with messages of one kind, as headers and frames. No DPDK in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dpdk/pacer.h"
#include "dpdk/turn.h"
#include "fabric/wire/frame.h"
#include "fabric/wire/segments.h"

namespace weft::dpdk {

enum class SourcePortPolicy : std::uint8_t {
  kFixed,  // all QPs the same
  kPerQp,  // from the two QP numbers, as rdma-core does (wire::udp_source_port)
  kSweep,  // the next one for each message, over a range: entropy for ECMP
};

// Addresses of one flow, where the flows of a stream are of many hosts.
struct Endpoints {
  std::uint32_t source = 0, destination = 0;  // IPv4
};

struct StreamSpec {
  std::string name = "stream";
  wire::Transport transport = wire::Transport::kRc;
  wire::MessageKind kind = wire::MessageKind::kWrite;
  std::optional<std::uint8_t> opcode;  // instead of transport and kind: every packet has this one
  Bytes message{4096}, mtu{4096};
  std::uint32_t qps = 1;
  // QP i is dest_qp + i at the receiver and source_qp + i here. The same by default: a CNP then finds its way back.
  std::uint32_t dest_qp = 0x100, source_qp = 0x100;
  std::uint32_t start_psn = 0;
  SourcePortPolicy port_policy = SourcePortPolicy::kPerQp;
  std::uint16_t source_port = 0xC000, source_ports = 16'384;  // the first, and how many a sweep goes over
  wire::MacAddress source_mac{}, destination_mac{0x02, 0, 0, 0, 0, 0x02};
  std::optional<wire::VlanTag> vlan;
  std::variant<wire::Ipv4Header, wire::Ipv6Header> ip;  // addresses, DSCP, ECN, TTL
  std::vector<Endpoints> endpoints;                     // of each QP; empty: those of `ip`; IPv4 only
  std::uint64_t virtual_address = 0x10'0000'0000;       // of the first message; the next ones lie behind it
  std::uint32_t rkey = 0x1234, q_key = 0x1111'1111;
  RateProfile rate;         // of all QPs together
  std::uint64_t count = 0;  // packets in all; 0: no limit
};

inline constexpr std::uint32_t kMostQps = 1U << 20;
// Messages lie in one region, aligned to its size, and wrap around in it: the upper half of their addresses is
// constant.
inline constexpr std::uint64_t kRegion = std::uint64_t{1} << 30;
[[nodiscard]] constexpr std::uint64_t address_in_region(std::uint64_t first, std::uint64_t offset) {
  return (first & ~(kRegion - 1)) | ((first + offset) & (kRegion - 1));
}

// One kind of packet of the stream: a frame that is right but for what changes from packet to packet.
struct Shape {
  std::vector<std::uint8_t> frame;  // of QP 0, its first message
  wire::FrameLayout layout;
  std::uint32_t address_at = 0, stamp_at = 0;  // RETH's VA, the stamp; 0: it has none
  std::uint32_t ack_bit = 0;                   // in the word that holds the PSN
};

// A StreamSpec that was checked, with its shapes.
class Stream {
 public:
  // Errors: what MessageSegments::create() refuses, unknown opcode, 24-bit numbers that do not fit, too many QPs, the
  // rate, payload for an opcode that has none.
  [[nodiscard]] static Expected<Stream> create(const StreamSpec& spec);

  [[nodiscard]] const StreamSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<Shape>& shapes() const { return shapes_; }
  [[nodiscard]] std::uint32_t packets_a_message() const { return packets_; }
  // Of packet `index` of a message.
  [[nodiscard]] std::size_t shape_of(std::uint32_t index) const {
    return index == 0 ? 0 : index + 1 == packets_ ? shapes_.size() - 1 : 1;
  }
  [[nodiscard]] std::uint16_t source_port(std::uint32_t qp) const;
  // The complete frame that QP `qp` sends as packet `index` of its message number `message`, with stamp 0: what the
  // fast path must come to. REQUIRES: qp < qps, index < packets_a_message().
  [[nodiscard]] std::vector<std::uint8_t> frame(std::uint32_t qp, std::uint32_t index, std::uint64_t message) const;
  // Mean bytes of a packet on the wire, with preamble, FCS and gap (24 bytes more than the frame).
  [[nodiscard]] double wire_bytes() const;
  [[nodiscard]] std::uint32_t largest_frame() const;
  [[nodiscard]] std::string operation() const;  // "write", "send_imm", or the opcode's name

 private:
  explicit Stream(StreamSpec spec) : spec_(std::move(spec)) {}
  [[nodiscard]] Expected<void> make_shapes();
  [[nodiscard]] wire::Segment segment(std::uint32_t index) const;
  [[nodiscard]] wire::FrameHeaders headers(std::uint32_t qp, std::uint32_t index, std::uint64_t message) const;

  StreamSpec spec_;
  std::optional<wire::MessageSegments> segments_;  // absent: one opcode for all
  std::uint32_t packets_ = 1;
  std::vector<Shape> shapes_;
};

inline constexpr std::uint32_t kWireOverhead = 24;  // preamble 8, FCS 4, gap 12
inline constexpr std::uint32_t kFcs = 4;

}  // namespace weft::dpdk
