// The ns-3 model around the data plane: trace sources, devices, clients.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ns3/integer.h>
#include <ns3/names.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cmath>

#include "emulator/packet/model/fabric_helper.h"
#include "tests/support/specs.h"

namespace weft::packet {
namespace {

using ns3::MakeBoundCallback;
using ns3::Ptr;

// One leaf, 100G.
FabricSpec star(std::uint32_t hosts) {
  FabricSpec s = testing::fat_tree(hosts, 64, 2);
  s.hosts.nic_rate = Rate::gbps(100);
  return s;
}

class Model : public ::testing::Test {
 protected:
  void TearDown() override { ns3::Simulator::Destroy(); }

  // `senders` to the last host.
  void incast(std::uint32_t senders, std::uint64_t bytes) {
    fabric = helper.Create(star(senders + 1));
    for (std::uint32_t i = 0; i < senders; ++i) {
      const auto qp = helper.Connect(*fabric, fmt::format("gpu{}", i), fmt::format("gpu{}", senders));
      ns3::Simulator::ScheduleNow(&RoceFabric::Post, fabric, qp, bytes);
    }
  }

  FabricHelper helper;
  Ptr<RoceFabric> fabric;
};

void count(std::uint64_t* n) { ++*n; }
void count_frame(std::uint64_t* n, LinkId, const Frame&) { ++*n; }
void count_transmit(std::uint64_t* n, LinkId, const Frame& f, ns3::Time start) {
  EXPECT_EQ(start, ns3::Simulator::Now()) << "told when it happens";
  *n += f.kind == FrameKind::kData ? 1 : 0;
}
void count_pause(std::uint64_t* n, LinkId, std::uint8_t) { ++*n; }
void count_qp(std::uint64_t* n, std::uint32_t) { ++*n; }
void count_message(std::uint64_t* n, std::uint32_t, std::uint32_t) { ++*n; }
void count_rate(std::uint64_t* n, std::uint32_t, ns3::DataRate, std::uint64_t) { ++*n; }
void count_packet(std::uint64_t* n, Ptr<const ns3::Packet>) { ++*n; }
void note_peak(std::uint32_t* peak, LinkId, std::uint8_t, std::uint32_t bytes) { *peak = std::max(*peak, bytes); }
void note_link(std::vector<std::string>* seen, LinkId link, bool up) {
  seen->push_back(fmt::format("{}{}", link.value & 1U, up ? "+" : "-"));
}

TEST_F(Model, TraceSourcesTellWhatTheCountersCount) {
  helper.SetAttribute("SwitchBuffer", ns3::UintegerValue(4'000'000));
  incast(8, 1'000'000);
  std::uint64_t marks = 0, cnps = 0, pauses = 0, resumes = 0, transmits = 0, received = 0, acknowledged = 0, rates = 0;
  std::uint32_t peak = 0;
  fabric->TraceConnectWithoutContext("Mark", MakeBoundCallback(&count_frame, &marks));
  fabric->TraceConnectWithoutContext("Cnp", MakeBoundCallback(&count_qp, &cnps));
  fabric->TraceConnectWithoutContext("Pause", MakeBoundCallback(&count_pause, &pauses));
  fabric->TraceConnectWithoutContext("Resume", MakeBoundCallback(&count_pause, &resumes));
  fabric->TraceConnectWithoutContext("Transmit", MakeBoundCallback(&count_transmit, &transmits));
  fabric->TraceConnectWithoutContext("QueueBytes", MakeBoundCallback(&note_peak, &peak));
  fabric->TraceConnectWithoutContext("MessageReceived", MakeBoundCallback(&count_message, &received));
  fabric->TraceConnectWithoutContext("MessageAcknowledged", MakeBoundCallback(&count_message, &acknowledged));
  fabric->TraceConnectWithoutContext("Rate", MakeBoundCallback(&count_rate, &rates));
  ns3::Simulator::Run();
  const NetworkCounters& c = fabric->GetCounters();
  EXPECT_GT(c.marks, 0U);
  EXPECT_EQ(marks, c.marks);
  EXPECT_EQ(cnps, c.cnps);
  EXPECT_GT(c.pauses, 0U);
  EXPECT_EQ(pauses, c.pauses);
  EXPECT_EQ(resumes, c.resumes);
  EXPECT_EQ(transmits, c.data_hops);
  EXPECT_EQ(received, 8U);
  EXPECT_EQ(acknowledged, 8U);
  EXPECT_GT(rates, 8U);
  const LinkId down = fabric->GetTopology().host_link(PortId{8}, true);
  EXPECT_EQ(peak, fabric->GetNetwork().port(down).queue_peak);
}

TEST_F(Model, LookingOnChangesNothing) {
  std::vector<double> ends;
  for (const bool looking : {false, true}) {
    incast(4, 2'000'000);
    std::uint64_t transmits = 0;
    if (looking) fabric->TraceConnectWithoutContext("Transmit", MakeBoundCallback(&count_transmit, &transmits));
    ns3::Simulator::Run();
    ends.push_back(ns3::Simulator::Now().ToDouble(ns3::Time::PS));
    ends.push_back(static_cast<double>(fabric->GetCounters().marks));
    ns3::Simulator::Destroy();
    helper = FabricHelper();
  }
  EXPECT_EQ(ends[0], ends[2]);
  EXPECT_EQ(ends[1], ends[3]);
}

struct Told : Listener {
  std::uint32_t received = 0, acknowledged = 0, failed = 0;
  void on_received(std::uint32_t, std::uint32_t) override { ++received; }
  void on_acknowledged(std::uint32_t, std::uint32_t) override { ++acknowledged; }
  void on_failed(std::uint32_t) override { ++failed; }
};

TEST_F(Model, SeveralListenersAreAllToldUntilTheyAreRemoved) {
  incast(2, 100'000);
  std::uint64_t traced = 0;
  fabric->TraceConnectWithoutContext("MessageReceived", MakeBoundCallback(&count_message, &traced));
  Told a, b;
  fabric->GetNetwork().add_listener(&a);
  fabric->GetNetwork().add_listener(&b);
  fabric->GetNetwork().remove_listener(&b);
  ns3::Simulator::Run();
  EXPECT_EQ(traced, 2U);
  EXPECT_EQ(a.received, 2U);
  EXPECT_EQ(a.acknowledged, 2U);
  EXPECT_EQ(b.received, 0U);
  fabric->GetNetwork().remove_listener(&a);
}

TEST_F(Model, NodesAndDevicesHaveWeftsNames) {
  fabric = helper.Create(star(3));
  EXPECT_EQ(fabric->GetNodes().GetHosts().GetN(), 3U);
  EXPECT_EQ(fabric->GetNodes().GetSwitches().GetN(),
            fabric->GetTopology().switch_count(NodeKind::kLeaf) + fabric->GetTopology().switch_count(NodeKind::kSpine));
  EXPECT_EQ(ns3::Names::Find<ns3::Node>("host1"), fabric->GetNodes().GetHost(HostId{1}));
  const auto nic = FabricHelper::GetDevice(*fabric, "host1");
  EXPECT_EQ(ns3::Names::Find<ns3::NetDevice>("host1/nic0.port0"), ns3::Ptr<ns3::NetDevice>(nic));
  EXPECT_EQ(ns3::Names::Find<ns3::NetDevice>("leaf0/host1.nic0.port0"),
            ns3::Ptr<ns3::NetDevice>(FabricHelper::GetDevice(*fabric, "leaf0>host1.nic0.port0")));
}

TEST_F(Model, DeviceAnswersAsANetDeviceDoes) {
  fabric = helper.Create(star(3));
  const auto nic = FabricHelper::GetDevice(*fabric, "host1");
  const auto leaf = FabricHelper::GetDevice(*fabric, "leaf0>host1.nic0.port0");
  EXPECT_EQ(nic->GetMtu(), 4096U);
  EXPECT_TRUE(nic->SetMtu(4096));
  EXPECT_FALSE(nic->SetMtu(1500));
  EXPECT_NE(nic->GetAddress(), leaf->GetAddress());
  EXPECT_FALSE(nic->IsBroadcast());
  EXPECT_TRUE(nic->IsPointToPoint());
  EXPECT_FALSE(nic->NeedsArp());
  EXPECT_EQ(nic->GetNode(), fabric->GetNodes().GetHost(HostId{1}));
  ASSERT_EQ(nic->GetChannel()->GetNDevices(), 2U);
  EXPECT_EQ(nic->GetChannel(), leaf->GetChannel());
  EXPECT_FALSE(nic->Send(ns3::Create<ns3::Packet>(100), leaf->GetAddress(), 0x0800)) << "packets are no RDMA";
  EXPECT_EQ(fabric->GetCounters().data_frames, 0U);
}

TEST_F(Model, LinksGoDownAndUpWithTheirDevices) {
  fabric = helper.Create(star(3));
  const auto nic = FabricHelper::GetDevice(*fabric, "host1");
  std::uint64_t changes = 0;
  nic->AddLinkChangeCallback(MakeBoundCallback(&count, &changes));
  std::vector<std::string> seen;
  fabric->TraceConnectWithoutContext("LinkState", MakeBoundCallback(&note_link, &seen));
  EXPECT_TRUE(nic->IsLinkUp());
  fabric->SetLinkRate(nic->GetLink(), 0);
  EXPECT_FALSE(nic->IsLinkUp());
  fabric->SetLinkRate(nic->GetLink(), 1);
  EXPECT_TRUE(nic->IsLinkUp());
  EXPECT_EQ(changes, 2U);
  EXPECT_THAT(seen, ::testing::ElementsAre("0-", "1-", "0+", "1+"));
}

bool note_promiscuous(std::uint64_t* n, Ptr<ns3::NetDevice>, Ptr<const ns3::Packet> packet, std::uint16_t protocol,
                      const ns3::Address&, const ns3::Address&, ns3::NetDevice::PacketType type) {
  EXPECT_EQ(protocol, 0x0800U);
  EXPECT_EQ(type, ns3::NetDevice::PACKET_HOST);
  EXPECT_GT(packet->GetSize(), 58U);
  ++*n;
  return true;
}

TEST_F(Model, FramesBecomePacketsAtPortsWithASink) {
  incast(1, 40'960);  // 10 packets and an ACK
  const auto receiver = FabricHelper::GetDevice(*fabric, "host1");
  std::uint64_t sent = 0, arrived = 0, promiscuous = 0;
  receiver->TraceConnectWithoutContext("PhyTxBegin", MakeBoundCallback(&count_packet, &sent));
  receiver->TraceConnectWithoutContext("PhyRxEnd", MakeBoundCallback(&count_packet, &arrived));
  receiver->SetPromiscReceiveCallback(MakeBoundCallback(&note_promiscuous, &promiscuous));
  ns3::Simulator::Run();
  EXPECT_EQ(arrived, 10U);
  EXPECT_EQ(promiscuous, 10U);
  EXPECT_EQ(sent, fabric->GetCounters().acks);
}

// 100 KB in 25 packets: 24 of 4,096 B and one of 1,696; 82 B of headers each; 8 bytes take 0.64 ns.
TEST_F(Model, ClientSendsAsManyMessagesAsAskedOneAfterTheOther) {
  fabric = helper.Create(star(2));
  RdmaClientHelper clients(fabric);
  clients.SetAttribute("MessageSize", ns3::UintegerValue(100'000));
  clients.SetAttribute("Messages", ns3::UintegerValue(5));
  auto apps = clients.Install("host0", "host1");
  apps.Start(ns3::MicroSeconds(10));
  std::vector<double> took;
  apps.Get(0)->TraceConnectWithoutContext("Completed", MakeBoundCallback(
                                                           +[](std::vector<double>* all, std::uint64_t, ns3::Time t) {
                                                             all->push_back(t.ToDouble(ns3::Time::NS));
                                                           },
                                                           &took));
  ns3::Simulator::Run();
  ASSERT_EQ(took.size(), 5U);
  const double line = (100'000 + 25 * 82) * 0.08;
  for (const double t : took) {
    EXPECT_GT(t, line);
    EXPECT_LT(t, line + 3'000) << "switch latency, two cables, and the way back";
  }
  EXPECT_TRUE(ns3::DynamicCast<RdmaClient>(apps.Get(0))->IsFinished());
}

TEST_F(Model, StoppedClientPostsNoMore) {
  fabric = helper.Create(star(2));
  RdmaClientHelper clients(fabric);
  clients.SetAttribute("Messages", ns3::UintegerValue(0));
  clients.SetAttribute("MessageSize", ns3::UintegerValue(100'000));
  auto apps = clients.Install("gpu0", "gpu1");
  apps.Stop(ns3::MicroSeconds(100));
  ns3::Simulator::Run();
  const auto client = ns3::DynamicCast<RdmaClient>(apps.Get(0));
  EXPECT_GT(client->GetAcknowledged(), 5U);
  EXPECT_LT(client->GetAcknowledged(), 15U);
}

TEST_F(Model, NamesThatAreNoPartOfTheFabricAreErrors) {
  fabric = helper.Create(star(2));
  const auto error = [&](const char* from, const char* to) { return fabric->CreateQp(from, to).error().text(); };
  EXPECT_THAT(error("gpu0", "gpu2"), ::testing::HasSubstr("no such GPU or NIC port: 'gpu2'"));
  EXPECT_THAT(error("gpu0", "gpu0"), ::testing::HasSubstr("itself"));
  EXPECT_THAT(error("leaf0", "gpu0"), ::testing::HasSubstr("leaf0"));
  EXPECT_THAT(fabric->FindLink("leaf0>host9").error().text(), ::testing::HasSubstr("nearest"));
}

// The simulator keeps ports as events: a fabric that nobody holds any more lives until Simulator::Destroy.
TEST_F(Model, FabricMayBeForgottenWhileItRuns) {
  incast(2, 1'000'000);
  fabric = nullptr;
  ns3::Simulator::Stop(ns3::MicroSeconds(50));
  ns3::Simulator::Run();
}

TEST_F(Model, TimedFailuresOfTheFileArePlayed) {
  FabricSpec s = star(2);
  FailureSpec flap;
  flap.name = "host1.nic0.port0>leaf0";
  flap.at = Duration::us(10);
  flap.until = Duration::us(12);
  flap.period = Duration::us(100);
  s.failures.push_back(flap);
  fabric = helper.Create(s);
  std::vector<std::string> seen;
  fabric->TraceConnectWithoutContext("LinkState", MakeBoundCallback(&note_link, &seen));
  ns3::Simulator::Stop(ns3::MicroSeconds(150));
  ns3::Simulator::Run();
  EXPECT_THAT(seen, ::testing::ElementsAre("0-", "1-", "0+", "1+", "0-", "1-", "0+", "1+"));
}

// A dead time within a slow one: the cable is slow before and after it, not whole.
TEST_F(Model, OfFailuresThatOverlapTheLowerRateHolds) {
  FabricSpec s = star(2);
  FailureSpec line;
  line.name = "host1.nic0.port0>leaf0";
  line.at = Duration::us(10);
  line.until = Duration::us(50);
  line.rate_factor = 0.5;
  s.failures.push_back(line);
  line.at = Duration::us(20);
  line.until = Duration::us(30);
  line.rate_factor = 0;
  s.failures.push_back(line);
  fabric = helper.Create(s);
  const LinkId link = *fabric->FindLink(line.name);
  std::vector<double> factors;
  for (const int us : {5, 15, 25, 35, 55}) {
    ns3::Simulator::Schedule(ns3::MicroSeconds(static_cast<std::uint64_t>(us)),
                             [&] { factors.push_back(fabric->GetNetwork().rate_factor(link)); });
  }
  ns3::Simulator::Run();
  EXPECT_THAT(factors, ::testing::ElementsAre(1.0, 0.5, 0.0, 0.5, 1.0));
}

}  // namespace
}  // namespace weft::packet
