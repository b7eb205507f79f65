// A port of a NIC or switch as an ns-3 device, and a cable as a channel.
#pragma once

#include <ns3/channel.h>
#include <ns3/mac48-address.h>
#include <ns3/net-device.h>
#include <ns3/nstime.h>
#include <ns3/packet.h>
#include <ns3/traced-callback.h>

#include <memory>
#include <string>
#include <vector>

#include "emulator/packet/model/port_capture.h"
#include "fabric/ids.h"

namespace weft::packet {

class RoceFabric;
class RoceNetDevice;

/// A cable of the fabric: two devices, one at each end.
class RoceChannel : public ns3::Channel {
 public:
  static ns3::TypeId GetTypeId();
  RoceChannel() = default;

  std::size_t GetNDevices() const override { return devices_.size(); }
  ns3::Ptr<ns3::NetDevice> GetDevice(std::size_t i) const override;
  void Attach(ns3::Ptr<RoceNetDevice> device);

 protected:
  void DoDispose() override;

 private:
  std::vector<ns3::Ptr<RoceNetDevice>> devices_;
};

/// A port: the sending end of one directed link and the receiving end of the other. It looks on: frames are moved by
/// the fabric's data plane, and become ns3::Packets (from Ethernet header to ICRC, no FCS) at a port only while it has
/// a sink: a trace source connected, a promiscuous callback, or a capture.
///
/// Send() of a packet is no RDMA and is refused: post messages to QPs. Nothing is handed to the receive callback, for
/// RDMA ends in the NIC; the promiscuous callback sees every frame that arrives, pause frames too.
class RoceNetDevice : public ns3::NetDevice {
 public:
  static ns3::TypeId GetTypeId();
  RoceNetDevice() = default;

  void Attach(RoceFabric& fabric, LinkId out, ns3::Ptr<RoceChannel> channel);
  /// The link that this port sends on; GetLink() ^ 1 is the one it receives from.
  LinkId GetLink() const { return link_; }

  /// "host3.nic1.port0", "leaf4-host3.nic1.port0": for names of files.
  std::string GetFileName() const;
  /// Nanosecond pcap of what leaves (stamped at its start) and what arrives (at its end), in order of time.
  Expected<void> EnablePcap(const std::string& file, std::uint32_t snap_length);
  /// Someone connected or disconnected.
  void TracesChanged();
  bool HasSink() const;

  // The fabric's side.
  void Transmitted(ns3::Ptr<const ns3::Packet> packet);
  void Received(ns3::Ptr<const ns3::Packet> packet);
  void QueueChanged(std::uint8_t priority, std::uint32_t bytes) { queue_bytes_(priority, bytes); }
  void LinkChanged();

  // ns3::NetDevice
  void SetIfIndex(std::uint32_t index) override { if_index_ = index; }
  std::uint32_t GetIfIndex() const override { return if_index_; }
  ns3::Ptr<ns3::Channel> GetChannel() const override;
  /// Fixed: derived from the link.
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override { return address_; }
  /// Fixed: the attribute TransportMtu of the fabric. False where another is asked for.
  bool SetMtu(std::uint16_t mtu) override { return mtu == GetMtu(); }
  std::uint16_t GetMtu() const override;
  bool IsLinkUp() const override;
  void AddLinkChangeCallback(ns3::Callback<void> callback) override { link_changed_.ConnectWithoutContext(callback); }
  bool IsBroadcast() const override { return false; }
  ns3::Address GetBroadcast() const override { return ns3::Mac48Address::GetBroadcast(); }
  bool IsMulticast() const override { return false; }
  ns3::Address GetMulticast(ns3::Ipv4Address group) const override { return ns3::Mac48Address::GetMulticast(group); }
  ns3::Address GetMulticast(ns3::Ipv6Address group) const override { return ns3::Mac48Address::GetMulticast(group); }
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return true; }
  bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& to, std::uint16_t protocol) override;
  bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from, const ns3::Address& to,
                std::uint16_t protocol) override;
  ns3::Ptr<ns3::Node> GetNode() const override { return node_; }
  void SetNode(ns3::Ptr<ns3::Node> node) override { node_ = node; }
  bool NeedsArp() const override { return false; }
  void SetReceiveCallback(ReceiveCallback) override {}
  void SetPromiscReceiveCallback(PromiscReceiveCallback callback) override;
  bool SupportsSendFrom() const override { return false; }

  typedef void (*QueueCallback)(std::uint8_t priority, std::uint32_t bytes);

 protected:
  void DoDispose() override;

 private:
  RoceFabric* fabric_ = nullptr;  // outlives its devices
  LinkId link_;
  ns3::Ptr<RoceChannel> channel_;
  ns3::Ptr<ns3::Node> node_;
  ns3::Mac48Address address_;
  std::uint32_t if_index_ = 0;
  bool watched_ = false;
  PromiscReceiveCallback promiscuous_;
  std::unique_ptr<PortCapture> capture_;

  ns3::TracedCallback<> link_changed_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>> phy_tx_begin_, phy_rx_end_, sniffer_;
  ns3::TracedCallback<std::uint8_t, std::uint32_t> queue_bytes_;
};

}  // namespace weft::packet
