// A fabric cut in parts: the records that cross, the partition, the order of ties; and, without MPI, a run over two
// networks in one simulator against the run over one.
#include <gtest/gtest.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/packet.h>
#include <ns3/simulator.h>
#include <rapidcheck.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "emulator/packet/boundary.h"
#include "emulator/packet/flow_run.h"
#include "emulator/packet/frame_codec.h"
#include "emulator/packet/link_order_scheduler.h"
#include "emulator/packet/partition.h"
#include "emulator/packet/simulation.h"
#include "fabric/collectives/collectives.h"
#include "tests/support/specs.h"
#include "topologies/build.h"

namespace weft::packet {
namespace {

// --- records

Frame random_frame(std::mt19937_64& random) {
  const auto draw = [&](std::uint64_t most) { return random() % 2 == 0 ? 0 : random() % (most + 1); };
  Frame f;
  f.qp = static_cast<std::uint32_t>(draw(UINT32_MAX));
  f.psn = static_cast<std::uint32_t>(draw(UINT32_MAX));
  f.wire = static_cast<std::uint16_t>(draw(UINT16_MAX));
  f.payload = static_cast<std::uint16_t>(draw(UINT16_MAX));
  f.kind = static_cast<FrameKind>(draw(4));
  f.priority = static_cast<std::uint8_t>(draw(7));
  f.flags = static_cast<std::uint8_t>(draw(255));
  f.hop = static_cast<std::uint8_t>(draw(255));
  f.at = static_cast<Ps>(draw(INT64_MAX));
  f.sent = static_cast<Ps>(draw(INT64_MAX));
  f.sack = draw(UINT64_MAX);
  f.entropy = static_cast<std::uint32_t>(draw(UINT32_MAX));
  f.packets = static_cast<std::uint16_t>(draw(UINT16_MAX));
  f.marked = static_cast<std::uint16_t>(draw(UINT16_MAX));
  f.received = static_cast<std::uint32_t>(draw(UINT32_MAX));
  return f;
}

auto fields(const Frame& f) {
  return std::tuple(f.qp, f.psn, f.wire, f.payload, f.kind, f.priority, f.flags, f.hop, f.at, f.sent, f.sack, f.entropy,
                    f.packets, f.marked, f.received);
}

// As ns3::MpiInterface sends and receives.
ns3::Ptr<ns3::Packet> over_the_wire(const ns3::Ptr<ns3::Packet>& packet) {
  std::vector<std::uint8_t> bytes(packet->GetSerializedSize());
  EXPECT_EQ(packet->Serialize(bytes.data(), static_cast<std::uint32_t>(bytes.size())), 1U);
  return ns3::Create<ns3::Packet>(bytes.data(), static_cast<std::uint32_t>(bytes.size()), true);
}

TEST(FrameCodec, FramesSurviveAnNs3Packet) {
  rc::check([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Frame> frames;
    std::vector<IntRecord> hops(20);
    std::vector<std::uint8_t> bytes;
    for (std::uint32_t i = 0; i < 20; ++i) {
      frames.push_back(random_frame(random));
      hops[i].hops = static_cast<std::uint32_t>(random() % (kMaxIntHops + 1));
      for (std::uint32_t h = 0; h < hops[i].hops; ++h)
        hops[i].hop[h] = {random(), static_cast<Ps>(random() >> 1U), static_cast<std::uint32_t>(random()), 0.5F};
      const std::size_t before = bytes.size();
      append_frame(LinkId{i * 7}, frames[i], i % 2 == 0 ? &hops[i] : nullptr, bytes);
      RC_ASSERT(bytes.size() - before <= kMaxRecordBytes);
    }
    const auto packet = over_the_wire(ns3::Create<ns3::Packet>(bytes.data(), static_cast<std::uint32_t>(bytes.size())));
    std::vector<std::uint8_t> taken(packet->GetSize());
    packet->CopyData(taken.data(), packet->GetSize());
    std::span<const std::uint8_t> left(taken);
    for (std::uint32_t i = 0; i < 20; ++i) {
      const auto crossing = take_crossing(left);
      RC_ASSERT(crossing.has_value());
      RC_ASSERT(crossing->kind == Crossing::Kind::kFrame);
      RC_ASSERT(crossing->link.value == i * 7);
      RC_ASSERT(fields(crossing->frame) == fields(frames[i]));
      RC_ASSERT(crossing->hops.has_value() == (i % 2 == 0));
      if (!crossing->hops) continue;
      RC_ASSERT(crossing->hops->hops == hops[i].hops);
      for (std::uint32_t h = 0; h < hops[i].hops; ++h) {
        RC_ASSERT(crossing->hops->hop[h].tx_bytes == hops[i].hop[h].tx_bytes);
        RC_ASSERT(crossing->hops->hop[h].stamp == hops[i].hop[h].stamp);
        RC_ASSERT(crossing->hops->hop[h].queue_bytes == hops[i].hop[h].queue_bytes);
      }
    }
    RC_ASSERT(!take_crossing(left).has_value());
  });
}

TEST(FrameCodec, PausesSurvive) {
  std::vector<std::uint8_t> bytes;
  append_pause(LinkId{77}, 3, true, 123'456'789'012, bytes);
  append_pause(LinkId{78}, 5, false, 1, bytes);
  std::span<const std::uint8_t> left(bytes);
  const auto pause = take_crossing(left), resume = take_crossing(left);
  ASSERT_TRUE(pause && resume);
  EXPECT_EQ(pause->kind, Crossing::Kind::kPause);
  EXPECT_EQ(pause->link, LinkId{77});
  EXPECT_EQ(pause->priority, 3);
  EXPECT_EQ(pause->at, 123'456'789'012);
  EXPECT_EQ(resume->kind, Crossing::Kind::kResume);
  EXPECT_TRUE(left.empty());
}

TEST(FrameCodecDeathTest, BrokenRecordsAbort) {
  std::vector<std::uint8_t> bytes;
  append_frame(LinkId{1}, Frame{}, nullptr, bytes);
  bytes.pop_back();
  EXPECT_DEATH(
      {
        std::span<const std::uint8_t> left(bytes);
        static_cast<void>(take_crossing(left));
      },
      "sizeof field");
}

// --- partition

std::unique_ptr<Topology> build(const FabricSpec& spec) {
  auto built = build_topology(spec);
  if (!built) throw std::runtime_error(built.error().text());
  return std::move(*built);
}

TEST(Partition, ThreeTiersAreCutBetweenSpinesAndCores) {
  const auto topology = build(testing::fat_tree(128, 8, 3));  // 8 pods of 16 hosts
  const auto cut = Partition::by_pod(*topology, 3);
  ASSERT_TRUE(cut.has_value());
  std::map<std::uint32_t, std::uint32_t> hosts;
  for (std::uint32_t host = 0; host < 128; ++host) {
    EXPECT_EQ(cut->part_of(HostId{host}), cut->part_of(HostId{host / 16 * 16}));
    ++hosts[cut->part_of(HostId{host})];
  }
  EXPECT_EQ(hosts, (std::map<std::uint32_t, std::uint32_t>{{0, 48}, {1, 32}, {2, 48}}));
  std::uint32_t crossing = 0;
  for (std::uint32_t link = 0; link < topology->link_count(); ++link) {
    EXPECT_EQ(cut->crosses(LinkId{link}), cut->crosses(LinkId{link ^ 1U}));
    if (!cut->crosses(LinkId{link})) continue;
    EXPECT_EQ(topology->tier(LinkId{link}), LinkTier::kSpineCore);
    ++crossing;
  }
  EXPECT_GT(crossing, 0U);
}

TEST(Partition, TwoTiersAreCutByLeaf) {
  const auto topology = build(testing::fat_tree(32, 8, 2));  // leaves of 4 hosts
  const auto cut = Partition::by_pod(*topology, 8);
  ASSERT_TRUE(cut.has_value());
  for (std::uint32_t host = 0; host < 32; ++host) EXPECT_EQ(cut->part_of(HostId{host}), host / 4);
  EXPECT_EQ(cut->part_of({NodeKind::kLeaf, 5}), 5U);
  for (std::uint32_t link = 0; link < topology->first_fabric_link(); ++link) EXPECT_FALSE(cut->crosses(LinkId{link}));
}

TEST(Partition, EveryPartHasHosts) {
  for (const std::uint32_t parts : {1U, 2U, 3U, 5U, 7U, 8U}) {
    const auto topology = build(testing::fat_tree(113, 8, 3));
    const auto cut = Partition::by_pod(*topology, parts);
    ASSERT_TRUE(cut.has_value());
    std::set<std::uint32_t> seen;
    for (std::uint32_t host = 0; host < 113; ++host) seen.insert(cut->part_of(HostId{host}));
    EXPECT_EQ(seen.size(), parts);
  }
}

// A unit's hosts and their eight leaves stay together; spines are dealt out.
TEST(Partition, UnitsOfARailOptimizedFabricAreNotCut) {
  const auto topology = build(testing::superpod(96));
  const auto cut = Partition::by_pod(*topology, 3);
  ASSERT_TRUE(cut.has_value());
  for (std::uint32_t host = 0; host < 96; ++host) EXPECT_EQ(cut->part_of(HostId{host}), host / 32);
  for (std::uint32_t leaf = 0; leaf < 24; ++leaf) EXPECT_EQ(cut->part_of({NodeKind::kLeaf, leaf}), leaf / 8);
}

TEST(Partition, MorePartsThanPodsIsAnError) {
  const auto topology = build(testing::superpod(32));  // one unit
  const auto cut = Partition::by_pod(*topology, 2);
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().text(), "the fabric has fewer pods than parts: '2'; start fewer processes: a pod is not cut");
}

// --- ties

// Against a sorted set, with ties by the dozen and events for now.
TEST(LinkOrderScheduler, OrderIsThatOfASortedSet) {
  rc::check([](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto scheduler = ns3::CreateObject<LinkOrderScheduler>();
    std::set<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>> expected;
    std::uint64_t now = 0;
    const std::uint64_t spread = 1 + random() % 100;
    for (std::uint32_t uid = 0; uid < 2'000; ++uid) {
      if (expected.empty() || random() % 2 == 0) {
        const std::uint64_t ts = now + random() % spread * (random() % 3 == 0 ? 1'000 : 1);
        const auto context = static_cast<std::uint32_t>(random() % 8);
        scheduler->Insert({nullptr, {ts, uid, context}});
        expected.emplace(ts, context, uid);
        continue;
      }
      RC_ASSERT(scheduler->PeekNext().key.m_ts == std::get<0>(*expected.begin()));
      const auto key = scheduler->RemoveNext().key;
      RC_ASSERT(std::tuple(key.m_ts, key.m_context, key.m_uid) == *expected.begin());
      expected.erase(expected.begin());
      now = key.m_ts;
    }
  });
}

TEST(LinkOrderScheduler, TiesGoByContextThenByUid) {
  const auto scheduler = ns3::CreateObject<LinkOrderScheduler>();
  const auto insert = [&](std::uint64_t ts, std::uint32_t context, std::uint32_t uid) {
    ns3::Scheduler::Event ev{nullptr, {ts, uid, context}};
    scheduler->Insert(ev);
  };
  insert(20, 1, 1);
  insert(10, 9, 2);
  insert(10, 3, 3);
  insert(10, 3, 4);
  EXPECT_EQ(scheduler->PeekNext().key.m_ts, 10U);
  insert(5, 7, 5);  // earlier than what was seen
  std::vector<std::uint32_t> order;
  const auto take = [&] { order.push_back(scheduler->RemoveNext().key.m_uid); };
  take();
  take();
  insert(10, 2, 6);  // for now: the next, since its context is the least
  scheduler->Remove({nullptr, {10, 4, 3}});
  while (!scheduler->IsEmpty()) take();
  EXPECT_EQ(order, (std::vector<std::uint32_t>{5, 3, 6, 2, 1}));
}

// --- a run over two networks against the run over one

struct Outcome {
  std::vector<std::pair<Ps, Ps>> flows;
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  std::vector<LinkTotals> links;
  std::uint64_t crossed = 0;
  [[nodiscard]] std::uint64_t counter(std::string_view name) const {
    for (const auto& [n, value] : counters) {
      if (n == name) return value;
    }
    return 0;
  }
};

// Hands over at once, as bytes.
class Across final : public Boundary {
 public:
  Network* other = nullptr;
  std::uint64_t crossed = 0;
  void frame_leaves(LinkId link, const Frame& f, const IntRecord* telemetry) override {
    std::vector<std::uint8_t> bytes;
    append_frame(link, f, telemetry, bytes);
    hand_over(bytes);
  }
  void pause_leaves(LinkId link, std::uint8_t priority, bool pause, Ps at) override {
    std::vector<std::uint8_t> bytes;
    append_pause(link, priority, pause, at, bytes);
    hand_over(bytes);
  }

 private:
  void hand_over(std::span<const std::uint8_t> bytes) {
    ++crossed;
    const auto c = take_crossing(bytes);
    if (c->kind == Crossing::Kind::kFrame)
      other->frame_arrives(c->link, c->frame, c->hops ? &*c->hops : nullptr);
    else
      other->pause_arrives(c->link, c->priority, c->kind == Crossing::Kind::kPause, c->at);
  }
};

Schedule work(const FabricSpec& spec, CollectiveKind kind, Bytes size) {
  CollectiveRequest request;
  request.kind = kind;
  request.size = size;
  request.ranks = spec.gpu_count();
  if (kind == CollectiveKind::kAllToAll) request.algorithm = "all_at_once";
  Shape shape;
  shape.gpus = spec.gpu_count();
  shape.gpus_per_host = shape.domain_gpus = shape.nics_per_host = shape.rails = spec.hosts.gpus;
  const auto placement = make_placement(Mapping{}, request.ranks, spec.gpu_count());
  auto schedule = make_schedule(shape, *placement, request);
  if (!schedule) throw std::runtime_error(schedule.error().text());
  return std::move(*schedule);
}

// One part of the fabric: with parts = 1, all of it.
struct Part {
  std::unique_ptr<Forwarding> forwarding;
  std::unique_ptr<Network> network;
  std::unique_ptr<FlowRun> run;
  Across across;
};

Outcome run(const FabricSpec& spec, const Schedule& schedule, std::uint32_t parts) {
  if (ns3::Time::GetResolution() != ns3::Time::PS) ns3::Time::SetResolution(ns3::Time::PS);  // ns-3 takes it once
  ns3::Simulator::Destroy();
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId("weft::packet::LinkOrderScheduler");
  ns3::Simulator::SetScheduler(scheduler);
  const auto topology = build(spec);
  const auto partition = Partition::by_pod(*topology, parts);
  EXPECT_TRUE(partition.has_value());
  std::vector<Part> all(parts);
  for (std::uint32_t i = 0; i < parts; ++i) {
    all[i].forwarding = std::move(*Forwarding::create(*topology, 1));
    all[i].network = std::move(*Network::create(*topology, *all[i].forwarding, {}));
    all[i].run = std::make_unique<FlowRun>(*all[i].network, *all[i].forwarding, *partition, i);
  }
  for (std::uint32_t i = 0; i < parts; ++i) {
    all[i].across.other = all[parts - 1 - i].network.get();
    for (std::uint32_t link = 0; link < topology->link_count(); link += 2) {
      if (partition->crosses(LinkId{link})) all[i].network->cut(link / 2, all[i].across);
    }
  }
  for (Part& part : all) EXPECT_TRUE(part.run->start(schedule).has_value());
  ns3::Simulator::Run();
  Outcome out;
  out.flows.resize(all[0].run->flows().size(), {-1, -1});
  out.links.resize(topology->link_count());
  for (const auto& named : counters_of_a_run()) out.counters.emplace_back(named.name, 0);
  for (Part& part : all) {
    out.crossed += part.across.crossed;
    for (std::size_t i = 0; i < out.flows.size(); ++i) {
      out.flows[i].first = std::max(out.flows[i].first, part.run->flows()[i].received);
      out.flows[i].second = std::max(out.flows[i].second, part.run->flows()[i].acknowledged);
    }
    const auto named = counters_of_a_run();
    for (std::size_t i = 0; i < named.size(); ++i) out.counters[i].second += part.network->counters().*named[i].member;
    for (std::uint32_t link = 0; link < topology->link_count(); ++link) {
      const LinkTotals totals = link_totals(part.network->port(LinkId{link}));
      for (std::size_t i = 0; i + 1 < totals.size(); ++i) out.links[link][i] += totals[i];
      out.links[link].back() = std::max(out.links[link].back(), totals.back());
    }
  }
  ns3::Simulator::Destroy();
  return out;
}

// Both, compared in everything.
Outcome expect_same(const FabricSpec& spec, CollectiveKind kind, Bytes size) {
  const Schedule schedule = work(spec, kind, size);
  const Outcome one = run(spec, schedule, 1), two = run(spec, schedule, 2);
  EXPECT_EQ(one.crossed, 0U);
  EXPECT_GT(two.crossed, 0U);
  EXPECT_EQ(one.flows, two.flows);
  EXPECT_EQ(one.counters, two.counters);
  EXPECT_EQ(one.links, two.links);
  for (const auto& [received, acknowledged] : one.flows) EXPECT_GT(acknowledged, received);
  return one;
}

FabricSpec tree_of_three(std::uint32_t hosts, std::uint32_t radix) {
  FabricSpec spec = testing::fat_tree(hosts, radix, 3);
  spec.hosts.nic_rate = Rate::gbps(100);
  spec.switches.ecn.kmin = Bytes{20'000};
  spec.switches.ecn.kmax = Bytes{80'000};
  return spec;
}

TEST(CutFabric, PermutationWithDcqcn) {
  const Outcome out = expect_same(tree_of_three(54, 6), CollectiveKind::kPermutation, Bytes{1 << 18});
  EXPECT_GT(out.counter("CNPs"), 0U);
}

// Every host starts 15 messages at time 0, on cables of one length: ties everywhere.
TEST(CutFabric, AllToAllOfATinyTree) {
  const Outcome out = expect_same(tree_of_three(16, 4), CollectiveKind::kAllToAll, Bytes{16 << 16});
  EXPECT_GT(out.counter("marks"), 0U);
}

TEST(CutFabric, PausesCross) {
  FabricSpec spec = tree_of_three(54, 6);
  spec.transport.congestion_control = CongestionControlKind::kNone;
  spec.switches.xoff = Bytes{30'000};
  const Outcome out = expect_same(spec, CollectiveKind::kAllToAll, Bytes{54 << 15});
  EXPECT_GT(out.counter("pauses"), 100U);
  EXPECT_EQ(out.counter("drops"), 0U);
}

TEST(CutFabric, LossAndRetransmission) {
  FabricSpec spec = tree_of_three(54, 6);
  spec.transport.congestion_control = CongestionControlKind::kNone;
  spec.switches.pfc = false;
  spec.switches.buffer = Bytes{200'000};
  spec.transport.recovery = LossRecovery::kSelectiveRepeat;
  const Outcome out = expect_same(spec, CollectiveKind::kIncast, Bytes{1 << 17});
  EXPECT_GT(out.counter("retransmissions"), 0U);
}

TEST(CutFabric, HpccTelemetryCrosses) {
  FabricSpec spec = tree_of_three(54, 6);
  spec.transport.congestion_control = CongestionControlKind::kHpcc;
  static_cast<void>(expect_same(spec, CollectiveKind::kPermutation, Bytes{1 << 18}));
}

TEST(CutFabric, SprayAndTwoTiers) {
  FabricSpec spec = testing::fat_tree(32, 8, 2);
  spec.routing.kind = RoutingKind::kSpray;
  static_cast<void>(expect_same(spec, CollectiveKind::kPermutation, Bytes{1 << 18}));
}

}  // namespace
}  // namespace weft::packet
