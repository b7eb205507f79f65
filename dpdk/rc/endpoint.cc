#include "dpdk/rc/endpoint.h"

namespace weft::dpdk::rc {
namespace {

constexpr unsigned kBurst = 32;                 // frames a poll
constexpr Duration kCnpGap = Duration::us(50);  // SIGCOMM'15, section 3.1: the notification point's interval

bool is_marked(const wire::FrameHeaders& headers) {
  return std::visit([](const auto& ip) { return ip.ecn == wire::Ecn::kCe; }, headers.ip);
}

// Section 10.9.3: the same 15 bits, and one of both a full member.
bool same_partition(std::uint16_t a, std::uint16_t b) {
  constexpr unsigned kFullMember = 0x8000;
  return ((a ^ b) & ~kFullMember & 0xFFFFU) == 0 && ((a | b) & kFullMember) != 0;
}

}  // namespace

Endpoint::Endpoint(FrameIo& io, const Settings& settings)
    : io_(io), settings_(settings), requester_(settings), responder_(settings) {}

bool Endpoint::poll(Duration now) {
  bool busy = false;
  for (unsigned i = 0; i < kBurst; ++i) {
    const std::size_t size = io_.receive(buffer_);
    if (size == 0) break;
    busy = true;
    take(std::span(buffer_).first(size), now);
  }
  const Sink sink = [&](std::span<const std::uint8_t> frame) {
    const bool went = io_.send(frame);
    busy = busy || went;
    return went;
  };
  responder_.pump(sink, kBurst);  // answers first: the peer's window waits for them
  requester_.pump(now, sink, kBurst);
  return busy;
}

bool Endpoint::is_peers(const wire::FrameHeaders& headers) {
  const bool same_kind = headers.ip.index() == settings_.path.ip.index();
  const auto* v4 = std::get_if<wire::Ipv4Header>(&headers.ip);
  const bool source =
      same_kind && (v4 != nullptr ? v4->source == std::get<wire::Ipv4Header>(settings_.path.ip).destination
                                  : std::get<wire::Ipv6Header>(headers.ip).source ==
                                        std::get<wire::Ipv6Header>(settings_.path.ip).destination);
  if (!source) {
    ++counts_.wrong_source;
    return false;
  }
  if (same_partition(headers.bth.p_key, settings_.path.bth.p_key)) return true;
  ++counts_.wrong_partition;
  return false;
}

void Endpoint::take(std::span<const std::uint8_t> frame, Duration now) {
  const auto parsed = wire::parse_frame(frame);
  if (!parsed || parsed->headers.bth.dest_qp != settings_.local_qp) {
    ++counts_.others;
    return;
  }
  if (!wire::icrc_matches(frame, parsed->layout)) {
    ++counts_.bad_icrc;
    return;
  }
  if (!is_peers(parsed->headers)) return;
  ++counts_.frames;
  if (parsed->headers.bth.opcode == wire::kOpcodeCnp) {
    ++counts_.cnps_received;
    return;
  }
  if (is_marked(parsed->headers)) answer_mark(*parsed, now);
  if (parsed->layout.opcode->request)
    responder_.take(*parsed);
  else
    requester_.take(*parsed, now);
}

void Endpoint::answer_mark(const wire::ParsedFrame& frame, Duration now) {
  ++counts_.ce_marked;
  if (now < next_cnp_) return;
  const auto cnp = wire::build_frame(wire::cnp_for(frame.headers, settings_.remote_qp, wire::CnpClass{}), {});
  if (!cnp || !io_.send(*cnp)) return;
  ++counts_.cnps_sent;
  next_cnp_ = now + kCnpGap;
}

}  // namespace weft::dpdk::rc
