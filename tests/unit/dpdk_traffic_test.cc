// Whole runs on a looped port: what a sender did on purpose is what the receiver counts.
#include "tests/support/dpdk_traffic.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "dpdk/traffic_report.h"
#include "fabric/measurement_json.h"

namespace weft::dpdk {
namespace {

using testing::looped;
using testing::run;

TEST(Traffic, CleanRunHasNothingToReport) {
  TrafficOptions options = looped(50'000, 5000);
  options.streams[0].qps = 8;
  const TrafficResult result = run(options);
  EXPECT_EQ(result.sent[0].packets, 50'000U);
  EXPECT_EQ(result.judged.requests, 50'000U);
  EXPECT_EQ(result.judged.icrc_checked, 50'000U);
  EXPECT_EQ(result.judged.flows, 8U);
  EXPECT_EQ(result.judged.lost + result.judged.reordered + result.judged.duplicates + result.judged.icrc_bad, 0U);
  EXPECT_EQ(result.judged.latency.count(), 50'000U);
}

TEST(Traffic, InjectedFaultsAreCountedExactly) {
  TrafficOptions options = looped(100'100, 3000);
  options.mishaps = parse_mishaps("drop=1000,duplicate=701,reorder=303:5,ce=97,bad_icrc=1511").value();
  const TrafficResult result = run(options);
  const MishapCounts& injected = result.sent[0].mishaps;
  const Judged& seen = result.judged;
  EXPECT_EQ(injected.dropped, 100U);
  // A NIC drops what has a wrong ICRC: its PSN is missing.
  EXPECT_EQ(seen.icrc_bad, injected.bad_icrc);
  EXPECT_EQ(seen.lost, injected.dropped + injected.bad_icrc);
  EXPECT_EQ(seen.duplicates, injected.duplicated);
  EXPECT_EQ(seen.marked_ce, injected.marked_ce);
  EXPECT_EQ(seen.reordered, injected.reordered);
  EXPECT_GE(seen.depth, 5U);  // a PSN more for each that was dropped among those that overtook
  EXPECT_LE(seen.depth, 7U);
  EXPECT_EQ(seen.packets, 100'100 - injected.dropped + injected.duplicated);
  EXPECT_EQ(seen.too_late + seen.restarts + seen.foreign, 0U);
}

TEST(Traffic, SixtyFiveThousandQps) {
  TrafficOptions options = looped(4 * 65'536, 64);
  options.streams[0].qps = 65'536;
  options.streams[0].start_psn = 0xFFFFFE;
  const TrafficResult result = run(options);
  EXPECT_EQ(result.judged.flows, 65'536U);
  EXPECT_EQ(result.judged.requests, 4U * 65'536U);
  EXPECT_EQ(result.judged.lost + result.judged.reordered + result.judged.restarts + result.judged.icrc_bad, 0U);
}

TEST(Traffic, QueuesShareTheQpsAndTheCount) {
  TrafficOptions options = looped(30'001, 64);
  options.streams[0].qps = 5;
  options.queues = 2;
  const TrafficResult result = run(options);
  EXPECT_EQ(result.sent[0].packets, 30'001U);
  EXPECT_EQ(result.judged.requests, 30'001U);
  EXPECT_EQ(result.judged.flows, 5U);
  EXPECT_EQ(result.judged.lost, 0U);
}

TEST(Traffic, MarksAreAnsweredWithCnpsAtTheirPace) {
  TrafficOptions options = looped(2000, 64);
  options.mishaps = parse_mishaps("ce=1").value();  // every packet
  options.judging.answer_ce = true;
  options.judging.cnp_interval = Duration::us(1'000'000);
  const TrafficResult result = run(options);
  EXPECT_EQ(result.judged.marked_ce, 2000U);
  EXPECT_EQ(result.judged.cnps_sent, 1U);  // one flow, one interval
  EXPECT_EQ(result.judged.cnps, 1U);       // and it came back on the looped port
}

// Every packet is marked: a CNP each 100 us cuts the QP, which starts from 1 Gb/s and may have 32,767 bytes between
// raises.
TEST(Traffic, CnpsSlowTheSenderDown) {
  TrafficOptions options = looped(0, 1024);
  options.duration = Duration::us(500'000);
  options.mishaps = parse_mishaps("ce=1").value();
  options.judging.answer_ce = true;
  options.judging.cnp_interval = Duration::us(100);
  options.line_rate = Rate::gbps(1);
  options.streams[0].rate.packets_per_second = 100'000;  // 0.9 Gb/s
  const TrafficResult free = run(options);
  EXPECT_EQ(free.sent[0].cnps, 0U);
  options.dcqcn = DcqcnSpec{};
  const TrafficResult slowed = run(options);
  EXPECT_GT(slowed.judged.cnps, 20U);
  EXPECT_GT(slowed.sent[0].cnps, 20U);
  EXPECT_LT(slowed.sent[0].packets, free.sent[0].packets / 2);
  EXPECT_EQ(slowed.judged.lost, 0U);
}

TEST(Traffic, SampledIcrcChecksOneInN) {
  TrafficOptions options = looped(10'000);
  options.judging.icrc_one_in = 10;
  EXPECT_EQ(run(options).judged.icrc_checked, 1000U);
  options.judging.icrc_one_in = 0;
  EXPECT_EQ(run(options).judged.icrc_checked, 0U);
}

TEST(Traffic, StopKeepsWhatThereIs) {
  auto traffic = Traffic::create(testing::eal(), looped(0));
  ASSERT_TRUE(traffic) << traffic.error().text();
  std::atomic<bool> stop{false};
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop = true;
  });
  const auto result = (*traffic)->run(stop, {});
  later.join();
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->interrupted);
  EXPECT_GT(result->sent[0].packets, 0U);
  EXPECT_GT(result->send_seconds, 0.1);
}

// All that threads share: counters, latencies and CNPs of two workers, and the two captures.
TEST(Traffic, WhatIsToldEachSecondGrowsUpToTheResult) {
  TrafficOptions options = looped(0, 1024);
  options.streams[0].qps = 4;
  options.streams[0].rate.packets_per_second = 20'000;
  options.queues = 2;
  options.duration = Duration::us(2'200'000);
  options.mishaps = parse_mishaps("ce=50").value();
  options.judging.answer_ce = options.judging.reflect = options.judging.round_trips = true;
  options.dcqcn = DcqcnSpec{};
  options.capture_frames = 1000;
  options.capture_sent = ::testing::TempDir() + fmt::format("weft_sent_{}.pcap", getpid());
  options.capture_received = ::testing::TempDir() + fmt::format("weft_received_{}.pcap", getpid());
  auto traffic = Traffic::create(testing::eal(), options);
  ASSERT_TRUE(traffic) << traffic.error().text();
  std::vector<TrafficSnapshot> told;
  const std::atomic<bool> stop{false};
  const auto result = (*traffic)->run(stop, [&](const TrafficSnapshot& shot) { told.push_back(shot); });
  ASSERT_TRUE(result) << result.error().text();
  ASSERT_GE(told.size(), 2U);
  EXPECT_GT(told[0].sent.packets, 0U);
  EXPECT_GT(told[1].sent.packets, told[0].sent.packets);
  EXPECT_LE(told[1].sent.packets, result->sent[0].packets);
  EXPECT_LE(told[1].judged.cnps, result->judged.cnps);
  EXPECT_GT(told[1].judged.latency.count(), 0U);  // of round trips; asked for at the first
  EXPECT_LE(told[1].judged.latency.count(), result->judged.round_trip.count());
  EXPECT_EQ(result->judged.returned, result->sent[0].packets);
  EXPECT_GT(result->sent[0].cnps, 0U);
  const std::uint64_t frame = result->sent[0].bytes / result->sent[0].packets;
  EXPECT_EQ(std::filesystem::file_size(options.capture_sent), 24 + 1000 * (16 + frame));
  for (const std::string& file : {options.capture_sent, options.capture_received}) std::filesystem::remove(file);
}

TEST(Traffic, MeasurementReadsBackFromItsJson) {
  const TrafficOptions options = looped(1000);
  const Measurement m = to_measurement(options, run(options));
  const auto again = measurement_from_json(to_json(m));
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ(again->traffic.size(), 2U);
  EXPECT_EQ(again->traffic[0].operation, "write");
  EXPECT_EQ(again->traffic[0].counters.at("packets"), 1000);
  EXPECT_EQ(again->traffic[1].counters.at("lost"), 0);
  EXPECT_EQ(again->traffic[1].latency->samples, 1000U);
}

TEST(Traffic, FrameThatThePortDoesNotCarryIsSaidWithBothSizes) {
  TrafficOptions options = looped(1, 4096);
  options.sending_device = options.receiving_device = "net_small";
  const auto traffic = Traffic::create(testing::eal(), options);
  ASSERT_FALSE(traffic);
  EXPECT_THAT(traffic.error().text(), ::testing::HasSubstr("DPDK has no such port: 'net_small'"));
}

}  // namespace
}  // namespace weft::dpdk
