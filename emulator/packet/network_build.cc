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

}  // namespace weft::packet
