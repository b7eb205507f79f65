// N senders, one receiver: DCQCN slows them to the receiver's rate. Prints each sender's goodput, and every change of
// the first one's rate with --trace.
//
//   incast --senders=8 --size=4000000 --TransportCongestionControl... as any attribute:
//   incast --weft::packet::RoceFabric::TransportCongestionControl=none
#include <fmt/format.h>
#include <ns3/command-line.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <algorithm>

#include "emulator/packet/model/fabric_helper.h"

namespace {

using weft::packet::RdmaClient;

// One leaf, hosts of one 100G NIC each.
weft::FabricSpec one_leaf(std::uint32_t hosts) {
  weft::FabricSpec spec;
  spec.name = "incast";
  spec.hosts.count = hosts;
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.rails = spec.hosts.scale_up.domain_gpus = 1;
  spec.hosts.nic_rate = weft::Rate::gbps(100);
  spec.topology.tiers = 2;
  return spec;
}

void print_rate(std::uint32_t qp, ns3::DataRate rate, std::uint64_t) {
  if (qp == 0)
    fmt::print("{:10.3f} us {:8.3f} Gb/s\n", ns3::Simulator::Now().ToDouble(ns3::Time::US), rate.GetBitRate() * 1e-9);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t senders = 8, size = 4'000'000;
  bool trace = false;
  std::string pcap;
  weft::packet::FabricHelper helper;
  ns3::CommandLine options(__FILE__);
  options.AddValue("senders", "hosts that send to the last one", senders);
  options.AddValue("size", "bytes that each of them sends", size);
  options.AddValue("trace", "print each change of the first sender's rate", trace);
  options.AddValue("pcap", "prefix of a capture at the receiver", pcap);
  options.Parse(argc, argv);

  auto fabric = helper.Create(one_leaf(senders + 1));
  if (trace) fabric->TraceConnectWithoutContext("Rate", ns3::MakeCallback(&print_rate));
  if (!pcap.empty()) helper.EnablePcap(pcap, *fabric, fmt::format("host{}", senders));

  weft::packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("MessageSize", ns3::UintegerValue(size));
  double last_us = 0;
  ns3::ApplicationContainer apps;
  for (std::uint32_t i = 0; i < senders; ++i)
    apps.Add(clients.Install(fmt::format("gpu{}", i), fmt::format("gpu{}", senders)));
  apps.Start(ns3::Seconds(0));
  ns3::Simulator::Stop(ns3::Seconds(1));
  ns3::Simulator::Run();
  fmt::print("{}\n", fabric->GetCounters().data_frames);
  ns3::Simulator::Destroy();
  return 0;
}
