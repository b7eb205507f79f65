// Collectives through the packet backend against times worked out by hand. On a path without contention everything is
// exact but for ACKs, which share the links with data going the other way: one at least every 16 packets, four a
// window, and one for each message; 86 of 4,178 bytes each.
#include "tests/support/packet_run.h"

namespace weft {
namespace {

using namespace weft::testing;

constexpr std::int64_t kMiB = 1 << 20;

std::int64_t wire_ps(std::int64_t packets) { return packets * kWire * kPsPerByte; }

// Between the time worked out and `share` more.
void expect_from(std::int64_t worked_out, double share, std::int64_t measured) {
  EXPECT_GE(measured, worked_out);
  EXPECT_LE(static_cast<double>(measured), static_cast<double>(worked_out) * (1 + share));
}

PacketRun one_message(const FabricSpec& spec, std::int64_t bytes) {
  PacketRun run = packet_run(spec, CollectiveKind::kIncast, "strided", bytes);
  run.request.collective.fan_in = 1;
  run.request.collective.ranks = 2;
  return run;
}

TEST(PacketCollectives, OneMessageTakesItsPacketsAndThePath) {
  EXPECT_EQ(one_message(one_switch(2), kMiB).time_ps(), wire_ps(256) + kPathPs);
}

TEST(PacketCollectives, UnevenLastPacketIsAsLongAsItIs) {
  EXPECT_EQ(one_message(one_switch(2), 10'000).time_ps(), (2 * kWire + 1'808 + kHeader) * kPsPerByte + kPathPs);
  EXPECT_EQ(one_message(one_switch(2), 1).time_ps(), (1 + kHeader) * kPsPerByte + kPathPs);
  EXPECT_EQ(one_message(one_switch(2), 0).time_ps(), kHeader * kPsPerByte + kPathPs);
}

TEST(PacketCollectives, QpsOfAConnectionShareTheMessage) {
  FabricSpec spec = one_switch(2);
  for (const std::uint32_t qps : {1U, 3U, 4U, 8U}) {
    spec.transport.qps_per_connection = qps;
    SCOPED_TRACE(qps);
    EXPECT_EQ(one_message(spec, 24 * kMtu).time_ps(), wire_ps(24) + kPathPs);
  }
  spec.transport.qps_per_connection = 4;  // 4, 3 and 3 and 3 bytes
  EXPECT_EQ(one_message(spec, 13).time_ps(), (13 + 4 * kHeader) * kPsPerByte + kPathPs);
  EXPECT_EQ(one_message(spec, 2).time_ps(), (2 + 2 * kHeader) * kPsPerByte + kPathPs);
}

TEST(PacketCollectives, NeighboursOnOneSwitchDoNotDisturbOneAnother) {
  const auto run = packet_run(one_switch(8), CollectiveKind::kSendRecv, "neighbours", kMiB);
  expect_from(wire_ps(256) + kPathPs, 0.005, run.time_ps());
}

TEST(PacketCollectives, RingTakesEachStepAfterTheOther) {
  for (const std::uint32_t n : {2U, 3U, 8U}) {
    SCOPED_TRACE(n);
    const std::int64_t step = wire_ps(64) + kPathPs;
    const std::int64_t bytes = n * 64 * kMtu;
    const auto all_reduce = packet_run(one_switch(n), CollectiveKind::kAllReduce, "ring", bytes);
    const auto all_gather = packet_run(one_switch(n), CollectiveKind::kAllGather, "ring", bytes);
    expect_from(2 * (n - 1) * step, 0.005, all_reduce.time_ps());
    expect_from((n - 1) * step, 0.005, all_gather.time_ps());
  }
}

TEST(PacketCollectives, FirstStepsOfARingTakeTheirShare) {
  PacketRun run = packet_run(one_switch(8), CollectiveKind::kAllReduce, "ring", 8 * 64 * kMtu);
  run.request.steps_limit = 2;
  const Measurement m = run.measure();
  ASSERT_EQ(m.operations.size(), 1U);
  const std::int64_t two = 2 * (wire_ps(64) + kPathPs);
  expect_from(two, 0.005, m.operations[0].time.picoseconds);
  EXPECT_NEAR(m.operations[0].algbw * m.operations[0].time.seconds() * 1e9, 8 * 64 * kMtu * 2.0 / 14, 1e-3);
  EXPECT_THAT(m.notes, ::testing::Contains(::testing::HasSubstr("only 2 of its 14 steps were run")));
}

TEST(PacketCollectives, AllToAllFillsEveryNic) {
  const std::int64_t bytes = 8 * 64 * kMtu;
  const auto at_once = packet_run(one_switch(8), CollectiveKind::kAllToAll, "all_at_once", bytes);
  expect_from(wire_ps(7 * 64) + kPathPs, 0.02, at_once.time_ps());
}

// A step ends at a rank with the ACK of what it has sent: one packet's worth of path more than the data.
TEST(PacketCollectives, PairwiseWaitsForItsAcks) {
  const std::int64_t bytes = 8 * 64 * kMtu;
  const auto run = packet_run(one_switch(8), CollectiveKind::kAllToAll, "pairwise", bytes);
  const std::int64_t data = wire_ps(64) + kPathPs, ack = kPathPs + 86 * kPsPerByte;
  expect_from(7 * data + 6 * ack, 0.01, run.time_ps());
}

TEST(PacketCollectives, RecursiveDoublingExchangesLogTimes) {
  const auto run = packet_run(one_switch(8), CollectiveKind::kAllReduce, "recursive_doubling", 64 * kMtu);
  const std::int64_t data = wire_ps(64) + kPathPs, ack = kPathPs + 86 * kPsPerByte;
  expect_from(3 * data + 2 * ack, 0.01, run.time_ps());
}

// 64 slices of 4 packets: the chain of n - 1 hops is full after n - 2 of them.
TEST(PacketCollectives, ChainIsPipelinedInSlices) {
  for (const std::uint32_t n : {2U, 3U, 8U}) {
    SCOPED_TRACE(n);
    const auto run = packet_run(one_switch(n), CollectiveKind::kBroadcast, "ring", 256 * kMtu);
    expect_from(wire_ps(256) + (n - 2) * wire_ps(4) + (n - 1) * kPathPs, 0.01, run.time_ps());
  }
}

TEST(PacketCollectives, ChainOfWholeMessagesIsStoreAndForward) {
  PacketRun run = packet_run(one_switch(4), CollectiveKind::kBroadcast, "ring", 256 * kMtu);
  run.request.constants.pipeline_chunk = Bytes{256 * kMtu};
  expect_from(3 * (wire_ps(256) + kPathPs), 0.005, run.time_ps());
}

// Slices that packets do not divide evenly follow one another without a break all the same.
TEST(PacketCollectives, UnevenSlicesLeaveNoGap) {
  const auto run = packet_run(one_switch(3), CollectiveKind::kBroadcast, "ring", 100 * kMtu + 7);
  const std::int64_t whole = wire_ps(100) + (7 + kHeader) * kPsPerByte;
  expect_from(whole + wire_ps(1) + 2 * kPathPs, 0.025, run.time_ps());
}

// Messages of mixed sizes on one QP, and packets lost among them: all is sent again until it is there.
TEST(PacketCollectives, LossCostsTimeAndNoBytes) {
  for (const LossRecovery recovery : {LossRecovery::kGoBackN, LossRecovery::kSelectiveRepeat}) {
    FabricSpec spec = one_switch(3);
    spec.transport.recovery = recovery;
    spec.transport.retransmit_timeout = Duration::us(200);
    spec.links.host.bit_error_rate = 1e-6;  // one packet in 30
    const Measurement m = packet_run(spec, CollectiveKind::kBroadcast, "ring", 100 * kMtu + 7).measure();
    EXPECT_GT(m.counters.at("drops_bit_errors"), 0);
    EXPECT_GE(m.counters.at("retransmitted_packets"), m.counters.at("drops_bit_errors") / 2);
    EXPECT_EQ(m.counters.at("delivered_bytes"), 2 * (100 * kMtu + 7));
    EXPECT_EQ(m.counters.at("messages"), 2 * 64);
  }
}

// Two hosts: each is the top of one tree, which carries half. Up at once, then down.
TEST(PacketCollectives, DoubleTreeOfTwoUsesBothWays) {
  const auto run = packet_run(one_switch(2), CollectiveKind::kAllReduce, "tree", 512 * kMtu);
  const std::int64_t ack = kPathPs + 86 * kPsPerByte;
  expect_from(2 * (wire_ps(256) + kPathPs) + ack, 0.02, run.time_ps());
}

// The busiest host sends and receives a whole buffer in each phase, and no slice waits for the other tree.
TEST(PacketCollectives, DoubleTreeRunsAtTheRateOfItsBusiestHost) {
  const auto run = packet_run(one_switch(8), CollectiveKind::kAllReduce, "tree", 1024 * kMtu);
  expect_from(2 * wire_ps(1024), 0.25, run.time_ps());
}

// Up S and S/p, down S/p and S, all four at once but for the first slices.
TEST(PacketCollectives, SwitchReducesInTheDomain) {
  const std::int64_t bytes = 1024 * kMtu;
  const auto run = packet_run(one_domain(4), CollectiveKind::kAllReduce, "nvls_ring", bytes);
  expect_from(bytes * 5 / 4 * kPsPerByte, 0.08, run.time_ps());
}

TEST(PacketCollectives, SumComesDownWhenTheLastHasSentItUp) {
  const std::int64_t bytes = 1024 * kMtu;
  FabricSpec spec = one_domain(4);
  spec.failures.resize(1);
  spec.failures[0].name = "gpu2>scaleup0";
  spec.failures[0].rate_factor = 0.25;
  const auto run = packet_run(spec, CollectiveKind::kAllReduce, "nvls_ring", bytes);
  expect_from(bytes * 5 / 4 * kPsPerByte * 4, 0.08, run.time_ps());
}

// Four hosts of four: inside at 400G and across at 100G overlap, so that across binds.
TEST(PacketCollectives, HierarchicalHidesTheScaleUpDomain) {
  FabricSpec spec = plain_hosts(4, 64, 1);
  spec.topology.kind = TopologyKind::kRailOnly;
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.rails = spec.hosts.scale_up.domain_gpus = 4;
  spec.hosts.scale_up.rate_per_gpu = Rate::gbps(800);
  const std::int64_t bytes = 16 * 1024 * kMtu;
  const std::int64_t across = wire_ps(2 * 3 * 1024);  // 2 (N-1)/N of a quarter
  for (const char* algorithm : {"hierarchical", "nvls_ring"}) {
    SCOPED_TRACE(algorithm);
    expect_from(across, 0.12, packet_run(spec, CollectiveKind::kAllReduce, algorithm, bytes).time_ps());
  }
}

// Rails that never meet: rank 1 reaches rank 2 by the GPU beside it, whose NIC is on the receiver's rail.
TEST(PacketCollectives, ProxyPassesPiecesOn) {
  FabricSpec spec = one_switch(2);
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.rails = spec.hosts.scale_up.domain_gpus = 2;
  spec.hosts.scale_up.rate_per_gpu = Rate::gbps(200);
  spec.hosts.scale_up.latency = Duration::us(1);
  const std::int64_t piece = 32 * kMtu * kPsPerByte / 2 + kUsPs;  // 128 KiB without headers
  const auto run = packet_run(spec, CollectiveKind::kSendRecv, "neighbours", 1000 * kMtu + 5);
  const std::int64_t network = wire_ps(1000) + (5 + kHeader) * kPsPerByte + kPathPs;
  expect_from(piece + network, 0.005, run.time_ps());
}

TEST(PacketCollectives, OneRankTakesNoTime) {
  PacketRun run = packet_run(one_switch(2), CollectiveKind::kAllReduce, "ring", kMiB);
  run.request.collective.group_size = 1;
  EXPECT_EQ(run.time_ps(), 0);
}

// Every algorithm on every shape ends, and delivers at least what its closed form says in no less than that time.
TEST(PacketCollectives, EveryAlgorithmEnds) {
  FabricSpec spec = plain_hosts(3, 8, 2);
  spec.topology.kind = TopologyKind::kRailOptimized;
  spec.hosts.gpus = spec.hosts.nics = spec.hosts.rails = spec.hosts.scale_up.domain_gpus = 4;
  for (const CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
        CollectiveKind::kAllToAll, CollectiveKind::kBroadcast, CollectiveKind::kSendRecv, CollectiveKind::kPermutation,
        CollectiveKind::kShift, CollectiveKind::kIncast, CollectiveKind::kBisection}) {
    for (const AlgorithmInfo& algorithm : algorithms(kind)) {
      for (const std::int64_t bytes : {0, 3, 100'001}) {
        SCOPED_TRACE(::testing::Message() << name_of(kind) << ' ' << algorithm.name << ' ' << bytes);
        const PacketRun run = packet_run(spec, kind, std::string(algorithm.name), bytes);
        EXPECT_GT(run.time_ps(), 0);
      }
    }
  }
}

}  // namespace
}  // namespace weft
