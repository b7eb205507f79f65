// The sending side of a NIC: which QP sends next, what its packets are, what answers do to it.
#include <ns3/simulator.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "emulator/packet/network.h"
#include "topologies/hash.h"

namespace weft::packet {

Ps Network::next_pull(const Injector& inj, const Port& p) const {
  Ps next = inj.paced == kNone ? kNever : qps_[inj.paced].next_send;
  for (std::uint32_t ready = inj.nonempty & static_cast<std::uint8_t>(~p.paused); ready != 0; ready &= ready - 1)
    next = std::min(next, qps_[inj.ring[static_cast<std::size_t>(std::countr_zero(ready))].head].next_send);
  return next == kNever ? kNever : std::max({next, p.free_at, inj.bus_free_at});
}

void Network::collect_paced(Injector& inj, Ps until) {
  while (inj.paced != kNone && qps_[inj.paced].next_send <= until) {
    const std::uint32_t first = inj.paced;
    inj.paced = join_children(qps_[first].first_child);
    qps_[first].flags &= static_cast<std::uint16_t>(~kQpInHeap);
    push_ring(inj, first);  // only a look: pull() knows better
  }
}

// Pairing heap (Fredman, Sedgewick, Sleator, Tarjan, 1986). Roots of two heaps to that of one; at the same time the
// lower index goes first.
std::uint32_t Network::join_paced(std::uint32_t a, std::uint32_t b) {
  if (a == kNone) return b;
  if (b == kNone) return a;
  const auto key = [&](std::uint32_t qp) { return std::pair(qps_[qp].next_send, qp); };
  if (key(b) < key(a)) std::swap(a, b);
  qps_[b].next_ready = std::exchange(qps_[a].first_child, b);
  return a;
}

// The children of a root that is gone: joined in pairs, then the pairs from the last to the first.
std::uint32_t Network::join_children(std::uint32_t first) {
  std::uint32_t pairs = kNone;
  while (first != kNone) {
    const std::uint32_t second = qps_[first].next_ready;
    const std::uint32_t rest = second == kNone ? kNone : qps_[second].next_ready;
    const std::uint32_t pair = join_paced(first, second);
    qps_[pair].next_ready = std::exchange(pairs, pair);
    first = rest;
  }
  std::uint32_t root = kNone;
  while (pairs != kNone) {
    const std::uint32_t next = qps_[pairs].next_ready;
    root = join_paced(root, pairs);
    pairs = next;
  }
  return root;
}

int Network::highest_ready(const Injector& inj, const Port& p, Ps start) const {
  for (std::uint32_t ready = inj.nonempty & static_cast<std::uint8_t>(~p.paused); ready != 0;) {
    const int priority = std::bit_width(ready) - 1;
    if (qps_[inj.ring[static_cast<std::size_t>(priority)].head].next_send <= start) return priority;
    ready &= ~(1U << priority);
  }
  return -1;
}

void Network::push_ring(Injector& inj, std::uint32_t index) {
  Qp& q = qps_[index];
  Injector::Ring& ring = inj.ring[q.priority];
  q.flags |= kQpInRing;
  q.next_ready = kNone;
  if (ring.tail == kNone)
    ring.head = index;
  else
    qps_[ring.tail].next_ready = index;
  ring.tail = index;
  inj.nonempty |= static_cast<std::uint8_t>(1U << q.priority);
}

// A window that closed over packets none of which asks for an ACK lets one more through, which does: else both ends
// would wait for each other.
bool Network::may_send(const Qp& q) const {
  if ((q.flags & (kQpFailed | kQpRnrWait)) != 0) return false;
  if (const Reorder* reorder = reorder_of(q); reorder != nullptr && !reorder->resend.empty()) return true;
  return q.next_psn != q.end_psn && (q.asked <= q.first_unacked || fits_window(q));
}

bool Network::fits_window(const Qp& q) const {
  const std::uint32_t beyond = q.next_psn - q.first_unacked, sacked = sacked_of(q);
  const std::uint64_t in_flight = beyond > sacked ? std::uint64_t{beyond - sacked} * mtu_ : 0;
  return in_flight == 0 || in_flight + mtu_ <= q.control.window();
}

// Puts a QP that may send where it waits for its turn or for its pacing.
void Network::make_ready(Qp& q, std::uint32_t index, Ps from) {
  if ((q.flags & (kQpInRing | kQpInHeap)) != 0 || !may_send(q)) return;
  Injector& inj = injectors_[sending_port(q).injector];
  q.next_send = std::max(q.next_send, from);
  if (q.next_send <= std::max(from, ports_[inj.link].free_at)) {
    push_ring(inj, index);
    return;
  }
  // A slow QP is looked at again in between: its rate may have risen.
  q.next_send = std::min(q.next_send, from + spec_.transport.dcqcn.rpg_time_reset.picoseconds);
  q.flags |= kQpInHeap;
  q.next_ready = q.first_child = kNone;
  inj.paced = join_paced(inj.paced, index);
}

void Network::kick(Qp& q, std::uint32_t index, Ps now) {
  make_ready(q, index, now);
  advance_and_schedule(sending_port(q), now);
}

// Packets of the message.
std::uint32_t Network::append_message(std::uint32_t index, Bytes size) {
  Qp& q = qps_[index];
  const auto bytes = static_cast<std::uint64_t>(size.count);
  MessageRun last = q.run;
  if ((q.flags & kQpMixed) != 0) last = later_runs_[index].back();
  if (bytes != last.bytes(mtu_) || q.end_psn == 0) {
    const MessageRun before = last;
    last = MessageRun::of(bytes, mtu_);
    last.base_psn = q.end_psn;
    last.base_message = before.base_message + (q.end_psn - before.base_psn) / before.packets;
    if (q.end_psn == 0) {
      q.run = last;
    } else {
      q.flags |= kQpMixed;
      later_runs_[index].push_back(last);
    }
  }
  return last.packets;
}

void Network::post(std::uint32_t index, Bytes size) {
  Qp& q = qps_[index];
  const std::uint32_t packets = append_message(index, size);
  const Ps t = now();
  advance_and_schedule(sending_port(q), t);
  q.end_psn += packets;
  kick(q, index, t);
}

std::uint32_t Network::payload_of(const Qp& q, std::uint32_t psn) const {
  const MessageRun run = run_of(q, psn);
  if (run.packet_at(psn) != run.packets - 1) return mtu_;
  return run.last_payload;
}

MessageRun Network::later_run_of(const Qp& q, std::uint32_t psn) const {
  const std::deque<MessageRun>& later = later_runs_.at(qps_.index_of(q));
  for (auto run = later.rbegin(); run != later.rend(); ++run) {
    if (run->base_psn <= psn) return *run;
  }
  return q.run;
}

// Forgets what is all acknowledged, hence received.
void Network::retire_runs(Qp& q, std::uint32_t index) {
  std::deque<MessageRun>& later = later_runs_[index];
  while (!later.empty() && later.front().base_psn <= q.first_unacked) {
    q.run = later.front();
    later.pop_front();
  }
  if (!later.empty()) return;
  later_runs_.erase(index);
  q.flags &= static_cast<std::uint16_t>(~kQpMixed);
}

// The next packet of the first QP in the ring. kNone where it has to wait after all.
std::uint32_t Network::pull(Injector& inj, Port& p, Ps start, std::uint8_t priority) {
  Injector::Ring& ring = inj.ring[priority];
  const std::uint32_t index = ring.head;
  Qp& q = qps_[index];
  ring.head = q.next_ready;
  if (ring.head == kNone) {
    ring.tail = kNone;
    inj.nonempty &= static_cast<std::uint8_t>(~(1U << priority));
  }
  q.flags &= static_cast<std::uint16_t>(~kQpInRing);
  if (!may_send(q)) {
    give_back(index);
    return kNone;
  }
  const CongestionParams& params = params_of(q);
  q.control.advance(params, start);
  if (q.sent_wire != 0) {
    const Ps due = q.last_send + static_cast<Ps>(ps_per_byte_of(q) * q.sent_wire);
    if (due > std::max(start, p.free_at)) {
      q.next_send = due;
      make_ready(q, index, start);
      return kNone;
    }
  }
  const std::uint32_t frame = make_data(q, index, start);
  const Frame& f = frames_[frame];
  q.control.on_send(params, start, f.wire);
  q.last_send = start;
  q.sent_wire = f.wire;
  q.next_send = start + static_cast<Ps>(ps_per_byte_of(q) * f.wire);
  if (bus_ps_per_byte_ != 0 && (q.flags & kQpScaleUp) == 0)
    inj.bus_free_at = std::max(inj.bus_free_at, start) + static_cast<Ps>(bus_ps_per_byte_ * f.payload);
  const Ps leaves = start + p.serialization(f.wire);
  if (may_send(q)) {
    if (q.next_send <= leaves + 1) {
      push_ring(inj, index);
    } else {
      make_ready(q, index, leaves);
    }
  }
  return frame;
}

std::uint32_t Network::make_data(Qp& q, std::uint32_t index, Ps start) {
  const std::uint32_t frame = frames_.take();
  Frame& f = frames_[frame];
  f = Frame{};
  f.qp = index;
  if (q.next_psn == q.first_unacked) q.last_progress = start;  // the timer runs from here
  f.psn = take_psn(q);
  f.payload = static_cast<std::uint16_t>(payload_of(q, f.psn));
  f.wire = static_cast<std::uint16_t>(f.payload + headers_of(q));
  f.priority = q.priority;
  f.sent = start;
  f.onward = onward_of(q, 0);
  if (run_of(q, f.psn).end_of_message(f.psn) == f.psn + 1) f.flags |= kLastOfMessage;
  if (f.psn < q.highest_sent) {
    f.flags |= kRetransmitted;
    ++counters_.retransmissions;
  } else {
    q.highest_sent = f.psn + 1;
  }
  // An answer is needed where nothing more goes out without one, and four times a window, so that ACKs keep it moving.
  const bool quarter = 4.0 * mtu_ * (q.next_psn - q.asked) >= static_cast<double>(q.control.window());
  if (quarter || q.next_psn == q.end_psn || !fits_window(q)) {
    f.flags |= kAckRequest;
    q.asked = q.next_psn;
  }
  if (Reorder* reorder = reorder_of(q); reorder != nullptr && (q.flags & kQpPerPacket) != 0)
    f.entropy = next_entropy(q, *reorder);
  if ((q.flags & kQpScaleUp) == 0 && spec_.transport.congestion_control == CongestionControlKind::kHpcc) {
    f.telemetry = telemetry_.take();
    telemetry_[f.telemetry].hops = 0;
  }
  ++q.frames;
  ++counters_.data_frames;
  run_timer(q, index, start);
  return frame;
}

// Over P paths a QP goes round and round from a place of its own (as public models of spraying NICs do: every path gets
// its share of every window); else each packet has a draw of its own.
std::uint32_t Network::next_entropy(const Qp& q, Reorder& reorder) const {
  ++reorder.draws;
  const std::uint32_t paths = reorder.paths != 0 ? reorder.paths : spec_.routing.spray_paths;
  if (paths != 0) return static_cast<std::uint32_t>((reorder.draws + (q.digest >> 32U)) % paths);
  return static_cast<std::uint32_t>(mix64(q.digest + kGolden * reorder.draws) >> 32U);
}

// The PSN to send now: what is to be repeated first.
std::uint32_t Network::take_psn(Qp& q) {
  if (Reorder* reorder = reorder_of(q)) {
    while (!reorder->resend.empty()) {
      const std::uint32_t psn = reorder->resend.front();
      reorder->resend.pop_front();
      if (psn >= q.first_unacked) return psn;
    }
  }
  return q.next_psn == q.end_psn ? q.end_psn - 1 : q.next_psn++;
}

void Network::acknowledge(Qp& q, std::uint32_t index, const Frame& f, Ps now) {
  const std::uint32_t before = q.first_unacked;
  const bool progress = f.psn > before;
  if (progress) {
    q.first_unacked = f.psn;
    q.next_psn = std::max(q.next_psn, f.psn);
    q.asked = std::min(q.asked, q.next_psn);
    q.last_progress = now;
    q.retries = 0;
  }
  if (Reorder* reorder = reorder_of(q); reorder != nullptr && f.psn == q.first_unacked)
    reorder->sacked = f.received - f.psn;
  AckEvent ack;
  ack.now = now;
  ack.rtt = now - f.sent;
  ack.packets = f.packets;
  ack.marked_packets = f.marked;
  ack.acked_bytes = std::uint32_t{f.packets} * mtu_;
  ack.acked_psn = q.first_unacked;
  ack.next_psn = q.next_psn;
  ack.hop_count = q.hops;
  if (f.telemetry != kNone) {
    const IntRecord& record = telemetry_[f.telemetry];
    ack.hops = std::span(record.hop, record.hops);
    q.control.on_ack(params_of(q), ack, last_hops_[index]);
  } else {
    q.control.on_ack(params_of(q), ack, {});
  }
  if (observer_ != nullptr) observer_->on_rate(index);
  if (!progress) return;
  if (listener_ != nullptr) {
    const std::uint32_t to = q.first_unacked;
    for (std::uint32_t psn = before; psn < to;) {
      const MessageRun run = run_of(q, psn);
      const std::uint32_t message = run.message_at(psn);
      psn = run.end_of_message(psn);
      if (psn <= to) listener_->on_acknowledged(index, message);
    }
  }
  if ((q.flags & kQpMixed) != 0) retire_runs(q, index);
}

// ACK, NAK, RNR NAK and CNP at the sender. Decisions that were due before are settled first.
void Network::take_answer(Frame& f, Ps now) {
  const std::uint32_t index = f.qp;
  Qp& q = qps_[index];
  if ((q.flags & kQpInUse) == 0) return;
  advance_and_schedule(sending_port(q), now);
  switch (f.kind) {
    case FrameKind::kCnp:
      ++counters_.cnps;
      q.control.on_cnp(params_of(q), now);
      if (observer_ != nullptr) observer_->on_cnp(index);
      return;
    case FrameKind::kAck:
      ++counters_.acks;
      acknowledge(q, index, f, now);
      if (Reorder* reorder = reorder_of(q)) reorder->trim_to(q.first_unacked);
      break;
    case FrameKind::kNak:
      ++counters_.naks;
      take_nak(q, index, f, now);
      break;
    case FrameKind::kRnrNak:
      ++counters_.rnr_naks;
      acknowledge(q, index, f, now);
      q.next_psn = q.asked = q.first_unacked;
      if ((q.flags & kQpRnrWait) != 0) return;
      q.flags |= kQpRnrWait;
      ++q.frames;  // the wait names the QP as a frame does
      ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(options_.rnr_timer)), &Network::end_rnr_wait,
                               this, &q);
      return;
    case FrameKind::kData:
      return;
  }
  kick(q, index, now);
}

void Network::end_rnr_wait(Qp* q) {
  const std::uint32_t index = qps_.index_of(*q);
  --q->frames;
  q->flags &= static_cast<std::uint16_t>(~kQpRnrWait);
  q->last_progress = now();
  if ((q->flags & kQpInUse) != 0) kick(*q, index, now());
  give_back(index);
}

void Network::take_nak(Qp& q, std::uint32_t index, Frame& f, Ps now) {
  acknowledge(q, index, f, now);
  Reorder* reorder = reorder_of(q);
  if (reorder != nullptr) {
    reorder->note_missing(f, q.first_unacked);
  } else if (f.psn >= q.first_unacked) {
    q.next_psn = q.asked = q.first_unacked;  // go-back-N
  }
  const std::uint32_t lost =
      reorder != nullptr ? static_cast<std::uint32_t>(reorder->resend.size()) : q.highest_sent - q.first_unacked;
  const std::uint32_t beyond = q.next_psn - q.first_unacked;
  const std::uint32_t gone = sacked_of(q) + lost;
  const std::uint64_t in_flight = beyond > gone ? std::uint64_t{beyond - gone} * mtu_ : 0;
  q.control.on_loss(params_of(q), {now, false, lost * mtu_, in_flight});
  q.last_progress = now;
}

}  // namespace weft::packet
