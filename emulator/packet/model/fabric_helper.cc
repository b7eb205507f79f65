#include "emulator/packet/model/fabric_helper.h"

#include <fmt/format.h>
#include <ns3/abort.h>
#include <ns3/nstime.h>
#include <ns3/pointer.h>
#include <ns3/simulator.h>
#include <ns3/string.h>

#include "emulator/packet/wheel_scheduler.h"

namespace weft::packet {
namespace {

template <typename T>
T value_or_abort(Expected<T> value) {
  NS_ABORT_MSG_IF(!value, value.error().text());
  return std::move(*value);
}

}  // namespace

FabricHelper::FabricHelper() {
  if (ns3::Time::GetResolution() != ns3::Time::PS) ns3::Time::SetResolution(ns3::Time::PS);
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId(WheelScheduler::GetTypeId());
  ns3::Simulator::SetScheduler(scheduler);
}

void FabricHelper::SetAttribute(const std::string& name, const ns3::AttributeValue& value) {
  attributes_.emplace_back(name, value.Copy());
}

ns3::Ptr<RoceFabric> FabricHelper::Create(const std::string& fabric_file) const {
  auto fabric = ns3::CreateObject<RoceFabric>();
  const auto loaded = fabric->Load(fabric_file);
  NS_ABORT_MSG_IF(!loaded, loaded.error().text());
  return build(fabric);
}

ns3::Ptr<RoceFabric> FabricHelper::Create(const FabricSpec& spec) const {
  auto fabric = ns3::CreateObject<RoceFabric>();
  fabric->SetSpec(spec);
  return build(fabric);
}

ns3::Ptr<RoceFabric> FabricHelper::build(ns3::Ptr<RoceFabric> fabric) const {
  for (const auto& [name, value] : attributes_) fabric->SetAttribute(name, *value);
  const auto built = fabric->Build();
  NS_ABORT_MSG_IF(!built, built.error().text());
  return fabric;
}

std::uint32_t FabricHelper::Connect(RoceFabric& fabric, const std::string& from, const std::string& to,
                                    const QpOptions& options) {
  return value_or_abort(fabric.CreateQp(from, to, options));
}

ns3::Ptr<RoceNetDevice> FabricHelper::GetDevice(RoceFabric& fabric, const std::string& name) {
  if (name.find('>') != std::string::npos) {
    auto device = fabric.GetNodes().GetDevice(value_or_abort(fabric.FindLink(name)));
    NS_ABORT_MSG_IF(device == nullptr, "a scale-up link has no devices: " + name);
    return device;
  }
  const PortId port = value_or_abort(fabric.FindPort(name));
  return fabric.GetNodes().GetDevice(fabric.GetTopology().host_link(port, false));
}

void FabricHelper::EnablePcap(const std::string& prefix, RoceFabric& fabric, const std::string& name) {
  EnablePcapInternal(prefix, GetDevice(fabric, name), true, false);
}

void FabricHelper::EnablePcapInternal(std::string prefix, ns3::Ptr<ns3::NetDevice> device, bool, bool explicit_name) {
  auto port = ns3::DynamicCast<RoceNetDevice>(device);
  if (port == nullptr) return;  // of another model, on the same node
  const auto enabled =
      port->EnablePcap(explicit_name ? prefix : fmt::format("{}-{}.pcap", prefix, port->GetFileName()), snap_length_);
  NS_ABORT_MSG_IF(!enabled, enabled.error().text());
}

RdmaClientHelper::RdmaClientHelper(ns3::Ptr<RoceFabric> fabric) : fabric_(fabric) {
  factory_.SetTypeId(RdmaClient::GetTypeId());
  factory_.Set("Fabric", ns3::PointerValue(fabric));
}

ns3::ApplicationContainer RdmaClientHelper::Install(const std::string& source, const std::string& destination) const {
  auto client = factory_.Create<RdmaClient>();
  client->SetAttribute("Source", ns3::StringValue(source));
  client->SetAttribute("Destination", ns3::StringValue(destination));
  const PortId port = value_or_abort(fabric_->FindPort(source));
  fabric_->GetNodes().GetNode({NodeKind::kNicPort, port.value})->AddApplication(client);
  return ns3::ApplicationContainer(client);
}

}  // namespace weft::packet
