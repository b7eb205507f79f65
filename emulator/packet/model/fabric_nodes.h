// Hosts and switches of a fabric as ns-3 nodes, their ports as devices, made when first asked for.
#pragma once

#include <ns3/net-device-container.h>
#include <ns3/node-container.h>
#include <ns3/node.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "emulator/packet/model/roce_net_device.h"
#include "fabric/topology.h"

namespace weft::packet {

class RoceFabric;

/// Names in ns-3's Names: a host is "host3", its port "host3/nic1.port0"; a switch "leaf4", its port
/// "leaf4/host3.nic1.port0" after what it leads to. A name that is taken (two fabrics in one script) is left alone.
class FabricNodes {
 public:
  FabricNodes(RoceFabric& fabric, const Topology& topology) : fabric_(fabric), topology_(topology) {}

  ns3::Ptr<ns3::Node> GetHost(HostId host);
  /// A switch, or for a GPU or NIC port its host.
  ns3::Ptr<ns3::Node> GetNode(NodeRef node);
  ns3::NodeContainer GetHosts();
  ns3::NodeContainer GetSwitches();  // of the scale-out network

  /// The port that sends on the link. Null for scale-up links, which have no devices.
  ns3::Ptr<RoceNetDevice> GetDevice(LinkId link);
  /// All ports: a node, device and channel for each of them, about 1 KB.
  ns3::NetDeviceContainer GetDevices();

  /// Null where nobody has asked for it yet.
  RoceNetDevice* FindDevice(LinkId link) const;
  bool HasDevices() const { return !devices_.empty(); }
  void Dispose();

 private:
  ns3::Ptr<ns3::Node> node_of(std::uint64_t key, const std::string& name);

  RoceFabric& fabric_;
  const Topology& topology_;
  std::unordered_map<std::uint64_t, ns3::Ptr<ns3::Node>> nodes_;
  std::unordered_map<std::uint32_t, ns3::Ptr<RoceNetDevice>> devices_;  // by link
  std::unordered_map<std::uint32_t, ns3::Ptr<RoceChannel>> channels_;   // by cable
};

}  // namespace weft::packet
