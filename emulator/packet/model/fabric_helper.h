// Builds a fabric in a script, with clients and captures.
#pragma once

#include <ns3/application-container.h>
#include <ns3/attribute.h>
#include <ns3/object-factory.h>
#include <ns3/trace-helper.h>

#include <string>
#include <utility>
#include <vector>

#include "emulator/packet/model/rdma_client.h"
#include "emulator/packet/model/roce_fabric.h"

namespace weft::packet {

/// Like ns-3's own helpers it ends the program with a message where something is wrong; RoceFabric itself returns
/// errors.
///
/// Captures: EnablePcap() of ns3::PcapHelperForDevice takes devices, nodes or names of ns-3's Names; the one below
/// takes weft's. Files are PREFIX-PORT.pcap, as run-host3.nic1.port0.pcap or run-leaf4-host3.nic1.port0.pcap.
class FabricHelper : public ns3::PcapHelperForDevice {
 public:
  /// Time in picoseconds and the scheduler of this engine, for the whole program. REQUIRES: nothing is scheduled yet.
  FabricHelper();

  /// An attribute of RoceFabric; counts more than the fabric file.
  void SetAttribute(const std::string& name, const ns3::AttributeValue& value);
  void SetSnapLength(std::uint32_t bytes) { snap_length_ = bytes; }

  ns3::Ptr<RoceFabric> Create(const std::string& fabric_file) const;
  ns3::Ptr<RoceFabric> Create(const FabricSpec& spec) const;

  /// A QP from GPU to GPU or NIC port to NIC port, see RoceFabric::CreateQp.
  static std::uint32_t Connect(RoceFabric& fabric, const std::string& from, const std::string& to,
                               const QpOptions& options = {});

  /// A NIC port's device ("host3.nic1"), or that of a directed link's sending end ("leaf4>host3.nic1.port0").
  static ns3::Ptr<RoceNetDevice> GetDevice(RoceFabric& fabric, const std::string& name);

  using ns3::PcapHelperForDevice::EnablePcap;
  void EnablePcap(const std::string& prefix, RoceFabric& fabric, const std::string& name);

  void EnablePcapInternal(std::string prefix, ns3::Ptr<ns3::NetDevice> device, bool promiscuous,
                          bool explicit_file_name) override;

 private:
  ns3::Ptr<RoceFabric> build(ns3::Ptr<RoceFabric> fabric) const;

  std::vector<std::pair<std::string, ns3::Ptr<ns3::AttributeValue>>> attributes_;
  std::uint32_t snap_length_ = 65'535;
};

/// Installs RdmaClients on the hosts that send.
class RdmaClientHelper {
 public:
  explicit RdmaClientHelper(ns3::Ptr<RoceFabric> fabric);
  void SetAttribute(const std::string& name, const ns3::AttributeValue& value) { factory_.Set(name, value); }
  ns3::ApplicationContainer Install(const std::string& source, const std::string& destination) const;

 private:
  ns3::Ptr<RoceFabric> fabric_;
  ns3::ObjectFactory factory_;
};

}  // namespace weft::packet
