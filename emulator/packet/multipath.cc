// Switches that choose for each packet: spray, adaptive routing, flowlets.
#include <algorithm>
#include <bit>

#include "emulator/packet/network.h"
#include "topologies/hash.h"

namespace weft::packet {

std::uint32_t Network::choose_link(const Port& in, const Frame& f, Ps now) {
  Qp& q = qps_[f.qp];
  const NextHops hops = forwarding_.next_hops(LinkId{ports_.index_of(in)}, to_port(q));
  if (hops.choices == 0) return kNone;
  if (hops.choices == 1) return hops.link(0).value;
  switch (spec_.routing.kind) {
    case RoutingKind::kSpray:
      if (spec_.routing.spray_paths != 0) {
        const auto c = forwarding_.hashed_choice(hops, mix64(q.digest + kGolden * (f.entropy + 1ULL)));
        return c ? hops.link(*c).value : kNone;
      }
      return any_live(hops, mix64((std::uint64_t{f.entropy} << 32U) ^ hops.switch_id));
    case RoutingKind::kFlowlet:
      return flowlet(q, f, hops, now);
    case RoutingKind::kAdaptive:
      return least_backlog(hops, mix64((std::uint64_t{f.entropy} << 32U) ^ hops.switch_id), now);
    case RoutingKind::kEcmp:
    case RoutingKind::kStatic:
      break;
  }
  const auto c = forwarding_.hashed_choice(hops, q.digest);
  return c ? hops.link(*c).value : kNone;
}

std::uint32_t Network::any_live(const NextHops& hops, std::uint64_t draw) const {
  const auto first = static_cast<std::uint32_t>((draw >> 32U) * hops.choices >> 32U);
  if (!hops.suspect) return hops.link(first).value;
  std::uint32_t live = 0;
  for (std::uint32_t c = 0; c < hops.choices; ++c) live += forwarding_.alive(hops, c) ? 1U : 0U;
  if (live == 0) return kNone;
  auto left = static_cast<std::uint32_t>((draw >> 32U) * live >> 32U);
  for (std::uint32_t c = 0; c < hops.choices; ++c) {
    if (forwarding_.alive(hops, c) && left-- == 0) return hops.link(c).value;
  }
  return kNone;
}

// Time until a frame queued now would start, from what the port knew at its last event: exact while it is not paused.
Ps Network::backlog(const Port& p, std::uint8_t priority, Ps now) const {
  std::uint32_t bytes = 0;
  for (std::uint32_t busy = p.nonempty; busy != 0; busy &= busy - 1)
    bytes += lane(p, static_cast<std::uint32_t>(std::countr_zero(busy))).queue.bytes;
  if ((p.paused >> priority & 1U) != 0) return kNever;
  return std::max<Ps>(0, p.free_at + p.serialization(bytes) - now);
}

std::uint32_t Network::least_backlog(const NextHops& hops, std::uint64_t draw, Ps now) const {
  auto c = static_cast<std::uint32_t>((draw >> 32U) * hops.choices >> 32U);
  std::uint32_t best = kNone;
  Ps least = kNever;
  for (std::uint32_t i = 0; i < hops.choices; ++i, c = c + 1 == hops.choices ? 0 : c + 1) {
    if (hops.suspect && !forwarding_.alive(hops, c)) continue;
    const Port& p = ports_[hops.link(c).value];
    if (p.is(kDead)) continue;
    const Ps wait = backlog(p, static_cast<std::uint8_t>(spec_.transport.data_priority), now);
    if (best != kNone && wait >= least) continue;
    best = hops.link(c).value;
    least = wait;
    if (wait == 0) break;
  }
  return best;
}

// LetFlow (NSDI'17): a flow that was silent for the gap may take another next hop, drawn at random.
std::uint32_t Network::flowlet(Qp& q, const Frame& f, const NextHops& hops, Ps now) {
  Flowlet& state = flowlets_[std::uint64_t{qps_.index_of(q)} * kInlinePath + f.hop % kInlinePath];
  const bool moved = state.switch_id != hops.switch_id;
  if (state.link == kNone || moved || now - state.last > spec_.routing.flowlet_gap.picoseconds ||
      ports_[state.link].is(kDead)) {
    state.link = any_live(hops, mix64(q.digest ^ mix64(static_cast<std::uint64_t>(now) + hops.switch_id)));
    state.switch_id = hops.switch_id;
    ++counters_.flowlets;
  }
  state.last = now;
  return state.link;
}

}  // namespace weft::packet
