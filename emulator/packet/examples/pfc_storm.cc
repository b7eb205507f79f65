// A NIC stops receiving. Its leaf fills up and pauses those who send to it, and hosts that have nothing to do with it
// wait behind the same ports. Prints when who was paused, what the flow of a bystander got, and the watch's finding.
//
//   weft_example_pfc_storm --stall-us=100 --for-us=200000
#include <fmt/format.h>
#include <ns3/command-line.h>
#include <ns3/integer.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cstdint>
#include <set>
#include <string>

#include "emulator/packet/examples/example_fabrics.h"
#include "emulator/packet/model/fabric_helper.h"

namespace {

struct Paused {
  weft::packet::RoceFabric* fabric;
  std::set<std::string> links;

  static void on_pause(Paused* self, weft::LinkId link, std::uint8_t /*priority*/) {
    const std::string name = self->fabric->GetTopology().name(link);
    if (self->links.insert(name).second)
      fmt::print("{:10.1f} us  {} is paused\n", ns3::Simulator::Now().ToDouble(ns3::Time::US), name);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t stall_us = 100, for_us = 200'000;
  weft::packet::FabricHelper helper;
  ns3::CommandLine options(__FILE__);
  options.AddValue("stall-us", "when host0 stops receiving", stall_us);
  options.AddValue("for-us", "how long the script looks on after that", for_us);
  options.Parse(argc, argv);

  // Two leaves of four hosts, a small buffer, a large fixed window.
  helper.SetAttribute("TransportCongestionControl", ns3::StringValue("none"));
  helper.SetAttribute("SwitchBuffer", ns3::UintegerValue(4'000'000));
  helper.SetAttribute("TransportWindow", ns3::IntegerValue(4'000'000));
  auto fabric = helper.Create(weft::packet::examples::fat_tree("storm", 8, 8));
  Paused paused{ns3::PeekPointer(fabric), {}};
  fabric->TraceConnectWithoutContext("Pause", ns3::MakeBoundCallback(&Paused::on_pause, &paused));

  // host4 to host7 send to host0, which stalls, and host4 to host1 too: the bystander.
  weft::packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("Messages", ns3::UintegerValue(0));
  clients.SetAttribute("MessageSize", ns3::UintegerValue(100'000));
  clients.SetAttribute("Outstanding", ns3::UintegerValue(64));
  for (const char* sender : {"gpu4", "gpu5", "gpu6", "gpu7"}) clients.Install(sender, "gpu0");
  clients.SetAttribute("Outstanding", ns3::UintegerValue(2));
  auto bystander = ns3::DynamicCast<weft::packet::RdmaClient>(clients.Install("gpu4", "gpu1").Get(0));
  std::uint64_t before = 0;
  ns3::Simulator::Schedule(ns3::MicroSeconds(stall_us), [&] {
    before = bystander->GetAcknowledged();
    fabric->StallReceiver(*fabric->FindPort("host0"), true);
  });
  ns3::Simulator::Stop(ns3::MicroSeconds(stall_us + for_us));
  ns3::Simulator::Run();

  fmt::print("bystander: {} messages before the stall, {} after\n", before, bystander->GetAcknowledged() - before);
  const auto& watch = fabric->GetNetwork().pfc_watch();
  for (const auto& finding : watch.findings()) fmt::print("{}\n", watch.describe(finding));
  fmt::print("{} links paused, {} storms found, {} frames dropped\n", paused.links.size(), watch.findings().size(),
             fabric->GetCounters().drops);
  const bool found = !watch.findings().empty();
  ns3::Simulator::Destroy();
  return found ? 0 : 1;
}
