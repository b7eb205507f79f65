// Every host sends one message to another one, over one hashed path each (ECMP), or each packet over any path (spray).
//
//   weft_example_permutation --hosts=128 --radix=16 --size=2000000 --routing=spray --control=none
#include <fmt/format.h>
#include <ns3/command-line.h>
#include <ns3/random-variable-stream.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "emulator/packet/examples/example_fabrics.h"
#include "emulator/packet/model/fabric_helper.h"

namespace {

// One cycle over all hosts (Sattolo): nobody sends to itself.
std::vector<std::uint32_t> random_permutation(std::uint32_t count, std::int64_t seed) {
  std::vector<std::uint32_t> to(count);
  std::iota(to.begin(), to.end(), 0U);
  auto random = ns3::CreateObject<ns3::UniformRandomVariable>();
  random->SetStream(seed);
  for (std::uint32_t i = count - 1; i > 0; --i) std::swap(to[i], to[random->GetInteger(0, i - 1)]);
  return to;
}

void count_finish(std::vector<double>* finishes, std::uint32_t /*qp*/, std::uint32_t /*message*/) {
  finishes->push_back(ns3::Simulator::Now().ToDouble(ns3::Time::US));
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t hosts = 128, radix = 16, size = 2'000'000;
  std::int64_t seed = 1;
  std::string routing = "ecmp", control = "none";
  weft::packet::FabricHelper helper;
  ns3::CommandLine options(__FILE__);
  options.AddValue("hosts", "of one 100G NIC, on a two-tier fat tree", hosts);
  options.AddValue("radix", "ports of a switch", radix);
  options.AddValue("size", "bytes from each host", size);
  options.AddValue("routing", "ecmp, spray, adaptive, flowlet or static", routing);
  options.AddValue("control", "congestion control: none is a fixed window", control);
  options.AddValue("seed", "of the permutation", seed);
  options.Parse(argc, argv);

  helper.SetAttribute("RoutingKind", ns3::StringValue(routing));
  helper.SetAttribute("TransportCongestionControl", ns3::StringValue(control));
  auto fabric = helper.Create(weft::packet::examples::fat_tree("permutation", hosts, radix));
  std::vector<double> finishes;
  fabric->TraceConnectWithoutContext("MessageReceived", ns3::MakeBoundCallback(&count_finish, &finishes));
  const auto to = random_permutation(hosts, seed);
  for (std::uint32_t from = 0; from < hosts; ++from) {
    const auto qp = helper.Connect(*fabric, fmt::format("gpu{}", from), fmt::format("gpu{}", to[from]));
    fabric->Post(qp, size);
  }
  ns3::Simulator::Stop(ns3::Seconds(1));
  ns3::Simulator::Run();

  const double line_us = 8e-3 * size / 100 * (4096 + 82) / 4096;
  const double mean = std::accumulate(finishes.begin(), finishes.end(), 0.0) / static_cast<double>(finishes.size());
  fmt::print("{}: {} of {} received, mean {:.1f} us, last {:.1f} us, {:.2f} x line rate\n", routing, finishes.size(),
             hosts, mean, finishes.back(), finishes.back() / line_us);
  ns3::Simulator::Destroy();
  return finishes.size() == hosts ? 0 : 1;
}
