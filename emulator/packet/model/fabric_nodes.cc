#include "emulator/packet/model/fabric_nodes.h"

#include <fmt/format.h>
#include <ns3/names.h>

#include "emulator/packet/model/roce_fabric.h"

namespace weft::packet {
namespace {

constexpr std::uint64_t kHostKey = std::uint64_t{0xFF} << 32;  // beside the kinds of NodeRef

void give_name(const std::string& path, ns3::Ptr<ns3::Object> object) {
  if (ns3::Names::Find<ns3::Object>(path) == nullptr) ns3::Names::Add(path, object);
}

}  // namespace

ns3::Ptr<ns3::Node> FabricNodes::node_of(std::uint64_t key, const std::string& name) {
  ns3::Ptr<ns3::Node>& node = nodes_[key];
  if (node != nullptr) return node;
  node = ns3::CreateObject<ns3::Node>();
  give_name(fmt::format("/Names/{}", name), node);
  return node;
}

ns3::Ptr<ns3::Node> FabricNodes::GetHost(HostId host) {
  WEFT_CHECK(host.value < topology_.host_count());
  return node_of(kHostKey | host.value, fmt::format("host{}", host.value));
}

ns3::Ptr<ns3::Node> FabricNodes::GetNode(NodeRef node) {
  const HostsSpec& hosts = topology_.spec().hosts;
  if (node.kind == NodeKind::kGpu) return GetHost(HostId{node.index / hosts.gpus});
  if (node.kind == NodeKind::kNicPort) return GetHost(HostId{node.index / (hosts.nics * hosts.ports_per_nic)});
  return node_of(std::uint64_t{static_cast<std::uint8_t>(node.kind)} << 32 | node.index, topology_.name(node));
}

ns3::NodeContainer FabricNodes::GetHosts() {
  ns3::NodeContainer all;
  for (std::uint32_t h = 0; h < topology_.host_count(); ++h) all.Add(GetHost(HostId{h}));
  return all;
}

ns3::NodeContainer FabricNodes::GetSwitches() {
  ns3::NodeContainer all;
  for (const NodeKind kind : {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore}) {
    for (std::uint32_t i = 0; i < topology_.switch_count(kind); ++i) all.Add(GetNode({kind, i}));
  }
  return all;
}

ns3::Ptr<RoceNetDevice> FabricNodes::GetDevice(LinkId link) {
  WEFT_CHECK(link.value < topology_.link_count());
  if (topology_.tier(link) == LinkTier::kScaleUp) return nullptr;
  if (const auto found = devices_.find(link.value); found != devices_.end()) return found->second;
  ns3::Ptr<RoceChannel>& channel = channels_[link.value / 2];
  if (channel == nullptr) channel = ns3::CreateObject<RoceChannel>();
  auto device = ns3::CreateObject<RoceNetDevice>();
  device->Attach(fabric_, link, channel);
  channel->Attach(device);
  const LinkEnds ends = topology_.ends(link);
  const ns3::Ptr<ns3::Node> node = GetNode(ends.from);
  node->AddDevice(device);
  devices_[link.value] = device;
  std::string name = topology_.name(ends.from);
  if (ends.from.kind == NodeKind::kNicPort) {
    name[name.find('.')] = '/';  // host3.nic1.port0
  } else {
    const std::string link_name = topology_.name(link);
    name = fmt::format("{}/{}", name, link_name.substr(link_name.find('>') + 1));
  }
  give_name(fmt::format("/Names/{}", name), device);
  GetDevice(LinkId{link.value ^ 1U});  // a channel has both its ends
  return device;
}

ns3::NetDeviceContainer FabricNodes::GetDevices() {
  ns3::NetDeviceContainer all;
  for (std::uint32_t link = topology_.first_host_link(); link < topology_.link_count(); ++link)
    all.Add(GetDevice(LinkId{link}));
  return all;
}

RoceNetDevice* FabricNodes::FindDevice(LinkId link) const {
  const auto found = devices_.find(link.value);
  return found == devices_.end() ? nullptr : ns3::PeekPointer(found->second);
}

void FabricNodes::Dispose() {
  devices_.clear();
  channels_.clear();
  nodes_.clear();
}

}  // namespace weft::packet
