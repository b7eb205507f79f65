// Links that fail, come back, slow down and corrupt.
#include <ns3/simulator.h>

#include <algorithm>
#include <cmath>

#include "emulator/packet/network.h"
#include "topologies/hash.h"

namespace weft::packet {

double Network::bit_error_rate(LinkTier tier) const {
  switch (tier) {
    case LinkTier::kHost:
      return spec_.links.host.bit_error_rate;
    case LinkTier::kLeafSpine:
      return spec_.links.leaf_spine.bit_error_rate;
    case LinkTier::kSpineCore:
      return spec_.links.spine_core.bit_error_rate;
    case LinkTier::kScaleUp:
      break;
  }
  return 0;
}

// Independent bit errors: a frame of n bits survives with (1 - BER)^n. The draw is a hash of the frame and the link.
bool Network::corrupted(const Port& p, const Frame& f) const {
  const std::uint32_t link = ports_.index_of(p);
  const double survives = std::exp(8.0 * f.wire * std::log1p(-bit_error_rate(topology_.tier(LinkId{link}))));
  const std::uint64_t draw = mix64(mix64(options_.seed + kGolden * link) ^ static_cast<std::uint64_t>(f.at));
  return static_cast<double>(draw >> 11U) * 0x1.0p-53 >= survives;
}

void Network::set_cable(std::uint32_t cable, double rate_factor) {
  const Ps t = now();
  const bool alive = rate_factor > 0;
  bool changed = false;
  rate_factors_[cable] = rate_factor;
  for (std::uint32_t link = 2 * cable; link < 2 * cable + 2; ++link) {
    Port& p = ports_[link];
    advance_and_schedule(p, t);
    changed = changed || p.is(kDead) == alive;
    if (alive) {
      p.flags &= static_cast<std::uint8_t>(~kDead);
      set_rate(p, rate_now(LinkId{link}));
      advance_and_schedule(p, t);
    } else {
      p.flags |= kDead;
      flush(p);
    }
    if (observer_ != nullptr) observer_->on_link(LinkId{link}, alive);
  }
  if (changed) {
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(spec_.routing.convergence.picoseconds)),
                             &Network::reroute, this, cable, alive);
  }
}

double Network::rate_factor(LinkId link) const {
  const auto found = rate_factors_.find(link.value / 2);
  return found == rate_factors_.end() ? 1.0 : found->second;
}

Rate Network::rate_now(LinkId link) const {
  const auto taken = background_.find(link.value);
  const double share = rate_factor(link) * (taken == background_.end() ? 1.0 : 1.0 - taken->second);
  return Rate{std::max<std::int64_t>(1, std::llround(static_cast<double>(nominal_rate(link).bits_per_second) * share))};
}

void Network::set_background(LinkId link, double share) {
  WEFT_CHECK(share >= 0 && share < 1);
  Port& p = ports_[link.value];
  const Ps t = now();
  advance_and_schedule(p, t);
  background_[link.value] = share;
  set_rate(p, rate_now(link));
  advance_and_schedule(p, t);
}

Rate Network::nominal_rate(LinkId link) const {
  const Rate now_rate = topology_.rate(link);
  return now_rate.bits_per_second != 0 ? now_rate : spec_.port_rate();
}

// What waits at a dead port is lost, and its buffer is free again.
void Network::flush(Port& p) {
  for (std::uint32_t priority = 0; priority < kPriorities; ++priority) {
    while ((p.nonempty >> priority & 1U) != 0) {
      const std::uint32_t frame = dequeue(p, priority, now());
      frames_[frame].in_link = kNone;
      ++counters_.lost_on_dead_links;
      drop(p, frame);
    }
  }
}

// The switches have learnt of it: QPs whose path is gone, or all of them where a link is back, are hashed again.
void Network::reroute(std::uint32_t cable, bool alive) {
  forwarding_.set_cable(cable, alive);
  const auto crosses = [&](std::span<const std::uint32_t> links) {
    return std::any_of(links.begin(), links.end(), [&](std::uint32_t link) { return link / 2 == cable; });
  };
  for (std::uint32_t index = 0; index < qps_.high_water(); ++index) {
    Qp& q = qps_[index];
    if ((q.flags & kQpInUse) == 0 || (q.flags & (kQpScaleUp | kQpExplicit)) != 0) continue;
    if (!alive && !crosses(path(q)) && !crosses(back_path(q))) continue;
    static_cast<void>(route_network(q, from_port(q), to_port(q)));  // without a way it keeps the old one, and times out
  }
}

}  // namespace weft::packet
