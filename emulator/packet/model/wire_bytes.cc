#include "emulator/packet/model/wire_bytes.h"

#include "fabric/wire/frame.h"
#include "fabric/wire/pause.h"
#include "topologies/hash.h"

namespace weft::packet {
namespace {

using wire::Operation;

constexpr std::uint32_t kPatternPeriod = 251;  // a prime, so that a packet never starts as the one before
constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kRnrTimerCode = 12;  // 0.64 ms, IBTA volume 1 table 45
constexpr std::uint8_t kNoCredits = 31;     // "credit count field invalid", IBTA volume 1 table 43
constexpr std::uint16_t kLongestPause = 0xFFFF;

// A switch that trusts DSCP takes its upper three bits; 26 is customary for RoCE data.
std::uint8_t dscp_of(std::uint8_t priority) {
  return static_cast<std::uint8_t>(8 * priority + (priority == 3 ? 2 : 0));
}

struct InMessage {
  std::uint32_t message = 0;
  std::uint64_t offset = 0;  // bytes within it
  bool first = false, last = false;
};

InMessage place_of(const Network& network, const MessageRun& run, std::uint32_t psn) {
  InMessage place;
  place.message = run.message_at(psn);
  const std::uint32_t packet = run.packet_at(psn);
  place.offset = std::uint64_t{packet} * network.topology().spec().transport.mtu;
  place.first = packet == 0;
  place.last = packet == run.packets - 1;
  return place;
}

Operation operation_of(const InMessage& at, bool send) {
  if (at.first && at.last) return send ? Operation::kSendOnly : Operation::kWriteOnly;
  if (at.first) return send ? Operation::kSendFirst : Operation::kWriteFirst;
  if (at.last) return send ? Operation::kSendLast : Operation::kWriteLast;
  return send ? Operation::kSendMiddle : Operation::kWriteMiddle;
}

std::vector<std::uint8_t> payload_of(const Frame& f, const InMessage& at) {
  if ((f.flags & kTrimmed) != 0) return {};
  std::vector<std::uint8_t> payload(f.payload);
  std::uint64_t value = (at.offset + at.message) % kPatternPeriod;
  for (std::uint8_t& byte : payload) {
    byte = static_cast<std::uint8_t>(value);
    value = value + 1 == kPatternPeriod ? 0 : value + 1;
  }
  return payload;
}

void fill_data(const Qp& q, std::uint64_t message_bytes, const Frame& f, const InMessage& at, wire::FrameHeaders& h) {
  const bool send = (q.flags & kQpSend) != 0;
  h.bth.opcode = wire::opcode(wire::Transport::kRc, operation_of(at, send));
  h.bth.psn = f.psn & wire::kMask24;
  h.bth.ack_request = (f.flags & (kAckRequest | kLastOfMessage)) != 0;
  if (at.first && !send) {
    h.extensions.reth.virtual_address = at.message * message_bytes;
    h.extensions.reth.rkey = f.qp + 1;
    h.extensions.reth.dma_length = static_cast<std::uint32_t>(message_bytes);
  }
}

// An ACK names the last packet it acknowledges, a NAK the one it wants (IBTA volume 1, 9.7.5.1).
void fill_answer(const MessageRun& run, const Frame& f, wire::FrameHeaders& h) {
  if (f.kind == FrameKind::kCnp) {
    h.bth.opcode = wire::kOpcodeCnp;
    h.bth.becn = true;
    return;
  }
  h.bth.opcode = wire::opcode(wire::Transport::kRc, Operation::kAck);
  h.bth.psn = (f.kind == FrameKind::kAck ? f.psn - 1 : f.psn) & wire::kMask24;
  wire::Aeth& aeth = h.extensions.aeth;
  aeth.kind = f.kind == FrameKind::kAck   ? wire::AckKind::kAck
              : f.kind == FrameKind::kNak ? wire::AckKind::kNak
                                          : wire::AckKind::kRnrNak;
  aeth.value = f.kind == FrameKind::kAck   ? kNoCredits
               : f.kind == FrameKind::kNak ? static_cast<std::uint8_t>(wire::NakCode::kPsnSequenceError)
                                           : kRnrTimerCode;
  aeth.msn = run.message_at(f.psn) & wire::kMask24;
}

}  // namespace

WireIds default_wire_ids(std::uint32_t qp) {
  const std::uint32_t source = (2 * qp + 2) & wire::kMask24, destination = (2 * qp + 3) & wire::kMask24;
  return {source, destination, wire::udp_source_port(source, destination)};
}

std::array<std::uint8_t, 6> port_mac(LinkId link) {
  const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(link.value >> shift); };
  return {2, 0, byte(24), byte(16), byte(8), byte(0)};
}

std::vector<std::uint8_t> wire_bytes(Network& network, const WireIds& ids, LinkId link, const Frame& f) {
  const Qp& q = network.qp(f.qp);
  if ((q.flags & kQpScaleUp) != 0) return {};
  const bool data = f.kind == FrameKind::kData;
  wire::FrameHeaders h;
  h.ethernet.source = port_mac(link);
  h.ethernet.destination = port_mac(LinkId{link.value ^ 1U});
  wire::Ipv4Header ip;
  ip.dscp = dscp_of(f.priority);
  ip.ecn = f.kind == FrameKind::kCnp                         ? wire::Ecn::kNotEct
           : (f.flags & kCongestionExperienced) != 0 && data ? wire::Ecn::kCe
                                                             : wire::Ecn::kEct0;
  ip.ttl = static_cast<std::uint8_t>(kTtl - f.hop);
  ip.source = port_address(data ? network.from_port(q) : network.to_port(q));
  ip.destination = port_address(data ? network.to_port(q) : network.from_port(q));
  ip.identification = static_cast<std::uint16_t>(f.psn);
  h.ip = ip;
  h.udp.source_port = ids.udp_source_port;
  h.bth.dest_qp = (data ? ids.destination_qpn : ids.source_qpn) & wire::kMask24;
  std::vector<std::uint8_t> payload;
  if (data) {
    const MessageRun run = network.run_of(q, f.psn);
    const InMessage at = place_of(network, run, f.psn);
    fill_data(q, run.bytes(network.topology().spec().transport.mtu), f, at, h);
    payload = payload_of(f, at);
  } else {
    fill_answer(network.run_of(q, f.psn), f, h);
  }
  auto frame = wire::build_frame(h, payload);
  WEFT_CHECK(frame);  // everything above fits its field
  return std::move(*frame);
}

std::vector<std::uint8_t> pause_bytes(LinkId sender, std::uint8_t priority, bool pause) {
  wire::PauseFrame frame;
  frame.ethernet.source = port_mac(sender);
  wire::PfcPause pfc;
  pfc.enabled = static_cast<std::uint8_t>(1U << priority);
  pfc.quanta[priority] = pause ? kLongestPause : 0;
  frame.pause = pfc;
  return wire::build_pause(frame);
}

}  // namespace weft::packet
