// N senders, one receiver, one switch: DCQCN slows the senders to the receiver's rate.
//
//   weft_example_incast --senders=8 --size=4000000 --trace
//   weft_example_incast --weft::packet::RoceFabric::TransportCongestionControl=none     any attribute
//   weft_example_incast --pcap=incast      writes incast-host8.nic0.port0.pcap
#include <fmt/format.h>
#include <ns3/command-line.h>
#include <ns3/simulator.h>
#include <ns3/uinteger.h>

#include <cstdint>
#include <string>
#include <vector>

#include "emulator/packet/examples/example_fabrics.h"
#include "emulator/packet/model/fabric_helper.h"

namespace {

double now_us() { return ns3::Simulator::Now().ToDouble(ns3::Time::US); }

void print_rate(std::uint32_t qp, ns3::DataRate rate, std::uint64_t /*window*/) {
  if (qp == 0) fmt::print("{:10.3f} us {:8.3f} Gb/s\n", now_us(), static_cast<double>(rate.GetBitRate()) * 1e-9);
}

void note_finish(std::vector<double>* finishes) { finishes->push_back(now_us()); }

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

  auto fabric = helper.Create(weft::packet::examples::one_nic_hosts("incast", senders + 1));
  if (trace) fabric->TraceConnectWithoutContext("Rate", ns3::MakeCallback(&print_rate));
  if (!pcap.empty()) helper.EnablePcap(pcap, *fabric, fmt::format("host{}", senders));

  std::vector<double> finishes;
  weft::packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("MessageSize", ns3::UintegerValue(size));
  for (std::uint32_t i = 0; i < senders; ++i) {
    auto apps = clients.Install(fmt::format("gpu{}", i), fmt::format("gpu{}", senders));
    apps.Get(0)->TraceConnectWithoutContext("Finished", ns3::MakeBoundCallback(&note_finish, &finishes));
  }
  ns3::Simulator::Stop(ns3::Seconds(1));
  ns3::Simulator::Run();

  const auto& counters = fabric->GetCounters();
  const double gbps = finishes.empty() ? 0 : 8e-3 * size * static_cast<double>(finishes.size()) / finishes.back();
  fmt::print("finished {} of {}, last at {:.1f} us, goodput {:.2f} Gb/s\n", finishes.size(), senders,
             finishes.empty() ? 0 : finishes.back(), gbps);
  fmt::print("marks {}, CNPs {}, pauses {}, drops {}\n", counters.marks, counters.cnps, counters.pauses,
             counters.drops);
  ns3::Simulator::Destroy();
  return finishes.size() == senders ? 0 : 1;
}
