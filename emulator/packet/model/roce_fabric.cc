#include "emulator/packet/model/roce_fabric.h"

#include <fmt/format.h>
#include <ns3/simulator.h>

#include <cmath>
#include <utility>

#include "fabric/pfc.h"
#include "topologies/build.h"
#include "topologies/failures.h"
#include "topologies/spec_yaml.h"

namespace weft::packet {
namespace {

constexpr double kBitsPerByte = 8;

ns3::Time after(Ps delay) { return ns3::TimeStep(static_cast<std::uint64_t>(delay)); }

}  // namespace

RoceFabric::RoceFabric() = default;
RoceFabric::~RoceFabric() = default;

void RoceFabric::SetSpec(const FabricSpec& spec) {
  WEFT_CHECK(!IsBuilt());
  const FabricSpec before = spec_;
  spec_ = spec;
  copy_changed_fields(before, spec_);
}

Expected<void> RoceFabric::Load(const std::string& fabric_file) {
  auto spec = load_spec(fabric_file);
  if (!spec) return tl::unexpected(spec.error());
  SetSpec(*spec);
  return {};
}

Expected<void> RoceFabric::Build() {
  WEFT_CHECK(!IsBuilt());
  WEFT_CHECK(ns3::Time::GetResolution() == ns3::Time::PS);  // FabricHelper sets it
  // The values together must be a sound fabric file: the reader has all the rules.
  auto checked = parse_spec(to_yaml(spec_), "attributes");
  if (!checked) {
    checked.error().place = {};
    return tl::unexpected(checked.error());
  }
  auto topology = build_topology(spec_);
  if (!topology) return tl::unexpected(topology.error());
  auto forwarding = Forwarding::create(**topology, options_.seed);
  if (!forwarding) return tl::unexpected(forwarding.error());
  auto failures = resolve_timed_failures(**topology);
  if (!failures) return tl::unexpected(failures.error());
  auto network = Network::create(**topology, **forwarding, options_);
  if (!network) return tl::unexpected(network.error());
  topology_ = std::move(*topology);
  forwarding_ = std::move(*forwarding);
  network_ = std::move(*network);
  nodes_ = std::make_unique<FabricNodes>(*this, *topology_);
  failures_ = std::make_unique<FailurePlayer>(*network_, std::move(*failures));
  failures_->start();
  TracesChanged();
  // The simulator holds on to ports as events: they live until it is destroyed.
  ns3::Simulator::ScheduleDestroy(&RoceFabric::Dispose, ns3::Ptr<RoceFabric>(this));
  return {};
}

void RoceFabric::DoDispose() {
  callbacks_.clear();
  if (nodes_ != nullptr) nodes_->Dispose();
  ns3::Object::DoDispose();
}

// --- QPs

Expected<RoceFabric::Place> RoceFabric::find_place(const std::string& name) const {
  for (const char* rest : {"", ".port0", ".nic0.port0"}) {
    const auto node = topology_->find_node(name + rest);
    if (!node) continue;
    if (node->kind == NodeKind::kGpu) return Place{true, GpuId{node->index}, {}};
    if (node->kind == NodeKind::kNicPort) return Place{false, {}, PortId{node->index}};
  }
  return input_error("no such GPU or NIC port", name, "name it like gpu3, host3, host3.nic1 or host3.nic1.port0");
}

Expected<PortId> RoceFabric::FindPort(const std::string& name) const {
  const auto place = find_place(name);
  if (!place) return tl::unexpected(place.error());
  return place->is_gpu ? topology_->port_of(place->gpu, 0) : place->port;
}

Expected<LinkId> RoceFabric::FindLink(const std::string& name) const {
  if (const auto link = topology_->find_link(name)) return *link;
  return input_error("no such link", name,
                     fmt::format("name it like {}; the nearest is {}", topology_->name(topology_->host_link({}, false)),
                                 nearest_name(*topology_, name)));
}

Expected<QpRequest> RoceFabric::request_between(const Place& from, const Place& to, const QpOptions& options,
                                                WireIds& ids) const {
  QpRequest request;
  request.send = options.send;
  request.priority = options.priority;
  request.tag = options.tag;
  if (from.is_gpu && to.is_gpu) {
    const Connection connection{from.gpu, to.gpu, options.channel};
    const auto ends = forwarding_->endpoints(connection, Via::kAuto, options.index);
    const std::string pair = fmt::format("gpu{} to gpu{}", from.gpu.value, to.gpu.value);
    if (!ends) return input_error("no path between two GPUs", pair, "see failures in the fabric file");
    if (ends->proxy) return input_error("these GPUs meet only through another one's NIC", pair, "name two NIC ports");
    request.leg = ends->scale_up_only ? QpRequest::Leg::kScaleUp : QpRequest::Leg::kNetwork;
    request.endpoints = *ends;
    request.from = from.gpu;
    request.to = to.gpu;
  } else {
    // Ports stand in for the GPUs in the QP numbers.
    Forwarding::Endpoints& ends = request.endpoints;
    ends.from = from.is_gpu ? topology_->port_of(from.gpu, 0) : from.port;
    ends.to = to.is_gpu ? topology_->port_of(to.gpu, 0) : to.port;
    const GpuId a{ends.from.value}, b{ends.to.value};
    ends.source_qpn = queue_pair_number(options_.seed, a, b, options.channel, options.index);
    ends.destination_qpn = queue_pair_number(options_.seed, b, a, options.channel, options.index);
    ends.udp_source_port = udp_source_port(ends.source_qpn, ends.destination_qpn);
    ends.digest = forwarding_->digest(ends.from, ends.to, ends.udp_source_port);
  }
  ids = {request.endpoints.source_qpn, request.endpoints.destination_qpn, request.endpoints.udp_source_port};
  return request;
}

Expected<std::uint32_t> RoceFabric::CreateQp(const std::string& from, const std::string& to, const QpOptions& options) {
  const auto a = find_place(from);
  if (!a) return tl::unexpected(a.error());
  const auto b = find_place(to);
  if (!b) return tl::unexpected(b.error());
  if (a->is_gpu == b->is_gpu && a->gpu == b->gpu && a->port == b->port)
    return input_error("a QP from a part to itself", from, "name two different GPUs or NIC ports");
  WireIds ids;
  const auto request = request_between(*a, *b, options, ids);
  if (!request) return tl::unexpected(request.error());
  const auto qp = network_->create_qp(*request);
  if (!qp) return qp;
  ids_[*qp] = ids;
  return qp;
}

void RoceFabric::Post(std::uint32_t qp, std::uint64_t bytes) {
  network_->post(qp, Bytes{static_cast<std::int64_t>(bytes)});
}

void RoceFabric::SetQpCallbacks(std::uint32_t qp, ns3::Callback<void, std::uint32_t> acknowledged,
                                ns3::Callback<void> failed) {
  callbacks_[qp] = {acknowledged, failed};
  TracesChanged();
}

ns3::DataRate RoceFabric::GetRate(std::uint32_t qp) const {
  const double ps_per_byte = network_->qp(qp).control.ps_per_byte();
  return ns3::DataRate(static_cast<std::uint64_t>(std::llround(kBitsPerByte * kPsPerSecond / ps_per_byte)));
}

WireIds RoceFabric::GetWireIds(std::uint32_t qp) const {
  const auto found = ids_.find(qp);
  return found == ids_.end() ? default_wire_ids(qp) : found->second;
}

void RoceFabric::SetLinkRate(LinkId link, double factor) { network_->set_cable(link.value / 2, factor); }

void RoceFabric::StallReceiver(PortId port, bool stalled) { network_->stall_receiver(port, stalled); }

// --- what the data plane tells

void RoceFabric::TracesChanged() {
  if (!IsBuilt()) return;
  const bool all = !transmit_.IsEmpty() || !queue_.IsEmpty();
  const bool observing = all || !watchers_.empty() || !drop_.IsEmpty() || !mark_.IsEmpty() || !pause_.IsEmpty() ||
                         !resume_.IsEmpty() || !cnp_.IsEmpty() || !rate_.IsEmpty() || !link_.IsEmpty() ||
                         nodes_->HasDevices();
  const bool listening = !callbacks_.empty() || !received_.IsEmpty() || !acknowledged_.IsEmpty() || !failed_.IsEmpty();
  if (observing != std::exchange(observing_, observing))
    observing ? network_->add_observer(this) : network_->remove_observer(this);
  if (listening != std::exchange(listening_, listening))
    listening ? network_->add_listener(this) : network_->remove_listener(this);
  if (all == std::exchange(watching_all_, all)) return;
  for (std::uint32_t link = 0; link < topology_->link_count(); ++link)
    network_->watch(LinkId{link}, all || watchers_.contains(link));
}

void RoceFabric::Watch(LinkId link, bool watched) {
  for (const std::uint32_t side : {link.value, link.value ^ 1U}) {
    if (watched) {
      ++watchers_[side];
    } else if (--watchers_[side] == 0) {
      watchers_.erase(side);
    }
    network_->watch(LinkId{side}, watching_all_ || watchers_.contains(side));
  }
  TracesChanged();
}

void RoceFabric::on_transmit(LinkId link, const Frame& f, Ps start) {
  if (!transmit_.IsEmpty()) transmit_(link, f, after(start));
  if (!watchers_.contains(link.value)) return;
  const auto bytes = wire_bytes(*network_, GetWireIds(f.qp), link, f);
  if (bytes.empty()) return;
  const Port& p = network_->port(link);
  const bool intact = !p.is(kBitErrors) || !network_->corrupted(p, f);
  carry(link, ns3::Create<ns3::Packet>(bytes.data(), static_cast<std::uint32_t>(bytes.size())), start,
        p.serialization(f.wire), intact);
}

void RoceFabric::on_pause_frame(LinkId link, std::uint8_t priority, bool pause, Ps start) {
  if (!watchers_.contains(link.value)) return;
  const auto bytes = pause_bytes(link, priority, pause);
  carry(link, ns3::Create<ns3::Packet>(bytes.data(), static_cast<std::uint32_t>(bytes.size())), start,
        network_->port(link).serialization(static_cast<std::uint32_t>(kPfcFrame.count)), true);
}

// Each end sees it at its own time, whatever the data plane's events are.
void RoceFabric::carry(LinkId link, ns3::Ptr<ns3::Packet> packet, Ps start, Ps line, bool intact) {
  const Ps now = network_->now();
  RoceNetDevice* sender = nodes_->FindDevice(link);
  RoceNetDevice* receiver = nodes_->FindDevice(LinkId{link.value ^ 1U});
  if (sender != nullptr && sender->HasSink()) {
    ns3::Simulator::Schedule(after(std::max<Ps>(0, start - now)), &RoceNetDevice::Transmitted, sender,
                             ns3::Ptr<const ns3::Packet>(packet));
  }
  if (receiver == nullptr || !receiver->HasSink() || !intact) return;
  const Ps arrives = start + line + topology_->delay(link).picoseconds;
  ns3::Simulator::Schedule(after(std::max<Ps>(0, arrives - now)), &RoceFabric::arrive, this, link,
                           ns3::Ptr<const ns3::Packet>(packet));
}

void RoceFabric::arrive(LinkId link, ns3::Ptr<const ns3::Packet> packet) {
  RoceNetDevice* receiver = nodes_->FindDevice(LinkId{link.value ^ 1U});
  if (receiver != nullptr && !network_->port(link).is(kDead)) receiver->Received(packet);
}

void RoceFabric::on_queue(LinkId link, std::uint8_t priority, std::uint32_t bytes, Ps) {
  queue_(link, priority, bytes);
  if (RoceNetDevice* device = nodes_->FindDevice(link)) device->QueueChanged(priority, bytes);
}

void RoceFabric::on_cnp(std::uint32_t qp) {
  cnp_(qp);
  on_rate(qp);
}

void RoceFabric::on_rate(std::uint32_t qp) {
  if (rate_.IsEmpty()) return;
  const CongestionControl& control = network_->qp(qp).control;
  const std::pair now_is{control.ps_per_byte(), control.window()};
  const auto [told, fresh] = rates_.try_emplace(qp, now_is);
  if (!fresh && told->second == now_is) return;
  told->second = now_is;
  rate_(qp, GetRate(qp), now_is.second);
}

void RoceFabric::on_acknowledged(std::uint32_t qp, std::uint32_t message) {
  acknowledged_(qp, message);
  if (const auto found = callbacks_.find(qp); found != callbacks_.end()) found->second.acknowledged(message);
}

void RoceFabric::on_failed(std::uint32_t qp) {
  failed_(qp);
  if (const auto found = callbacks_.find(qp); found != callbacks_.end()) found->second.failed();
}

void RoceFabric::on_link(LinkId link, bool up) {
  link_(link, up);
  if (RoceNetDevice* device = nodes_->FindDevice(link)) device->LinkChanged();
}

}  // namespace weft::packet
