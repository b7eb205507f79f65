#include "emulator/packet/model/roce_net_device.h"

#include <ns3/log.h>
#include <ns3/node.h>
#include <ns3/pointer.h>
#include <ns3/uinteger.h>

#include "emulator/packet/model/roce_fabric.h"
#include "emulator/packet/model/watched_trace.h"

namespace weft::packet {

NS_LOG_COMPONENT_DEFINE("WeftRoceNetDevice");
NS_OBJECT_ENSURE_REGISTERED(RoceNetDevice);
NS_OBJECT_ENSURE_REGISTERED(RoceChannel);

ns3::TypeId RoceChannel::GetTypeId() {
  static ns3::TypeId tid = ns3::TypeId("weft::packet::RoceChannel")
                               .SetParent<ns3::Channel>()
                               .SetGroupName("Weft")
                               .AddConstructor<RoceChannel>();
  return tid;
}

ns3::Ptr<ns3::NetDevice> RoceChannel::GetDevice(std::size_t i) const { return devices_.at(i); }

void RoceChannel::Attach(ns3::Ptr<RoceNetDevice> device) { devices_.push_back(device); }

void RoceChannel::DoDispose() {
  devices_.clear();
  ns3::Channel::DoDispose();
}

ns3::TypeId RoceNetDevice::GetTypeId() {
  static ns3::TypeId tid =
      ns3::TypeId("weft::packet::RoceNetDevice")
          .SetParent<ns3::NetDevice>()
          .SetGroupName("Weft")
          .AddConstructor<RoceNetDevice>()
          .AddAttribute("Mtu", "payload of a packet: the fabric's TransportMtu", ns3::TypeId::ATTR_GET,
                        ns3::UintegerValue(0), ns3::MakeUintegerAccessor(&RoceNetDevice::GetMtu),
                        ns3::MakeUintegerChecker<std::uint16_t>())
          .AddAttribute("Channel", "the cable", ns3::TypeId::ATTR_GET, ns3::PointerValue(),
                        ns3::MakePointerAccessor(&RoceNetDevice::channel_), ns3::MakePointerChecker<RoceChannel>())
          .AddTraceSource("PhyTxBegin", "a frame begins to leave",
                          MakeWatchedTraceAccessor(&RoceNetDevice::phy_tx_begin_), "ns3::Packet::TracedCallback")
          .AddTraceSource("PhyRxEnd", "a frame has arrived", MakeWatchedTraceAccessor(&RoceNetDevice::phy_rx_end_),
                          "ns3::Packet::TracedCallback")
          .AddTraceSource("PromiscSniffer", "both: what a capture has",
                          MakeWatchedTraceAccessor(&RoceNetDevice::sniffer_), "ns3::Packet::TracedCallback")
          .AddTraceSource("QueueBytes", "bytes of a priority that wait here changed",
                          MakeWatchedTraceAccessor(&RoceNetDevice::queue_bytes_),
                          "weft::packet::RoceNetDevice::QueueCallback");
  return tid;
}

void RoceNetDevice::Attach(RoceFabric& fabric, LinkId out, ns3::Ptr<RoceChannel> channel) {
  fabric_ = &fabric;
  link_ = out;
  channel_ = channel;
  address_.CopyFrom(port_mac(out).data());
}

std::string RoceNetDevice::GetFileName() const {
  const Topology& topology = fabric_->GetTopology();
  const NodeRef from = topology.ends(link_).from;
  if (from.kind == NodeKind::kNicPort) return topology.name(from);
  std::string name = topology.name(link_);
  name.replace(name.find('>'), 1, "-");
  return name;
}

ns3::Ptr<ns3::Channel> RoceNetDevice::GetChannel() const { return channel_; }

void RoceNetDevice::SetAddress(ns3::Address address) {
  if (address != ns3::Address(address_)) NS_LOG_WARN("the address of a RoCE port is fixed: " << address_);
}

std::uint16_t RoceNetDevice::GetMtu() const {
  return fabric_ == nullptr ? std::uint16_t{0} : static_cast<std::uint16_t>(fabric_->GetSpec().transport.mtu);
}

bool RoceNetDevice::IsLinkUp() const { return fabric_ != nullptr && !fabric_->GetNetwork().port(link_).is(kDead); }

bool RoceNetDevice::Send(ns3::Ptr<ns3::Packet>, const ns3::Address&, std::uint16_t) {
  NS_LOG_WARN("refused: a RoCE port sends messages of QPs (RoceFabric::Post), not packets");
  return false;
}

bool RoceNetDevice::SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address&, const ns3::Address& to,
                             std::uint16_t protocol) {
  return Send(packet, to, protocol);
}

void RoceNetDevice::SetPromiscReceiveCallback(PromiscReceiveCallback callback) {
  promiscuous_ = callback;
  TracesChanged();
}

Expected<void> RoceNetDevice::EnablePcap(const std::string& file, std::uint32_t snap_length) {
  auto capture = PortCapture::open(file, snap_length);
  if (!capture) return tl::unexpected(capture.error());
  capture_ = std::move(*capture);
  TracesChanged();
  return {};
}

bool RoceNetDevice::HasSink() const {
  return capture_ != nullptr || !promiscuous_.IsNull() || !phy_tx_begin_.IsEmpty() || !phy_rx_end_.IsEmpty() ||
         !sniffer_.IsEmpty();
}

void RoceNetDevice::TracesChanged() {
  const bool wanted = HasSink() || !queue_bytes_.IsEmpty();
  if (fabric_ == nullptr || wanted == watched_) return;
  watched_ = wanted;
  fabric_->Watch(link_, wanted);
}

void RoceNetDevice::Transmitted(ns3::Ptr<const ns3::Packet> packet) {
  phy_tx_begin_(packet);
  sniffer_(packet);
  if (capture_ != nullptr) capture_->write(*packet);
}

void RoceNetDevice::Received(ns3::Ptr<const ns3::Packet> packet) {
  phy_rx_end_(packet);
  sniffer_(packet);
  if (capture_ != nullptr) capture_->write(*packet);
  if (promiscuous_.IsNull()) return;
  std::array<std::uint8_t, 14> ethernet{};
  packet->CopyData(ethernet.data(), ethernet.size());
  ns3::Mac48Address from, to;
  to.CopyFrom(ethernet.data());
  from.CopyFrom(ethernet.data() + 6);
  const auto type = static_cast<std::uint16_t>(ethernet[12] << 8U | ethernet[13]);
  promiscuous_(this, packet, type, from, to, to == address_ ? PACKET_HOST : PACKET_OTHERHOST);
}

void RoceNetDevice::LinkChanged() { link_changed_(); }

void RoceNetDevice::DoDispose() {
  capture_.reset();
  fabric_ = nullptr;
  channel_ = nullptr;
  node_ = nullptr;
  ns3::NetDevice::DoDispose();
}

}  // namespace weft::packet
