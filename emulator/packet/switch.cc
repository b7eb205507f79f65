// Switches: the next link of a frame, admission to the shared buffer, PFC.
#include <ns3/simulator.h>

#include <algorithm>

#include "emulator/packet/boundary.h"
#include "emulator/packet/network.h"
#include "fabric/pfc.h"
#include "topologies/hash.h"

namespace weft::packet {
namespace {

constexpr auto kPauseFrameBytes = static_cast<std::uint32_t>(kPfcFrame.count);

}  // namespace

void Network::forward(Port& in, std::uint32_t index, Ps now) {
  Frame& f = frames_[index];
  const std::uint32_t out = next_link(in, f, now);
  if (out == kNone) {
    ++counters_.lost_on_dead_links;  // routing has no way left
    drop(in, index);
    return;
  }
  ++f.hop;
  if (f.kind == FrameKind::kData) f.onward = onward_of(qps_[f.qp], f.hop);
  f.in_link = kNone;
  Port& o = ports_[out];
  f.at = now;
  // Cut-through into a faster link: the tail must not leave before it is in.
  if (in.is(kEarly) && o.ps_fixed < in.ps_fixed) f.at += in.serialization(f.wire) - o.serialization(f.wire);
  enqueue(in, o, index, now);
}

std::uint32_t Network::next_link(const Port& in, const Frame& f, Ps now) {
  const Qp& q = qps_[f.qp];
  if (f.kind == FrameKind::kData) {
    if ((q.flags & kQpPerPacket) != 0) return choose_link(in, f, now);
    return next_of(q, path(q), in, f, false);
  }
  return next_of(q, back_path(q), in, f, true);
}

// Along the QP's path; where it was routed anew while the frame was on its way, as this switch hashes it.
std::uint32_t Network::next_of(const Qp& q, std::span<const std::uint32_t> links, const Port& in, const Frame& f,
                               bool back) {
  const std::uint32_t hop = f.hop + 1U;
  if (hop < links.size() && ports_[links[hop]].at_switch == in.to_switch) return links[hop];
  if ((q.flags & (kQpScaleUp | kQpExplicit)) != 0) return kNone;
  const PortId to = back ? from_port(q) : to_port(q);
  const NextHops hops = forwarding_.next_hops(LinkId{ports_.index_of(in)}, to);
  const auto c = forwarding_.hashed_choice(hops, back ? q.back_digest : q.digest);
  return c ? hops.link(*c).value : kNone;
}

void Network::enqueue(Port& in, Port& out, std::uint32_t index, Ps now) {
  Frame& f = frames_[index];
  if (out.is(kDead)) {
    ++counters_.lost_on_dead_links;
    drop(out, index);
    return;
  }
  advance(out, now);
  const auto bit = static_cast<std::uint8_t>(1U << f.priority);
  const bool idle = out.free_at <= now && (out.nonempty & static_cast<std::uint8_t>(~out.paused)) == 0 &&
                    (out.paused & bit) == 0 && (out.nonempty & bit) == 0 && out.injector == kNone;
  if (idle) {  // straight through: it never waits in the buffer
    if (f.telemetry != kNone && f.kind == FrameKind::kData) stamp(out, f, f.at);
    const bool wire_was_empty = out.wire_head == kNone;
    send(out, index, f.at);
    if (out.wire_head != kNone && (wire_was_empty || out.event_at == kNever)) {
      const Ps at = frames_[out.wire_head].at;
      if (at < out.event_at) schedule(out, at);
    }
    return;
  }
  SwitchBuffer& s = switches_[out.at_switch];
  if (!s.scale_up && !admit(s, in, out, index, now)) return;
  append(out, index);
  ensure_event(out, now);
}

// After something was queued: the wire's next arrival takes care, unless the wire is empty or departures are followed.
void Network::ensure_event(Port& p, Ps now) {
  const bool exact = follows_departures(p);
  if (p.wire_head != kNone && p.event_at != kNever && !exact) return;
  Ps at = p.wire_head != kNone ? frames_[p.wire_head].at : kNever;
  if (at == kNever || exact) at = std::min(at, next_start(p));
  if (at < p.event_at) schedule(p, std::max(at, now));
}

double Network::free_share(const SwitchBuffer& s) const {
  return s.used >= s.shared ? 0.0 : static_cast<double>(s.shared - s.used);
}

bool Network::admit(SwitchBuffer& s, Port& in, Port& out, std::uint32_t index, Ps now) {
  Frame& f = frames_[index];
  const bool lossless = (lossless_ >> f.priority & 1U) != 0;
  bool admitted = lossless ? admit_lossless(s, in, f, now) : admit_lossy(s, out, f, now);
  if (!admitted && !lossless && trim(f)) admitted = admit_lossy(s, out, f, now);
  if (!admitted) {
    drop(out, index);
    return false;
  }
  f.in_link = ports_.index_of(in);
  lane_of(in, f.priority).ingress += f.wire;
  s.used += f.wire;
  s.peak = std::max(s.peak, s.used);
  return true;
}

// Ports are only as up to date as their last event: before a limit bites, the whole switch is brought up to now.
bool Network::admit_lossless(SwitchBuffer& s, Port& in, const Frame& f, Ps now) {
  const auto bit = static_cast<std::uint8_t>(1U << f.priority);
  const std::uint32_t& ingress = lane_of(in, f.priority).ingress;
  const auto over = [&] { return ingress + f.wire > pause_threshold(s); };
  const std::uint32_t link = ports_.index_of(in);
  if ((in.pausing & bit) == 0) {
    if (!over()) return true;
    catch_up(s, now);
    if (!over()) return true;
    in.pausing |= bit;
    ++s.pausing;
    pause_level_[link * kPriorities + f.priority] = ingress;
    send_pause(link, f.priority, true);
    catch_up(s, now);  // from now on departures are followed exactly
  }
  const std::uint64_t limit = pause_level_[link * kPriorities + f.priority] + headroom_of(LinkId{link});
  if (ingress + f.wire <= limit && s.used + f.wire <= s.total) return true;
  if (ingress == 0) resume(s, link, f.priority);  // nothing of it is here whose departure could
  return false;
}

void Network::resume(SwitchBuffer& s, std::uint32_t link, std::uint8_t priority) {
  ports_[link].pausing &= static_cast<std::uint8_t>(~(1U << priority));
  --s.pausing;
  pause_level_.erase(link * kPriorities + priority);
  send_pause(link, priority, false);
}

bool Network::admit_lossy(SwitchBuffer& s, const Port& out, const Frame& f, Ps now) {
  const auto fits = [&] {
    return lane(out, f.priority).queue.bytes + f.wire <= spec_.switches.alpha_egress * free_share(s) &&
           s.used + f.wire <= s.shared;
  };
  if (fits()) return true;
  catch_up(s, now);
  return fits();
}

// Packet trimming: the header goes on, in the class of CNPs (UEC 1.0; NDP, SIGCOMM'17).
bool Network::trim(Frame& f) {
  if (!spec_.switches.trimming || f.kind != FrameKind::kData || (f.flags & kTrimmed) != 0) return false;
  f.flags |= kTrimmed;
  f.wire = static_cast<std::uint16_t>(std::min<std::uint32_t>(f.wire, header_bytes_));
  f.priority = static_cast<std::uint8_t>(spec_.transport.cnp_priority);
  ++counters_.trims;
  return true;
}

double Network::pause_threshold(const SwitchBuffer& s) const {
  if (spec_.switches.xoff) return static_cast<double>(spec_.switches.xoff->count);
  return spec_.switches.alpha_ingress * free_share(s);
}

std::uint64_t Network::headroom_of(LinkId link) const {
  if (spec_.switches.headroom) return static_cast<std::uint64_t>(spec_.switches.headroom->count);
  const Rate rate = topology_.rate(link);
  if (rate.bits_per_second == 0) return 0;
  return static_cast<std::uint64_t>(
      pfc_headroom(rate, topology_.delay(link), spec_.switches.latency, mtu_, header_bytes_).count);
}

void Network::release(const Frame& f, std::uint32_t at_switch) {
  Port& in = ports_[f.in_link];
  SwitchBuffer& s = switches_[at_switch];
  std::uint32_t& ingress = lane_of(in, f.priority).ingress;
  ingress -= f.wire;
  s.used -= f.wire;
  const auto bit = static_cast<std::uint8_t>(1U << f.priority);
  if ((in.pausing & bit) == 0) return;
  const double xon = pause_threshold(s) - static_cast<double>(spec_.switches.xon_offset.count);
  if (ingress <= std::max(0.0, xon)) resume(s, f.in_link, f.priority);
}

void Network::catch_up(const SwitchBuffer& s, Ps now) {
  for (std::uint32_t i = 0; i < s.port_count; ++i) advance_and_schedule(ports_[switch_ports_[s.first_port + i]], now);
}

void Network::drop(Port& at, std::uint32_t index) {
  const Frame& f = frames_[index];
  ++at.drops;
  ++counters_.drops;
  if (observer_ != nullptr) observer_->on_drop(LinkId{ports_.index_of(at)}, f);
  free_frame(index);
}

// In an event of its own: what led here may be in the middle of moving another port.
void Network::send_pause(std::uint32_t in_link, std::uint8_t priority, bool pause) {
  ++(pause ? counters_.pauses : counters_.resumes);
  ns3::Simulator::ScheduleNow(&Network::emit_pause, this, in_link, priority, pause);
}

// The pause frame waits for the frame that is being sent the other way, and for nothing else.
void Network::emit_pause(std::uint32_t in_link, std::uint8_t priority, bool pause) {
  Port& back = ports_[in_link ^ 1U];
  const Ps t = now();
  advance_and_schedule(back, t);
  const Ps start = std::max(back.free_at, t);
  back.free_at = start + back.serialization(kPauseFrameBytes);
  if (back.is(kWatched) && observer_ != nullptr)
    observer_->on_pause_frame(LinkId{ports_.index_of(back)}, priority, pause, start);
  ensure_event(back, t);
  const Ps arrives = back.free_at + topology_.delay(LinkId{in_link}).picoseconds;
  if (back.is(kCrossing))
    boundary_->pause_leaves(LinkId{in_link}, priority, pause, arrives);
  else
    schedule_pause(in_link, priority, pause, arrives);
}

void Network::schedule_pause(std::uint32_t link, std::uint8_t priority, bool pause, Ps at) {
  ns3::Simulator::ScheduleWithContext(kPauseContext | link, ns3::TimeStep(static_cast<std::uint64_t>(at - now())),
                                      &Network::take_pause, this, link, priority, pause);
}

void Network::look_for_trouble() {
  looking_ = false;
  pfc_watch_->look(now());
  watch_pauses();
}

// A pause that has been looked at when it was a storm's age brings no more looks by itself: a run with nothing else to
// do then ends.
void Network::watch_pauses() {
  if (looking_ || pfc_watch_->deadlocked() || !pfc_watch_->watching(now())) return;
  looking_ = true;
  ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(PfcWatch::kLookEvery)), &Network::look_for_trouble,
                           this);
}

void Network::take_pause(std::uint32_t link, std::uint8_t priority, bool pause) {
  Port& p = ports_[link];
  const Ps t = now();
  advance_and_schedule(p, t);
  const auto bit = static_cast<std::uint8_t>(1U << priority);
  if (pause) {
    p.paused |= bit;
    ++p.pauses;
  } else {
    p.paused &= static_cast<std::uint8_t>(~bit);
    p.free_at = std::max(p.free_at, t);  // what was held starts now, not when it came
    advance_and_schedule(p, t);
  }
  pfc_watch_->on_pause(LinkId{link}, priority, pause, t);
  watch_pauses();
  if (observer_ != nullptr) observer_->on_pause(LinkId{link}, priority, pause);
}

}  // namespace weft::packet
