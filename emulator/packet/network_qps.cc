// QPs: their paths, their making and their end.
#include <fmt/format.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "emulator/packet/network.h"

namespace weft::packet {

std::uint32_t Network::injector_of(std::uint32_t link) {
  Port& p = ports_[link];
  if (p.injector == kNone) {
    p.injector = static_cast<std::uint32_t>(injectors_.size());
    injectors_.emplace_back();
    injectors_.back().link = link;
  }
  return p.injector;
}

void Network::set_path(std::array<std::uint32_t, kInlinePath>& path, std::uint8_t& hops,
                       std::span<const std::uint32_t> links) {
  const bool again = hops > kInlinePath && hops == links.size();
  hops = static_cast<std::uint8_t>(links.size());
  if (links.size() <= kInlinePath) {
    std::copy(links.begin(), links.end(), path.begin());
    return;
  }
  if (again) {
    std::copy(links.begin(), links.end(), long_paths_.begin() + path[0]);
    return;
  }
  path[0] = static_cast<std::uint32_t>(long_paths_.size());
  long_paths_.insert(long_paths_.end(), links.begin(), links.end());
}

// Last bit in to last bit out of an empty path.
Ps Network::one_way(std::span<const std::uint32_t> links, std::uint32_t bytes) const {
  Ps sum = 0;
  const Port* before = nullptr;
  for (const std::uint32_t link : links) {
    const Port& p = ports_[link];
    if (before != nullptr && before->is(kEarly) && p.ps_fixed < before->ps_fixed)
      sum += before->serialization(bytes) - p.serialization(bytes);  // as forward() holds it
    sum += p.delay + p.serialization(p.is(kEarly) ? std::min(bytes, header_bytes_) : bytes);
    before = &p;
  }
  return sum;
}

Ps Network::base_rtt(const Qp& q) const {
  const Ps there = one_way(path(q), mtu_ + headers_of(q));
  return q.back_hops == 0 ? 2 * there : there + one_way(back_path(q), header_bytes_);
}

// kAdaptive by flow: at every switch the next hop with the fewest flows placed so far, as the fluid engine does.
bool Network::place_flow(PortId from, PortId to, std::uint64_t digest, std::vector<LinkId>& out) {
  const SwitchHash hash(spec_.routing, options_.seed);
  out.push_back(topology_.host_link(from, false));
  for (;;) {
    const NextHops hops = forwarding_.next_hops(out.back(), to);
    if (hops.choices == 0) break;
    const auto live = [&](std::uint32_t c) { return forwarding_.alive(hops, c); };
    const auto load = [&](std::uint32_t c) { return std::uint32_t{placed_[hops.link(c).value]}; };
    const std::uint32_t best = choose_least_loaded(hops, hash, digest, live, load);
    if (best == kNoChoice) break;
    out.push_back(hops.link(best));
    ++placed_[out.back().value];
    if (out.back() == topology_.host_link(to, true)) return true;
  }
  for (std::size_t i = 1; i < out.size(); ++i) --placed_[out[i].value];
  return false;
}

void Network::unplace_flow(const Qp& q) {
  if (placed_.empty() || (q.flags & (kQpScaleUp | kQpExplicit)) != 0) return;
  for (std::size_t i = 1; i < q.hops; ++i) --placed_[path(q)[i]];
}

// Both ways, by the digests that q holds.
Expected<void> Network::route_network(Qp& q, PortId from, PortId to) {
  std::vector<LinkId> there, back;
  const bool found =
      placed_.empty() ? forwarding_.path(from, to, q.digest, there) : place_flow(from, to, q.digest, there);
  if (!found || !forwarding_.path(to, from, q.back_digest, back)) {
    return input_error("no path between two NIC ports",
                       fmt::format("{} to {}", topology_.name({NodeKind::kNicPort, from.value}),
                                   topology_.name({NodeKind::kNicPort, to.value})),
                       "see failures in the fabric file");
  }
  unplace_flow(q);
  std::vector<std::uint32_t> links;
  for (const LinkId link : there) links.push_back(link.value);
  set_path(q.path, q.hops, links);
  links.clear();
  for (const LinkId link : back) links.push_back(link.value);
  set_path(q.back_path, q.back_hops, links);
  return {};
}

void Network::route_scale_up(Qp& q, const QpRequest& request) {
  q.flags |= kQpScaleUp;
  using Leg = QpRequest::Leg;
  const auto up = [&](GpuId gpu) { return topology_.scale_up_link(gpu, false).value; };
  const auto down = [&](GpuId gpu) { return topology_.scale_up_link(gpu, true).value; };
  std::vector<std::uint32_t> links;
  if (request.leg != Leg::kFromDomain) links.push_back(up(request.from));
  if (request.leg != Leg::kToDomain) links.push_back(down(request.to));
  set_path(q.path, q.hops, links);
  if (request.leg == Leg::kScaleUp) {
    set_path(q.back_path, q.back_hops, std::array{up(request.to), down(request.from)});
  } else {
    q.flags |= kQpDirectAck;
  }
}

Expected<void> Network::route_qp(Qp& q, const QpRequest& request) {
  using Leg = QpRequest::Leg;
  if (request.leg == Leg::kExplicit) {
    if (request.path.empty()) return input_error("a QP without a path", "", "give at least one link");
    std::vector<std::uint32_t> links;
    for (const LinkId link : request.path) links.push_back(link.value);
    set_path(q.path, q.hops, links);
    links.clear();
    for (const LinkId link : request.back_path) links.push_back(link.value);
    set_path(q.back_path, q.back_hops, links);
    if (links.empty()) q.flags |= kQpDirectAck;
    q.flags |= kQpExplicit;
  } else if (request.leg == Leg::kNetwork) {
    q.digest = request.endpoints.digest;
    q.back_digest = forwarding_.reverse(request.endpoints).digest;
    if (auto routed = route_network(q, request.endpoints.from, request.endpoints.to); !routed) return routed;
    if (per_packet_) q.flags |= kQpPerPacket;
  } else {
    route_scale_up(q, request);
    return {};
  }
  if (request.rate_limit) {
    const double share = static_cast<double>(mtu_) / (mtu_ + header_bytes_);
    rate_limits_[qps_.index_of(q)] = ps_per_byte(*request.rate_limit) * share;
    q.flags |= kQpRateLimited;
  }
  const bool overtaken = unordered_ && (q.flags & kQpPerPacket) != 0;
  if (overtaken || spec_.transport.recovery == LossRecovery::kSelectiveRepeat) take_reorder(q);
  if (overtaken) reorders_[qps_.index_of(q)]->paths = request.spray_paths;
  return {};
}

Expected<std::uint32_t> Network::create_qp(const QpRequest& request) {
  const std::uint32_t index = qps_.take();
  Qp& q = *new (&qps_[index]) Qp;
  q.flags = kQpInUse;
  if (auto routed = route_qp(q, request); !routed) {
    qps_.give(index);
    return tl::unexpected(routed.error());
  }
  if (request.send) q.flags |= kQpSend;
  q.priority = request.priority == 255 ? static_cast<std::uint8_t>(spec_.transport.data_priority) : request.priority;
  q.tag = request.tag;
  open_lane(q.priority);
  static_cast<void>(injector_of(path(q)[0]));
  q.control.start(params_of(q), std::max<Ps>(base_rtt(q), 1));
  if (spec_.transport.congestion_control == CongestionControlKind::kHpcc && last_hops_.size() <= index)
    last_hops_.resize(index + 1);
  if (spec_.routing.kind == RoutingKind::kFlowlet) {
    flowlets_.resize(std::max<std::size_t>(flowlets_.size(), (index + 1ULL) * kInlinePath));
    std::fill_n(flowlets_.begin() + static_cast<std::ptrdiff_t>(index * std::uint64_t{kInlinePath}), kInlinePath,
                Flowlet{});
  }
  return index;
}

void Network::take_reorder(Qp& q) {
  const std::uint32_t index = qps_.index_of(q);
  if (reorders_.size() <= index) reorders_.resize(index + 1);
  reorders_[index] = std::make_unique<Reorder>();
  q.flags |= kQpReorder;
}

void Network::destroy_qp(std::uint32_t index) {
  Qp& q = qps_[index];
  if ((q.flags & kQpReorder) != 0) reorders_[index].reset();
  q.flags = static_cast<std::uint16_t>((q.flags & ~(kQpInUse | kQpMixed | kQpReorder)) | kQpFailed);
  later_runs_.erase(index);
  rate_limits_.erase(index);
  posted_receives_.erase(index);
  unplace_flow(q);
  give_back(index);
}

// A destroyed QP's place is free when nothing names it any more: no frame, no ring, no timer.
void Network::give_back(std::uint32_t index) {
  const Qp& q = qps_[index];
  const bool named = q.frames != 0 || (q.flags & (kQpInRing | kQpInHeap | kQpTimer)) != 0;
  if ((q.flags & kQpInUse) == 0 && !named) qps_.give(index);
}

void Network::post_receives(std::uint32_t qp, std::uint32_t count) { posted_receives_[qp] += count; }

std::uint32_t Network::queue_bytes(LinkId link, std::uint8_t priority) {
  Port& p = ports_[link.value];
  advance_and_schedule(p, now());
  return lane(p, priority).queue.bytes;
}

}  // namespace weft::packet
