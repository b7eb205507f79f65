// A cable between leaf and spine dies at a time and comes back: what is lost, when routing goes round, when flows are
// whole again. Prints the goodput of each 50 us.
//
//   weft_example_failed_link --fail-us=200 --back-us=700
#include <fmt/format.h>
#include <ns3/command-line.h>
#include <ns3/nstime.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cstdint>
#include <string>

#include "emulator/packet/examples/example_fabrics.h"
#include "emulator/packet/model/fabric_helper.h"

namespace {

constexpr std::uint32_t kTickUs = 50;

void print_link(weft::packet::RoceFabric* fabric, weft::LinkId link, bool up) {
  fmt::print("{:8.1f} us  {} is {}\n", ns3::Simulator::Now().ToDouble(ns3::Time::US), fabric->GetTopology().name(link),
             up ? "up" : "down");
}

void tick(weft::packet::RoceFabric* fabric, std::uint64_t before) {
  const std::uint64_t bytes = fabric->GetCounters().delivered_bytes;
  fmt::print("{:8.1f} us  {:7.1f} Gb/s, {} lost, {} timeouts\n", ns3::Simulator::Now().ToDouble(ns3::Time::US),
             8e-3 * static_cast<double>(bytes - before) / kTickUs, fabric->GetCounters().lost_on_dead_links,
             fabric->GetCounters().timeouts);
  ns3::Simulator::Schedule(ns3::MicroSeconds(kTickUs), &tick, fabric, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t fail_us = 200, back_us = 700, until_us = 1'500;
  weft::packet::FabricHelper helper;
  ns3::CommandLine options(__FILE__);
  options.AddValue("fail-us", "when the cable dies", fail_us);
  options.AddValue("back-us", "when it comes back", back_us);
  options.AddValue("until-us", "when the script ends", until_us);
  options.Parse(argc, argv);

  // Two leaves of four hosts; every host of one sends to its opposite on the other.
  auto spec = weft::packet::examples::fat_tree("failed link", 8, 8);
  weft::FailureSpec failure;
  failure.name = "leaf0>spine0#1";
  failure.at = weft::Duration::us(fail_us);
  failure.until = weft::Duration::us(back_us);
  spec.failures.push_back(failure);
  helper.SetAttribute("TransportCongestionControl", ns3::StringValue("none"));
  helper.SetAttribute("TransportRetransmitTimeout", ns3::TimeValue(ns3::MicroSeconds(100)));
  helper.SetAttribute("RoutingConvergence", ns3::TimeValue(ns3::MicroSeconds(100)));
  auto fabric = helper.Create(spec);
  fabric->TraceConnectWithoutContext("LinkState", ns3::MakeBoundCallback(&print_link, ns3::PeekPointer(fabric)));

  weft::packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("Messages", ns3::UintegerValue(0));
  clients.SetAttribute("MessageSize", ns3::UintegerValue(100'000));
  clients.SetAttribute("Outstanding", ns3::UintegerValue(4));
  for (std::uint32_t i = 0; i < 4; ++i) {
    for (std::uint32_t channel = 0; channel < 4; ++channel) {
      clients.SetAttribute("Channel", ns3::UintegerValue(channel));
      clients.Install(fmt::format("gpu{}", i), fmt::format("gpu{}", i + 4));
    }
  }
  ns3::Simulator::Schedule(ns3::MicroSeconds(kTickUs), &tick, ns3::PeekPointer(fabric), std::uint64_t{0});
  ns3::Simulator::Stop(ns3::MicroSeconds(until_us));
  ns3::Simulator::Run();
  const auto& counters = fabric->GetCounters();
  fmt::print("lost {}, timeouts {}, retransmissions {}, failed QPs {}\n", counters.lost_on_dead_links,
             counters.timeouts, counters.retransmissions, counters.failed_qps);
  const bool recovered = counters.failed_qps == 0;
  ns3::Simulator::Destroy();
  return recovered ? 0 : 1;
}
