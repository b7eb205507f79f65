// From a topology to ports, buffers and QPs.
#include <fmt/format.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "emulator/packet/network.h"
#include "fabric/pfc.h"

namespace weft::packet {
namespace {

constexpr double kFixedPoint = 1U << 20U;
constexpr std::int64_t kMaxDelay = 0xFFFF'FFFF;  // ps in 32 bits: 4.29 ms
constexpr Rate kEcnReference = Rate::gbps(100);  // spec.switches.ecn is per 100G of port rate

[[nodiscard]] double ps_per_byte(Rate rate) { return 8e12 / static_cast<double>(rate.bits_per_second); }

[[nodiscard]] bool per_packet(const RoutingSpec& routing) {
  return routing.kind == RoutingKind::kSpray || routing.kind == RoutingKind::kFlowlet ||
         (routing.kind == RoutingKind::kAdaptive && routing.adaptive_unit == AdaptiveUnit::kPacket);
}

}  // namespace

Network::Network(const Topology& topology, Forwarding& forwarding, const NetworkOptions& options)
    : topology_(topology),
      forwarding_(forwarding),
      spec_(topology.spec()),
      options_(options),
      simulator_(ns3::PeekPointer(ns3::Simulator::GetImplementation())),
      mtu_(spec_.transport.mtu),
      header_bytes_(spec_.transport.header_bytes),
      ports_(topology.link_count()),
      frames_(options.max_frames),
      qps_(options.max_qps),
      telemetry_(options.max_frames),
      timers_(spec_.transport.retransmit_timeout.picoseconds),
      pfc_watch_(std::make_unique<PfcWatch>(*this, options.storm_after)) {}

// Ports that are pending events belong to the simulator too, and it lets go of them only when it is destroyed itself: a
// network that goes first leaves their memory behind.
Network::~Network() {
  for (std::uint32_t i = 0; i < ports_.high_water(); ++i) {
    if (ports_[i].GetReferenceCount() == 1) continue;
    ports_.abandon();
    break;
  }
}

void Network::add_listener(Listener* listener) {
  listeners_.to.add(listener);
  listener_ = listeners_.to.target(&listeners_);
}
void Network::remove_listener(Listener* listener) {
  listeners_.to.remove(listener);
  listener_ = listeners_.to.target(&listeners_);
}
void Network::add_observer(Observer* observer) {
  observers_.to.add(observer);
  observer_ = observers_.to.target(&observers_);
}
void Network::remove_observer(Observer* observer) {
  observers_.to.remove(observer);
  observer_ = observers_.to.target(&observers_);
}

void Network::watch(LinkId link, bool watched) {
  Port& p = ports_[link.value];
  if (p.is(kWatched) == watched) return;
  const Ps t = now();
  advance_and_schedule(p, t);  // what started before is not seen any more
  p.flags = static_cast<std::uint8_t>(watched ? p.flags | kWatched : p.flags & ~kWatched);
  advance_and_schedule(p, t);
}

Expected<std::unique_ptr<Network>> Network::create(const Topology& topology, Forwarding& forwarding,
                                                   const NetworkOptions& options) {
  std::unique_ptr<Network> network(new Network(topology, forwarding, options));
  if (auto built = network->build(); !built) return tl::unexpected(built.error());
  return network;
}

Expected<void> Network::build() {
  if (spec_.hosts.pcie_rate) bus_ps_per_byte_ = ps_per_byte(*spec_.hosts.pcie_rate);
  if (spec_.switches.pfc) {
    const auto lossless = parse_priorities(spec_.switches.lossless_priorities);
    if (!lossless) return tl::unexpected(lossless.error());
    lossless_ = lossless->bits;
  }
  network_control_.transport = spec_.transport;
  network_control_.line_ps_per_byte = ps_per_byte(spec_.links.host.rate.value_or(spec_.port_rate()));
  network_control_.packet_payload = mtu_;
  network_control_.packet_wire = mtu_ + header_bytes_;
  network_control_.trimming = spec_.switches.trimming;
  scale_up_control_ = network_control_;
  scale_up_control_.transport.congestion_control = CongestionControlKind::kNone;
  scale_up_control_.transport.window.reset();
  scale_up_control_.line_ps_per_byte = ps_per_byte(spec_.hosts.scale_up.rate_per_gpu);
  scale_up_control_.packet_wire = mtu_;
  first_spine_ = topology_.switch_count(NodeKind::kLeaf);
  first_core_ = first_spine_ + topology_.switch_count(NodeKind::kSpine);
  first_scale_up_ = first_core_ + topology_.switch_count(NodeKind::kCore);
  switches_.resize(first_scale_up_ + topology_.switch_count(NodeKind::kScaleUpSwitch));
  for (std::uint32_t link = 0; link < topology_.link_count(); ++link) {
    if (ports_.take() != link) return environment_error("no memory for the ports", "", "use a smaller fabric");
    if (auto built = build_port(LinkId{link}); !built) return built;
  }
  build_switches();
  order_lanes();
  if (spec_.switches.scheduling == QueueScheduling::kDwrr) {
    const auto weights = parse_weights(spec_.switches.weights);
    if (!weights) return tl::unexpected(weights.error());
    build_dwrr(*weights);
  }
  if (per_packet(spec_.routing)) per_packet_ = true;
  unordered_ = per_packet_ && spec_.routing.kind != RoutingKind::kFlowlet;
  if (spec_.routing.kind == RoutingKind::kAdaptive && !per_packet_) placed_.resize(topology_.link_count());
  return {};
}

std::uint32_t Network::switch_index(NodeRef node) const {
  switch (node.kind) {
    case NodeKind::kLeaf:
      return node.index;
    case NodeKind::kSpine:
      return first_spine_ + node.index;
    case NodeKind::kCore:
      return first_core_ + node.index;
    case NodeKind::kScaleUpSwitch:
      return first_scale_up_ + node.index;
    case NodeKind::kGpu:
    case NodeKind::kNicPort:
      break;
  }
  return kNone;
}

Expected<void> Network::build_port(LinkId link) {
  Port& p = *new (&ports_[link.value]) Port;
  p.network = this;
  const LinkTier tier = topology_.tier(link);
  const LinkEnds ends = topology_.ends(link);
  p.at_switch = switch_index(ends.from);
  p.to_switch = switch_index(ends.to);
  Duration delay = topology_.delay(link);
  if (tier == LinkTier::kScaleUp) {
    p.flags |= kScaleUpLink;
    delay = Duration{spec_.hosts.scale_up.latency.picoseconds / 2};
  } else if (p.to_switch != kNone) {
    delay = delay + spec_.switches.latency;  // seen when it has passed the pipeline
  }
  if (delay.picoseconds > kMaxDelay)
    return input_error("a link too long for the packet engine", to_text(topology_.delay(link)), "at most 4.29 ms");
  p.delay = static_cast<std::uint32_t>(delay.picoseconds);
  if (p.to_switch != kNone && (spec_.switches.cut_through || tier == LinkTier::kScaleUp)) p.flags |= kEarly;
  const Rate rate = topology_.rate(link);
  if (rate.bits_per_second == 0) p.flags |= kDead;
  set_rate(p, rate.bits_per_second == 0 ? spec_.port_rate() : rate);
  if (tier != LinkTier::kScaleUp && p.at_switch != kNone) p.flags |= kMarksEcn;
  if (bit_error_rate(tier) > 0) p.flags |= kBitErrors;
  return {};
}

void Network::set_rate(Port& p, Rate rate) {
  p.ps_fixed = static_cast<std::uint64_t>(std::llround(ps_per_byte(rate) * kFixedPoint));
  const double share = static_cast<double>(rate.bits_per_second) / static_cast<double>(kEcnReference.bits_per_second);
  p.ecn_min = static_cast<std::uint32_t>(std::min(4e9, static_cast<double>(spec_.switches.ecn.kmin.count) * share));
  p.ecn_max = static_cast<std::uint32_t>(std::min(4e9, static_cast<double>(spec_.switches.ecn.kmax.count) * share));
}

void Network::build_switches() {
  for (std::uint32_t link = 0; link < topology_.link_count(); ++link) {
    const std::uint32_t at = ports_[link].at_switch;
    if (at != kNone) ++switches_[at].port_count;
  }
  std::uint32_t next = 0;
  for (SwitchBuffer& s : switches_) {
    s.first_port = next;
    next += s.port_count;
    s.port_count = 0;
    s.total = static_cast<std::uint64_t>(spec_.switches.buffer.count);
    s.shared = s.total;
  }
  switch_ports_.resize(next);
  for (std::uint32_t link = 0; link < topology_.link_count(); ++link) {
    const std::uint32_t at = ports_[link].at_switch;
    if (at != kNone) switch_ports_[switches_[at].first_port + switches_[at].port_count++] = link;
    const std::uint32_t to = ports_[link].to_switch;
    if (to == kNone || lossless_ == 0 || to >= first_scale_up_) continue;
    const std::uint64_t reserved = headroom_of(LinkId{link}) * static_cast<std::uint64_t>(std::popcount(lossless_));
    switches_[to].shared -= std::min(switches_[to].shared, reserved);
  }
  for (std::uint32_t s = first_scale_up_; s < switches_.size(); ++s) switches_[s].scale_up = true;
}

// Those that a fabric uses by itself come first.
void Network::order_lanes() {
  constexpr std::uint8_t kUnset = 255;
  lane_number_.fill(kUnset);
  std::uint8_t next = 0;
  const auto place = [&](std::uint32_t priority) {
    if (lane_number_[priority] == kUnset) lane_number_[priority] = next++;
  };
  const TransportSpec& transport = spec_.transport;
  for (const std::uint32_t priority : {transport.data_priority, transport.ack_priority, transport.cnp_priority})
    place(priority);
  for (std::uint32_t priority = 0; priority < kPriorities; ++priority) place(priority);
}

void Network::open_lane(std::uint8_t priority) {
  if (lane_number_[priority] >= kPortLanes) more_lanes_.resize(topology_.link_count());
}

// A quantum covers a full frame, so that every queue sends in every round.
void Network::build_dwrr(const PriorityWeights& weights) {
  dwrr_.resize(topology_.link_count());
  for (std::uint32_t p = 0; p < kPriorities; ++p) dwrr_quantum_[p] = weights[p] * (mtu_ + header_bytes_);
}

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
  if (free_reorders_.empty()) {
    q.reorder = static_cast<std::uint32_t>(reorders_.size());
    reorders_.emplace_back();
    return;
  }
  q.reorder = free_reorders_.back();
  free_reorders_.pop_back();
  reorders_[q.reorder] = Reorder{};
}

void Network::destroy_qp(std::uint32_t index) {
  Qp& q = qps_[index];
  q.flags = static_cast<std::uint16_t>((q.flags & ~(kQpInUse | kQpMixed)) | kQpFailed);
  if (q.reorder != kNone) free_reorders_.push_back(q.reorder);
  q.reorder = kNone;
  later_runs_.erase(index);
  rate_limits_.erase(index);
  posted_receives_.erase(index);
  unplace_flow(q);
  give_back(index);
}

// A destroyed QP's place is free when nothing names it any more: no frame, no ring, no timer.
void Network::give_back(std::uint32_t index) {
  const Qp& q = qps_[index];
  const bool named = q.frames != 0 || q.waiting != Waiting::kNo || (q.flags & kQpTimer) != 0;
  if ((q.flags & kQpInUse) == 0 && !named) qps_.give(index);
}

void Network::post_receives(std::uint32_t qp, std::uint32_t count) { posted_receives_[qp] += count; }

std::uint32_t Network::queue_bytes(LinkId link, std::uint8_t priority) {
  Port& p = ports_[link.value];
  advance_and_schedule(p, now());
  return lane(p, priority).queue.bytes;
}

}  // namespace weft::packet
