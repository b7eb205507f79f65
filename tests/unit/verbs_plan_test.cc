// Plans, sizes, layouts, contents, counters, processors: what needs no device.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "verbs/counters.h"
#include "verbs/pair.h"
#include "verbs/pattern.h"
#include "verbs/placement.h"
#include "verbs/plan.h"
#include "verbs/port.h"
#include "verbs/ticks.h"
#include "verbs/traffic.h"

namespace weft::verbs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const PairPlan& plan) {
  const auto good = check(plan);
  return good ? "good" : good.error().text();
}

TEST(VerbsPlan, SizesAreOneOrAListOrARange) {
  EXPECT_THAT(*parse_sizes("4K"), ElementsAre(4096));
  EXPECT_THAT(*parse_sizes("2,4K,1M"), ElementsAre(2, 4096, 1048576));
  EXPECT_THAT(*parse_sizes("2:16"), ElementsAre(2, 4, 8, 16));
  EXPECT_THAT(*parse_sizes("1:1K:x4,3"), ElementsAre(1, 4, 16, 64, 256, 1024, 3));
  EXPECT_THAT(*parse_sizes("3:20:2"), ElementsAre(3, 6, 12));
  EXPECT_THAT(*parse_sizes("0"), ElementsAre(0));
  for (const char* wrong : {"", "4,", "x", "4:2", "0:8", "1:8:1", "1:2:3:4", "-1", "1:8:x0"})
    EXPECT_FALSE(parse_sizes(wrong)) << wrong;
}

TEST(VerbsPlan, SizesAboveTheLargestAreCutAndSaid) {
  std::vector<std::uint64_t> sizes{64, 4096, 8192, 16384};
  std::vector<std::string> notes;
  cut_sizes(sizes, 4096, "why", notes);
  EXPECT_THAT(sizes, ElementsAre(64, 4096));
  EXPECT_THAT(notes, ElementsAre("messages of 8192 B cut to 4096 B: why", "messages of 16384 B cut to 4096 B: why"));
}

TEST(VerbsPlan, WhatContradictsItselfIsRefused) {
  PairPlan plan;
  EXPECT_EQ(refusal(plan), "good");
  plan.transport = Transport::kUd;
  EXPECT_THAT(refusal(plan), HasSubstr("UD has no operation write"));
  plan = {};
  plan.op = Op::kAtomicFadd;
  EXPECT_THAT(refusal(plan), HasSubstr("atomics work on 8 bytes"));
  plan = {};
  plan.srq = true;
  EXPECT_THAT(refusal(plan), HasSubstr("--srq"));
  plan = {};
  plan.latency = true;
  plan.qps = 2;
  EXPECT_THAT(refusal(plan), HasSubstr("latency is of one QP"));
  plan = {};
  plan.latency = true;
  plan.sizes = {0};
  EXPECT_THAT(refusal(plan), HasSubstr("--sizes is out of range"));
  plan = {};
  plan.mtu = 1500;
  EXPECT_THAT(refusal(plan), HasSubstr("not an MTU of RDMA: '1500'"));
  plan = {};
  plan.qps = 16384;
  plan.sizes = {kLargestMessage};
  EXPECT_THAT(refusal(plan), HasSubstr("need too much memory"));
  plan = {};
  plan.rdma_cm = true;
  plan.transport = Transport::kUc;
  EXPECT_THAT(refusal(plan), HasSubstr("rdma_cm connects RC and UD"));
  plan = {};
  plan.cq_moderation = 129;
  EXPECT_THAT(refusal(plan), HasSubstr("--cq-moderation is out of range: '129'; 0 to 128"));
}

TEST(VerbsPlan, ComesBackFromJsonAndEachMemberIsChecked) {
  PairPlan plan;
  plan.op = Op::kSend;
  plan.sizes = {2, 4096};
  plan.qps = 7;
  plan.flow_label = 0xfffff;
  plan.verify = true;
  plan.duration_ms = 1234;
  const auto json = to_json(plan);
  const auto back = plan_from_json(json);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_json(*back), json);
  for (const auto& [key, value] : json.items()) {
    auto wrong = json;
    wrong.erase(key);
    EXPECT_FALSE(plan_from_json(wrong)) << key;
    wrong[key] = nlohmann::ordered_json::array({-1});
    EXPECT_FALSE(plan_from_json(wrong)) << key;
  }
}

TEST(VerbsPlan, CompletionsAreModeratedBySmallMessagesOnly) {
  PairPlan plan;
  EXPECT_EQ(moderation(plan, 64), 64U);  // half the queue at most
  plan.depth = 512;
  EXPECT_EQ(moderation(plan, 64), 100U);
  EXPECT_EQ(moderation(plan, 8193), 1U);
  plan.cq_moderation = 7;
  EXPECT_EQ(moderation(plan, 8193), 7U);
  plan.depth = plan.cq_moderation = 1;
  EXPECT_EQ(moderation(plan, 64), 1U);
}

TEST(VerbsLayout, MessagesUnderWayNeverShareMemoryWhileChecked) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    PairPlan plan;
    plan.verify = true;
    plan.qps = 1 + static_cast<std::uint32_t>(random() % 9);
    plan.depth = 1 + static_cast<std::uint32_t>(random() % 200);
    plan.transport = random() % 2 == 0 ? Transport::kRc : Transport::kUd;
    const std::uint64_t size = random() % 5000;
    const Layout layout(plan, size);
    const std::uint64_t grh = plan.transport == Transport::kUd ? kGrhSize : 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
    for (std::uint64_t qp = 0; qp < plan.qps; ++qp)
      for (std::uint64_t slot = 0; slot < layout.slots(); ++slot) {
        spans.emplace_back(layout.outgoing(qp, slot), layout.outgoing(qp, slot) + size);
        spans.emplace_back(layout.incoming(qp, slot), layout.incoming(qp, slot) + size + grh);
      }
    std::sort(spans.begin(), spans.end());
    for (std::size_t i = 1; i < spans.size(); ++i) ASSERT_LE(spans[i - 1].second, spans[i].first);
    ASSERT_LE(spans.back().second, layout.bytes());
    ASSERT_LE(layout.slots(), plan.depth);
  }
}

TEST(VerbsPattern, AnyChangedByteIsSeenAndMessagesDiffer) {
  for (const std::size_t size : {1, 7, 8, 9, 64, 1000}) {
    std::vector<std::byte> bytes(size);
    fill(bytes, message_key(size, 3, 17));
    EXPECT_TRUE(holds(bytes, message_key(size, 3, 17)));
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] ^= std::byte{1};
      EXPECT_FALSE(holds(bytes, message_key(size, 3, 17))) << i;
      bytes[i] ^= std::byte{1};
    }
    if (size < 7) continue;
    EXPECT_FALSE(holds(bytes, message_key(size, 3, 18)));
    EXPECT_FALSE(holds(bytes, message_key(size, 4, 17)));
  }
}

TEST(VerbsCounters, GrowthIsWhatWasAddedOnly) {
  const Counters grown = growth({{"same", 5}, {"more", 5}, {"reset", 9}, {"gone", 1}},
                                {{"same", 5}, {"more", 8}, {"reset", 2}, {"fresh", 4}});
  EXPECT_EQ(grown, (Counters{{"more", 3}, {"reset", 2}, {"fresh", 4}}));
}

TEST(VerbsCounters, AreReadFromBothFoldersOfSysfs) {
  const std::filesystem::path root = std::filesystem::temp_directory_path() / "weft-verbs-sysfs";
  const auto port = root / "class/infiniband/mlx5_0/ports/1";
  const auto write = [](const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  };
  write(port / "counters/symbol_error", "3\n");
  write(port / "hw_counters/np_cnp_sent", "18446744073709551615\n");
  write(port / "hw_counters/lifespan", "10\n");
  write(port / "hw_counters/odd", "N/A (no PMA)\n");
  write(port / "gid_attrs/ndevs/1", "ens1f0np0\n");
  EXPECT_EQ(read_counters("mlx5_0", 1, root), (Counters{{"symbol_error", 3}, {"np_cnp_sent", ~std::uint64_t{0}}}));
  EXPECT_EQ(netdev_of("mlx5_0", 1, root), "ens1f0np0");
  EXPECT_EQ(netdev_of("mlx5_0", 2, root), "");
  EXPECT_TRUE(read_counters("none", 1, root).empty());
  std::filesystem::remove_all(root);
}

TEST(VerbsCounters, InterfaceWithoutCountersHasNone) {
  EXPECT_TRUE(read_ethernet_counters("").empty());
  EXPECT_TRUE(read_ethernet_counters("no-such-netdev").empty());
  EXPECT_EQ(read_ethernet_counters("lo"), (Counters{{"eth_link_down_events", 0}}));
}

TEST(VerbsPlacement, ProcessorsAreListsAsTheKernelWritesThem) {
  EXPECT_THAT(*parse_cpus("3"), ElementsAre(3));
  EXPECT_THAT(*parse_cpus("0-2,7"), ElementsAre(0, 1, 2, 7));
  for (const char* wrong : {"", "a", "3-1", "1,", "0-99999", "-1"}) EXPECT_FALSE(parse_cpus(wrong)) << wrong;
}

TEST(VerbsPort, AddressesAreGids) {
  EXPECT_EQ(to_text(*gid_of_address("192.0.2.1")), "::ffff:192.0.2.1");
  EXPECT_EQ(to_text(*gid_of_address("fe80::1")), "fe80::1");
  EXPECT_FALSE(gid_of_address("host"));
}

TEST(VerbsPort, HostWithoutDevicesIsToldWhichModulesToLoad) {
  const auto port = open_port({});
  if (port || port.error().message != "this host has no RDMA device") GTEST_SKIP() << "this host has RDMA devices";
  EXPECT_EQ(port.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(port.error().text(), HasSubstr("mlx5_ib"));
}

TEST(VerbsTicks, HaveOneRate) {
  // Also on a busy machine, where a process may stand still between two clocks.
  const TickRate rate, again;
  EXPECT_NEAR(static_cast<double>(rate.nanoseconds(again.ticks_of(std::chrono::seconds(1)))) / 1e9, 1, 0.01);
  EXPECT_NEAR(static_cast<double>(rate.nanoseconds(rate.ticks_of(std::chrono::seconds(1)))), 1e9, 10);
}

TEST(VerbsPoint, BandwidthCountsWhatArrivedBothWays) {
  PairPlan plan;
  plan.bidirectional = plan.verify = true;
  RunOutcome outcome;
  outcome.mine.sent = 1000;
  outcome.mine.nanoseconds = 1'000'000;
  outcome.peer.sent = 500;
  outcome.peer.nanoseconds = 2'000'000;
  outcome.peer.lost = 100;  // of ours
  outcome.mine.corrupt = 1;
  const TrafficPoint point = point_of(plan, 1000, outcome);
  EXPECT_DOUBLE_EQ(point.counters.at("gbits_per_s_there"), 900 * 8000 / 1e6);
  EXPECT_DOUBLE_EQ(point.counters.at("gbits_per_s_back"), 500 * 8000 / 2e6);
  EXPECT_DOUBLE_EQ(point.gbits_average, 7.2 + 2);
  EXPECT_EQ(point.messages, 1500U);
  EXPECT_EQ(point.time.picoseconds, 2'000'000'000);
  EXPECT_EQ(point.counters.at("lost"), 100);
  EXPECT_THAT(point.failures, ElementsAre("messages arrived with wrong bytes"));
}

TEST(VerbsPoint, ReportsComeBackFromJson) {
  SideReport report;
  report.sent = 7;
  report.lost = ~std::uint64_t{0};
  report.counters = {{"rnr", 3}};
  const auto back = side_report_from_json(to_json(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(report));
  auto wrong = to_json(report);
  wrong["counters"]["rnr"] = -1;
  EXPECT_FALSE(side_report_from_json(wrong));
}

}  // namespace
}  // namespace weft::verbs
