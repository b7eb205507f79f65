// Both engines on one clock: one packet flow is followed packet by packet while fluid flows come and go on the same
// links and leave it what they do not take. Prints the packet flow's goodput beside what max-min sharing leaves it.
//
//   weft_example_mixed --flows=2
#include <fmt/format.h>
#include <ns3/boolean.h>
#include <ns3/command-line.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cstdint>

#include "emulator/bridge/fluid_flows.h"
#include "emulator/packet/examples/example_fabrics.h"
#include "emulator/packet/model/fabric_helper.h"

namespace {

struct Meter {
  weft::packet::RoceFabric* fabric;
  std::uint64_t before = 0;
  double before_us = 0, rate = 0;

  double gbps() {
    const double now = ns3::Simulator::Now().ToDouble(ns3::Time::US);
    const std::uint64_t bytes = fabric->GetCounters().delivered_bytes;
    if (now > before_us) rate = 8e-3 * static_cast<double>(bytes - before) / (now - before_us);
    before = bytes;
    before_us = now;
    return rate;
  }
};

void fluid_finished(Meter* meter, std::uint32_t flow, ns3::Time took) {
  fmt::print("{:8.1f} us  fluid flow {} finished after {:.1f} us; packets had {:.2f} Gb/s meanwhile\n",
             ns3::Simulator::Now().ToDouble(ns3::Time::US), flow, took.ToDouble(ns3::Time::US), meter->gbps());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t flows = 2;
  std::uint64_t bytes = 2'500'000;
  weft::packet::FabricHelper helper;
  ns3::CommandLine options(__FILE__);
  options.AddValue("flows", "fluid flows that share their receiver's link", flows);
  options.AddValue("bytes", "of each fluid flow", bytes);
  options.Parse(argc, argv);

  // Hosts 1 and 2 send packets and fluid to host 0: its down link is what they share. A fluid flow from host 1 also to
  // host 3 makes each fluid flow slower than its line.
  helper.SetAttribute("TransportCongestionControl", ns3::StringValue("none"));
  auto fabric = helper.Create(weft::packet::examples::one_nic_hosts("mixed", flows + 3));
  auto fluid = ns3::CreateObject<weft::bridge::FluidFlows>();
  fluid->SetAttribute("LoadPackets", ns3::BooleanValue(true));
  const auto attached = fluid->Attach(fabric);
  if (!attached) {
    fmt::print(stderr, "{}\n", attached.error().text());
    return 2;
  }
  Meter meter{ns3::PeekPointer(fabric)};
  fluid->TraceConnectWithoutContext("FlowFinished", ns3::MakeBoundCallback(&fluid_finished, &meter));

  weft::packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("Messages", ns3::UintegerValue(0));
  clients.SetAttribute("MessageSize", ns3::UintegerValue(1'000'000));
  clients.SetAttribute("Outstanding", ns3::UintegerValue(2));
  clients.Install("gpu1", "gpu0");
  // From 200 us on `flows` fluid flows leave host 2. One goes to host 0, so that it has 1 / flows of that link.
  ns3::Simulator::Schedule(ns3::MicroSeconds(200), [&] {
    fmt::print("{:8.1f} us  packets alone: {:.2f} Gb/s\n", 200.0, meter.gbps());
    for (std::uint32_t i = 0; i < flows; ++i) {
      const auto started = fluid->StartFlow(2, i == 0 ? 0 : i + 2, bytes);
      if (!started) fmt::print(stderr, "{}\n", started.error().text());
    }
  });
  ns3::Simulator::Stop(ns3::MicroSeconds(1'000));
  ns3::Simulator::Run();
  fmt::print("{:8.1f} us  packets alone again: {:.2f} Gb/s\n", 1'000.0, meter.gbps());
  ns3::Simulator::Destroy();
  return fluid->GetActiveFlows() == 0 ? 0 : 1;
}
