// The receiving side of a NIC: order, ACK, NAK, RNR, CNP, and the bus to memory.
#include <ns3/simulator.h>

#include <algorithm>

#include "emulator/packet/network.h"

namespace weft::packet {
namespace {

// Line bytes: preamble 8, Ethernet 14, IPv4 20, UDP 8, BTH 12, ICRC 4, FCS 4, gap 12 = 82; AETH 4; CNP's reserved 16.
constexpr std::uint16_t kAckWire = 86;
constexpr std::uint16_t kCnpWire = 98;
constexpr std::uint16_t kScaleUpAckWire = 16;

}  // namespace

void Network::receive(Port& p, std::uint32_t index, Ps now) {
  Frame& f = frames_[index];
  if (f.kind == FrameKind::kData)
    take_data(p, f, now);
  else
    take_answer(f, now);
  free_frame(index);
}

void Network::take_data(Port& p, Frame& f, Ps now) {
  const std::uint32_t index = f.qp;
  Qp& q = qps_[index];
  if ((q.flags & kQpInUse) == 0) return;
  if ((f.flags & kCongestionExperienced) != 0) {
    ++q.marked;
    notify_congestion(q, index, p, now);
  }
  if ((f.flags & kTrimmed) != 0) {
    take_trimmed(q, f, now);
    return;
  }
  if ((q.flags & kQpSend) != 0 && !receive_is_posted(q, f, now)) return;
  const std::uint32_t before = q.expected;
  bool fresh = true;
  if (Reorder* reorder = reorder_of(q)) {
    fresh = reorder->receive(f.psn, q.expected);
    // Where switches trim, a gap's packet is on its way as a header, which asks for it.
    const bool gap = fresh && f.psn > before && !unordered_ && !spec_.switches.trimming;
    if (gap) {  // IRN (SIGCOMM'18): every packet out of order says what is missing
      ++q.unanswered;
      answer(q, index, f, FrameKind::kNak, now);
    }
  } else if (f.psn == q.expected) {
    ++q.expected;
    q.flags &= static_cast<std::uint16_t>(~kQpNakSent);
  } else if (f.psn > q.expected) {
    if ((q.flags & kQpNakSent) == 0) answer(q, index, f, FrameKind::kNak, now);
    q.flags |= kQpNakSent;  // IBTA 9.7.5.1.3: once for each gap
    return;
  } else {
    fresh = false;
  }
  if (fresh) {
    ++counters_.delivered_packets;
    counters_.delivered_bytes += f.payload;
    ++q.unanswered;
  }
  const Ps in_memory = bus_ps_per_byte_ != 0 && (q.flags & kQpScaleUp) == 0 ? drain(p, f.payload, now) : now;
  const bool owed = ack_is_owed(q, f);
  const bool ask = (f.flags & (kAckRequest | kLastOfMessage)) != 0 || !fresh || owed;
  if (ask || q.unanswered >= spec_.transport.ack_every) answer(q, index, f, FrameKind::kAck, now);
  if (q.expected != before) complete_messages(q, index, before, in_memory);
}

// A packet that asked for an ACK may have overtaken others, for which the sender then waits: these are answered one by
// one until nothing is missing.
bool Network::ack_is_owed(Qp& q, const Frame& f) {
  const Reorder* reorder = reorder_of(q);
  if (reorder == nullptr) return false;
  const bool owed = (q.flags & kQpAckOwed) != 0;
  const bool missing = reorder->received() != q.expected;
  if (!missing)
    q.flags &= static_cast<std::uint16_t>(~kQpAckOwed);
  else if ((f.flags & (kAckRequest | kLastOfMessage)) != 0)
    q.flags |= kQpAckOwed;
  return owed;
}

// The payload is gone. Go-back-N starts again there; otherwise just that packet is asked for.
void Network::take_trimmed(Qp& q, Frame& f, Ps now) {
  const std::uint32_t index = f.qp;
  if (f.psn < q.expected) return;
  if ((q.flags & kQpReorder) == 0) {
    if ((q.flags & kQpNakSent) == 0) answer(q, index, f, FrameKind::kNak, now);
    q.flags |= kQpNakSent;
    return;
  }
  answer(q, index, f, FrameKind::kNak, now);
}

// SEND needs a posted receive for each message: without one, an RNR NAK (IBTA 9.7.5.2.8).
bool Network::receive_is_posted(Qp& q, const Frame& f, Ps now) {
  const bool first = run_of(q, f.psn).packet_at(f.psn) == 0;
  if (f.psn != q.expected || !first) return true;
  const auto posted = posted_receives_.find(f.qp);
  if (posted != posted_receives_.end() && posted->second > 0) {
    --posted->second;
    return true;
  }
  answer(q, f.qp, f, FrameKind::kRnrNak, now);
  q.flags |= kQpNakSent;
  return false;
}

void Network::answer(Qp& q, std::uint32_t index, const Frame& f, FrameKind kind, Ps now) {
  const std::uint32_t frame = frames_.take();
  Frame& a = frames_[frame];
  a = Frame{};
  a.qp = index;
  a.kind = kind;
  a.psn = q.expected;
  a.sent = f.sent;
  a.at = now;
  a.wire = (q.flags & kQpScaleUp) != 0 ? kScaleUpAckWire : kAckWire;
  a.priority = static_cast<std::uint8_t>(spec_.transport.ack_priority);
  if (kind == FrameKind::kNak && (f.flags & kTrimmed) != 0) {
    a.flags |= kTrimmed;
    a.entropy = f.psn;
  }
  a.packets = q.unanswered;
  a.marked = q.marked;
  q.unanswered = 0;
  q.marked = 0;
  if (const Reorder* reorder = reorder_of(q)) {
    a.sack = reorder->sack(q.expected);
    a.received = reorder->received();
  }
  if (f.telemetry != kNone) {
    a.telemetry = telemetry_.take();
    telemetry_[a.telemetry] = telemetry_[f.telemetry];
  }
  ++q.frames;
  send_back(q, frame, now);
}

void Network::send_back(Qp& q, std::uint32_t frame, Ps now) {
  if ((q.flags & kQpDirectAck) != 0) {
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(base_rtt(q) / 2)), &Network::direct_answer, this,
                             frame);
    return;
  }
  Port& p = ports_[back_path(q)[0]];
  advance(p, now);
  append(p, frame);
  advance_and_schedule(p, now);
}

void Network::direct_answer(std::uint32_t frame) {
  take_answer(frames_[frame], now());
  free_frame(frame);
}

// A CNP for a marked packet, as often as the NIC's limit allows (SIGCOMM'15, section 3.1: notification point).
void Network::notify_congestion(Qp& q, std::uint32_t index, const Port& p, Ps now) {
  if (spec_.transport.congestion_control != CongestionControlKind::kDcqcn || (q.flags & kQpScaleUp) != 0) return;
  const DcqcnSpec& dcqcn = spec_.transport.dcqcn;
  Ps& last =
      dcqcn.cnp_limit == CnpLimit::kPort ? injectors_[injector_of(ports_.index_of(p) ^ 1U)].last_cnp : q.last_cnp;
  if (last >= 0 && now - last < dcqcn.min_time_between_cnps.picoseconds) return;
  last = now;
  const std::uint32_t frame = frames_.take();
  Frame& c = frames_[frame];
  c = Frame{};
  c.qp = index;
  c.kind = FrameKind::kCnp;
  c.wire = kCnpWire;
  c.at = now;
  c.sent = now;
  c.priority = static_cast<std::uint8_t>(spec_.transport.cnp_priority);
  ++q.frames;
  send_back(q, frame, now);
}

void Network::complete_messages(Qp& q, std::uint32_t index, std::uint32_t before, Ps in_memory) {
  if (listener_ == nullptr) return;
  const std::uint32_t to = q.expected;
  for (std::uint32_t psn = before; psn < to;) {
    const MessageRun run = run_of(q, psn);
    const std::uint32_t message = run.message_at(psn);
    psn = run.end_of_message(psn);
    if (psn > to) return;
    if (in_memory <= now()) {
      listener_->on_received(index, message);
    } else {
      ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(in_memory - now())), &Network::tell_received,
                               this, index, message);
    }
  }
}

void Network::tell_received(std::uint32_t qp, std::uint32_t message) {
  if (listener_ != nullptr) listener_->on_received(qp, message);
}

// PCIe towards memory: returns when this payload is there. A NIC whose buffer fills up pauses its leaf.
Ps Network::drain(Port& p, std::uint32_t payload, Ps now) {
  const std::uint32_t link = ports_.index_of(p);
  Injector& inj = injectors_[injector_of(link ^ 1U)];
  inj.drain_at = std::max(inj.drain_at, now) + static_cast<Ps>(bus_ps_per_byte_ * payload);
  const auto backlog = [&](Ps t) { return static_cast<double>(inj.drain_at - t) / bus_ps_per_byte_; };
  const auto priority = static_cast<std::uint8_t>(spec_.transport.data_priority);
  const auto bit = static_cast<std::uint8_t>(1U << priority);
  if ((lossless_ & bit) != 0 && (p.pausing & bit) == 0 && backlog(now) > static_cast<double>(options_.nic_xoff)) {
    p.pausing |= bit;
    send_pause(link, priority, true);
    const Ps resume = inj.drain_at - static_cast<Ps>(bus_ps_per_byte_ * static_cast<double>(options_.nic_xoff) / 2);
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(std::max(resume, now) - now)),
                             &Network::resume_drain, this, link);
  }
  return inj.drain_at;
}

void Network::resume_drain(std::uint32_t link) {
  Port& p = ports_[link];
  Injector& inj = injectors_[injector_of(link ^ 1U)];
  const auto priority = static_cast<std::uint8_t>(spec_.transport.data_priority);
  const Ps resume = inj.drain_at - static_cast<Ps>(bus_ps_per_byte_ * static_cast<double>(options_.nic_xoff) / 2);
  if (resume > now()) {  // more came in before the pause took effect
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(resume - now())), &Network::resume_drain, this,
                             link);
    return;
  }
  p.pausing &= static_cast<std::uint8_t>(~(1U << priority));
  send_pause(link, priority, false);
}

void Network::stall_receiver(PortId port, bool stalled) {
  const LinkId down = topology_.host_link(port, true);
  for (std::uint8_t priority = 0; priority < kPriorities; ++priority) {
    if ((lossless_ >> priority & 1U) != 0) send_pause(down.value, priority, stalled);
  }
}

}  // namespace weft::packet
