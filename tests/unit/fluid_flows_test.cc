// The flow-level engine on ns-3's clock, by hand-calculable sharing.
#include "emulator/bridge/fluid_flows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ns3/boolean.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <map>

#include "emulator/packet/model/fabric_helper.h"
#include "tests/support/specs.h"

namespace weft::bridge {
namespace {

constexpr double kGoodput = 100e9 * 4096 / 4178 / 8;  // bytes/s of a 100G port

FabricSpec star(std::uint32_t hosts) {
  FabricSpec s = testing::fat_tree(hosts, 64, 2);
  s.hosts.nic_rate = Rate::gbps(100);
  return s;
}

class Fluid : public ::testing::Test {
 protected:
  void SetUp() override {
    flows = ns3::CreateObject<FluidFlows>();
    flows->TraceConnectWithoutContext("FlowFinished", ns3::MakeCallback(&Fluid::finished, this));
  }
  void TearDown() override { ns3::Simulator::Destroy(); }
  void finished(std::uint32_t flow, ns3::Time took) {
    ended[flow] = ns3::Simulator::Now().GetSeconds();
    duration[flow] = took.GetSeconds();
  }
  std::uint32_t start(std::uint32_t from, std::uint32_t to, std::uint64_t bytes) {
    const auto flow = flows->StartFlow(from, to, bytes);
    EXPECT_TRUE(flow);
    return flow.value_or(0);
  }
  void start_at(double seconds, std::uint32_t from, std::uint32_t to, std::uint64_t bytes) {
    ns3::Simulator::Schedule(ns3::Seconds(seconds), [=, this] { start(from, to, bytes); });
  }

  packet::FabricHelper helper;
  ns3::Ptr<FluidFlows> flows;
  std::map<std::uint32_t, double> ended, duration;
};

constexpr double kLatency = 0.9e-6;  // two cables of 150 ns and a switch of 600 ns

TEST_F(Fluid, OneFlowHasTheGoodputOfItsPort) {
  ASSERT_TRUE(flows->Attach(star(2)));
  start(0, 1, 100'000'000);
  ns3::Simulator::Run();
  EXPECT_NEAR(ended[0], 1e8 / kGoodput + kLatency, 1e-8);
  EXPECT_EQ(flows->GetActiveFlows(), 0U);
}

// The second one starts when the first has half its bytes; they share, then the second has the port for itself.
TEST_F(Fluid, ALateFlowSharesUntilTheFirstIsDone) {
  ASSERT_TRUE(flows->Attach(star(3)));
  start(0, 2, 100'000'000);
  const double half = 0.5e8 / kGoodput;
  start_at(half, 1, 2, 100'000'000);
  ns3::Simulator::Run();
  EXPECT_NEAR(ended[0], 3 * half + kLatency, 1e-8);
  EXPECT_NEAR(ended[1], 4 * half + kLatency, 1e-8);
  EXPECT_NEAR(duration[1], 3 * half + kLatency, 1e-8);
}

// Max-min: two flows into host 2, one of them also shares host 0's port with a third.
TEST_F(Fluid, FlowsThatStartTogetherAreSolvedOnce) {
  ASSERT_TRUE(flows->Attach(star(4)));
  const auto a = start(0, 2, 1'000'000), b = start(1, 2, 1'000'000), c = start(0, 3, 1'000'000);
  EXPECT_NEAR(static_cast<double>(flows->GetFlowRate(a).GetBitRate()), 4 * kGoodput, 1e3);
  EXPECT_NEAR(static_cast<double>(flows->GetFlowRate(b).GetBitRate()), 4 * kGoodput, 1e3);
  EXPECT_NEAR(static_cast<double>(flows->GetFlowRate(c).GetBitRate()), 4 * kGoodput, 1e3);
  EXPECT_EQ(flows->GetSolves(), 1U);
  ns3::Simulator::Run();
  EXPECT_EQ(ended.size(), 3U);
}

TEST_F(Fluid, ASlowLinkAndADeadOneTakeEffectAtTheirTime) {
  ASSERT_TRUE(flows->Attach(star(2)));
  start(0, 1, 100'000'000);
  const double half = 0.5e8 / kGoodput;
  const auto at = [&](double t, double factor) {
    ns3::Simulator::Schedule(ns3::Seconds(t),
                             [=, this] { EXPECT_TRUE(flows->SetLinkRate("host0.nic0.port0>leaf0", factor)); });
  };
  at(half, 0);            // stands still
  at(half + 0.01, 0.25);  // goes on at a quarter
  ns3::Simulator::Run();
  EXPECT_NEAR(ended[0], half + 0.01 + 4 * half + kLatency, 1e-8);
}

TEST_F(Fluid, WrongGpusAndLinksAreErrors) {
  ASSERT_TRUE(flows->Attach(star(2)));
  EXPECT_THAT(flows->StartFlow(0, 2, 1).error().text(), ::testing::HasSubstr("0 to 1"));
  EXPECT_THAT(flows->StartFlow(1, 1, 1).error().text(), ::testing::HasSubstr("itself"));
  EXPECT_THAT(flows->SetLinkRate("leaf7>spine9", 0).error().text(), ::testing::HasSubstr("no such link"));
}

// Both engines on one clock: packets have what fluid flows leave.
TEST_F(Fluid, PacketsHaveWhatFluidFlowsLeave) {
  helper.SetAttribute("TransportCongestionControl", ns3::StringValue("none"));
  auto fabric = helper.Create(star(4));
  flows->SetAttribute("LoadPackets", ns3::BooleanValue(true));
  ASSERT_TRUE(flows->Attach(fabric));
  // Two flows leave host 2, one of them to host 0: half of host 0's port.
  start(2, 0, 100'000'000);
  start(2, 3, 100'000'000);
  packet::RdmaClientHelper clients(fabric);
  clients.SetAttribute("Messages", ns3::UintegerValue(0));
  clients.SetAttribute("Outstanding", ns3::UintegerValue(2));
  clients.Install("gpu1", "gpu0");
  ns3::Simulator::Stop(ns3::MilliSeconds(2));
  ns3::Simulator::Run();
  const double half_port = static_cast<double>(fabric->GetCounters().delivered_bytes) / 2e-3;
  EXPECT_NEAR(half_port / kGoodput, 0.5, 0.005);
}

TEST_F(Fluid, FollowsTheLinksOfItsFabric) {
  auto fabric = helper.Create(star(2));
  ASSERT_TRUE(flows->Attach(fabric));
  const auto flow = start(0, 1, 100'000'000);
  EXPECT_GT(flows->GetFlowRate(flow).GetBitRate(), 0U);
  fabric->SetLinkRate(fabric->GetTopology().host_link(PortId{0}, false), 0);
  EXPECT_EQ(flows->GetFlowRate(flow).GetBitRate(), 0U);
  fabric->SetLinkRate(fabric->GetTopology().host_link(PortId{0}, false), 0.5);
  EXPECT_NEAR(static_cast<double>(flows->GetFlowRate(flow).GetBitRate()), 4 * kGoodput, 1e3);
}

}  // namespace
}  // namespace weft::bridge
