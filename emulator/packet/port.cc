// The transmitter of a link: when frames leave and arrive. One event a frame and link.
#include "emulator/packet/port.h"

#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <bit>
#include <cstddef>

#include "emulator/packet/network.h"
#include "topologies/hash.h"

namespace weft::packet {

void Port::Notify() { network->on_port(*this); }

void Port::read_ahead(Distance distance) const {
  if (wire_head != kNone) network->read_ahead(*this, distance == Distance::kNear);
}

namespace {

// The lines of the object's first `size` bytes.
template <typename T>
void fetch(const T& object, std::size_t size = sizeof(T)) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&object);
  for (std::size_t line = 0; line < size; line += 64) __builtin_prefetch(bytes + line, 1);
  if (alignof(T) < 64) __builtin_prefetch(bytes + size - 1, 1);
}

}  // namespace

// For the frame that is about to arrive, and the one that may leave then.
void Network::read_ahead(const Port& p, bool near) const {
  asm volatile("");  // for g++ 12 a function that only prefetches has no effect, and is left out
  const Frame& arriving = frames_[p.wire_head];
  const std::uint32_t leaving =
      p.nonempty == 0 ? kNone : lane(p, static_cast<std::uint32_t>(std::bit_width(p.nonempty) - 1)).queue.head;
  if (!near) {
    fetch(arriving);
    if (p.onward != kNone) fetch(ports_[p.onward]);
    if (leaving != kNone) fetch(frames_[leaving]);
    if (p.injector != kNone) fetch(injectors_[p.injector]);
    return;
  }
  if (arriving.next != kNone) fetch(frames_[arriving.next]);
  const bool at_its_end = p.to_switch == kNone;  // else only the path is of interest
  fetch(qps_[arriving.qp], at_its_end ? sizeof(Qp) : offsetof(Qp, back_path));
  if (leaving != kNone && frames_[leaving].in_link != kNone) fetch(ports_[frames_[leaving].in_link]);
  if (p.injector == kNone) return;
  const Injector& inj = injectors_[p.injector];
  if (inj.nonempty != 0) fetch(qps_[inj.ring[static_cast<std::size_t>(std::bit_width(inj.nonempty) - 1)].head]);
}

void Network::schedule(Port& p, Ps at) {
  p.event_at = at;
  p.Ref();
  simulator_->ScheduleWithContext(ports_.index_of(p), ns3::TimeStep(static_cast<std::uint64_t>(at - now())), &p);
}

void Network::on_port(Port& p) {
  const Ps t = now();
  if (t != p.event_at) return;  // an earlier event took its place
  ++counters_.events;
  p.event_at = kNever;
  std::uint32_t arrived = kNone;
  if (p.wire_head != kNone && frames_[p.wire_head].at <= t) {
    arrived = p.wire_head;
    p.wire_head = frames_[arrived].next;
    if (p.wire_head == kNone)
      p.wire_tail = kNone;
    else
      p.onward = frames_[p.wire_head].onward;
  }
  advance_and_schedule(p, t);
  if (arrived != kNone) deliver(p, arrived, t);
}

// Starts every frame that was due by `now`, each at its own time.
void Network::advance(Port& p, Ps now) {
  while (p.free_at <= now) {
    const std::uint8_t available = p.nonempty & static_cast<std::uint8_t>(~p.paused);
    if (p.injector != kNone) {
      if (!advance_injecting(p, now, available)) return;
      continue;
    }
    if (available == 0) return;
    const std::uint32_t priority = pick_queue(p, available);
    const Ps start = std::max(p.free_at, frames_[queue(p, priority).head].at);
    if (start > now) return;
    send(p, dequeue(p, priority, start), start);
  }
}

// A port where QPs send too: the highest priority goes first, and what is queued (ACKs, CNPs) before data of its own.
bool Network::advance_injecting(Port& p, Ps now, std::uint8_t available) {
  Injector& inj = injectors_[p.injector];
  std::uint32_t priority = 0;
  Ps queued = kNever;
  if (available != 0) {
    priority = pick_queue(p, available);
    queued = std::max(p.free_at, frames_[queue(p, priority).head].at);
  }
  const Ps start = std::min(queued, next_pull(inj, p));
  if (start > now) return false;
  collect_paced(inj, start);
  const int pulled = highest_ready(inj, p, start);
  if (queued <= start && static_cast<int>(priority) >= pulled) {
    send(p, dequeue(p, priority, start), start);
    return true;
  }
  if (pulled < 0) return true;  // a paced QP was looked at again and has to wait longer
  const std::uint32_t frame = pull(inj, p, start, static_cast<std::uint8_t>(pulled));
  if (frame != kNone) send(p, frame, start);
  return true;
}

// When the port could next start a frame, if nothing changes.
Ps Network::next_start(Port& p) {
  const std::uint8_t available = p.nonempty & static_cast<std::uint8_t>(~p.paused);
  Ps next = kNever;
  if (available != 0) next = std::max(p.free_at, frames_[queue(p, pick_queue(p, available)).head].at);
  if (p.injector != kNone) next = std::min(next, next_pull(injectors_[p.injector], p));
  return next;
}

void Network::advance_and_schedule(Port& p, Ps now) {
  const bool had_event = p.wire_head != kNone && p.event_at != kNever;
  advance(p, now);
  const bool exact = follows_departures(p);
  if (had_event && !exact) return;
  Ps at = p.wire_head != kNone ? frames_[p.wire_head].at : kNever;
  if (at == kNever || exact) at = std::min(at, next_start(p));
  if (at < p.event_at) schedule(p, std::max(at, now));
}

void Network::send(Port& p, std::uint32_t index, Ps start) {
  Frame& f = frames_[index];
  const Ps line = p.serialization(f.wire);
  p.free_at = start + line;
  f.at = start + p.delay + (p.is(kEarly) ? p.serialization(std::min<std::uint32_t>(f.wire, header_bytes_)) : line);
  p.tx_bytes += f.wire;
  ++p.tx_frames;
  counters_.data_hops += f.kind == FrameKind::kData ? 1 : 0;
  if (p.is(kWatched) && observer_ != nullptr) observer_->on_transmit(LinkId{ports_.index_of(p)}, f, start);
  if (p.is(kCrossing))
    leave(p, index);
  else
    put_on_wire(p, index);
}

void Network::put_on_wire(Port& p, std::uint32_t index) {
  Frame& f = frames_[index];
  f.next = kNone;
  if (p.wire_tail == kNone) {
    p.wire_head = index;
    p.onward = f.onward;
  } else {
    frames_[p.wire_tail].next = index;
  }
  p.wire_tail = index;
}

// Strict: the highest priority. DWRR: the next in turn that has credit for its head.
std::uint32_t Network::pick_queue(Port& p, std::uint8_t available) {
  const auto highest = static_cast<std::uint32_t>(std::bit_width(available) - 1);
  if (dwrr_.empty() || p.at_switch == kNone || std::has_single_bit(available)) return highest;
  Deficits& d = dwrr_[ports_.index_of(p)];
  // Credits are spent in dequeue(); here only who is next. At most a few rounds: a quantum covers a full frame.
  for (;;) {
    for (std::uint32_t i = 0; i < kPriorities; ++i) {
      const std::uint32_t priority = (d.turn + i) % kPriorities;
      if ((available >> priority & 1U) == 0) continue;
      if (d.credit[priority] >= static_cast<std::int32_t>(frames_[queue(p, priority).head].wire)) {
        d.turn = priority;
        return priority;
      }
    }
    for (std::uint32_t priority = 0; priority < kPriorities; ++priority) {
      if ((available >> priority & 1U) != 0) d.credit[priority] += static_cast<std::int32_t>(dwrr_quantum_[priority]);
    }
    d.turn = (d.turn + 1) % kPriorities;
  }
}

std::uint32_t Network::dequeue(Port& p, std::uint32_t priority, Ps start) {
  FrameQueue& q = queue(p, priority);
  const std::uint32_t index = q.head;
  Frame& f = frames_[index];
  const std::uint32_t queued = q.bytes;
  q.head = f.next;
  q.bytes -= f.wire;
  if (q.head == kNone) {
    q.tail = kNone;
    p.nonempty &= static_cast<std::uint8_t>(~(1U << priority));
  }
  if (p.is(kWatched) && observer_ != nullptr)
    observer_->on_queue(LinkId{ports_.index_of(p)}, static_cast<std::uint8_t>(priority), q.bytes, start);
  if (!dwrr_.empty() && p.at_switch != kNone) {
    // Who has the port to itself owes nobody.
    const bool alone = (p.nonempty & static_cast<std::uint8_t>(~p.paused) & ~(1U << priority)) == 0;
    Deficits& d = dwrr_[ports_.index_of(p)];
    d.credit[priority] = q.head == kNone || alone ? 0 : d.credit[priority] - static_cast<std::int32_t>(f.wire);
  }
  if (f.kind == FrameKind::kData) {
    if (queued > p.ecn_min && p.is(kMarksEcn)) mark(p, f, queued);
    if (f.telemetry != kNone) stamp(p, f, start);
  }
  if (f.in_link != kNone) release(f, p.at_switch);
  return index;
}

void Network::append(Port& p, std::uint32_t index) {
  Frame& f = frames_[index];
  FrameQueue& q = queue(p, f.priority);
  f.next = kNone;
  if (q.tail == kNone)
    q.head = index;
  else
    frames_[q.tail].next = index;
  q.tail = index;
  q.bytes += f.wire;
  p.nonempty |= static_cast<std::uint8_t>(1U << f.priority);
  p.queue_peak = std::max(p.queue_peak, q.bytes);
  if (p.is(kWatched) && observer_ != nullptr)
    observer_->on_queue(LinkId{ports_.index_of(p)}, f.priority, q.bytes, now());
}

// RED of DCQCN (SIGCOMM'15, figure 5) on the queue as the packet leaves it. The draw is a hash of port and packet
// number: no state, and the same for any split of the fabric over processes.
void Network::mark(Port& p, Frame& f, std::uint32_t queued) {
  if (queued <= p.ecn_max) {
    const double chance = spec_.switches.ecn.pmax * (queued - p.ecn_min) / (p.ecn_max - p.ecn_min);
    const std::uint64_t draw = mix64(options_.seed ^ (std::uint64_t{ports_.index_of(p)} << 32U | p.tx_frames));
    if (static_cast<double>(draw >> 11U) * 0x1.0p-53 >= chance) return;
  }
  f.flags |= kCongestionExperienced;
  ++p.marks;
  ++counters_.marks;
  if (observer_ != nullptr) observer_->on_mark(LinkId{ports_.index_of(p)}, f);
}

void Network::stamp(Port& p, Frame& f, Ps start) {
  IntRecord& record = telemetry_[f.telemetry];
  if (record.hops == kMaxIntHops) return;
  record.hop[record.hops++] = {p.tx_bytes, start, queue(p, f.priority).bytes,
                               static_cast<float>(static_cast<double>(1U << 20U) / static_cast<double>(p.ps_fixed))};
}

void Network::free_frame(std::uint32_t index) {
  Frame& f = frames_[index];
  if (f.telemetry != kNone) telemetry_.give(f.telemetry);
  const std::uint32_t qp = f.qp;
  frames_.give(index);
  --qps_[qp].frames;
  give_back(qp);
}

bool Network::ends_here(const Frame& f) const {
  const Qp& q = qps_[f.qp];
  return f.hop + 1U == (f.kind == FrameKind::kData ? q.hops : q.back_hops);
}

void Network::deliver(Port& p, std::uint32_t index, Ps now) {
  Frame& f = frames_[index];
  if (p.is(kDead)) {
    ++counters_.lost_on_dead_links;
    drop(p, index);
    return;
  }
  if (p.is(kBitErrors) && corrupted(p, f)) {
    ++counters_.corrupted;
    drop(p, index);
    return;
  }
  if (p.to_switch == kNone || (p.is(kScaleUpLink) && ends_here(f)))
    receive(p, index, now);
  else
    forward(p, index, now);
}

}  // namespace weft::packet
