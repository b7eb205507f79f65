// Round trips on a looped port: what is sent is received, reflected, and comes back; each leg is counted by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "dpdk/traffic_report.h"
#include "fabric/measurement_json.h"
#include "tests/support/dpdk_traffic.h"

namespace weft::dpdk {
namespace {

using ::testing::HasSubstr;
using testing::run;

TrafficOptions round_trips(std::uint64_t count, std::int64_t message = 256) {
  TrafficOptions options = testing::looped(count, message);
  options.streams[0].rate.packets_per_second = 200'000;
  options.judging.reflect = options.judging.round_trips = true;
  return options;
}

TEST(RoundTrip, EverythingComesBackOnce) {
  TrafficOptions options = round_trips(30'000, 3000);
  options.streams[0].qps = 8;
  const TrafficResult result = run(options);
  const Judged& j = result.judged;
  EXPECT_EQ(j.requests, 30'000U);
  EXPECT_EQ(j.reflected, 30'000U);
  EXPECT_EQ(j.returned, 30'000U);
  EXPECT_EQ(j.flows, 16U);  // 8 out and 8 back
  EXPECT_EQ(j.lost + j.returned_lost + j.returned_duplicates + j.returned_reordered + j.duplicates, 0U);
  EXPECT_EQ(j.icrc_checked, 60'000U);
  EXPECT_EQ(j.icrc_bad, 0U);
  EXPECT_EQ(j.round_trip.count(), 30'000U);
  EXPECT_EQ(j.latency.count(), 30'000U);
}

TEST(RoundTrip, InjectedFaultsAreCountedExactly) {
  TrafficOptions options = round_trips(30'100);
  options.mishaps = parse_mishaps("drop=1000,duplicate=701,reorder=303:5,ce=97,bad_icrc=1511").value();
  const TrafficResult result = run(options);
  const MishapCounts& injected = result.sent[0].mishaps;
  const Judged& j = result.judged;
  EXPECT_EQ(j.reflected, 30'100 - injected.dropped - injected.bad_icrc + injected.duplicated);
  EXPECT_EQ(j.returned, j.reflected);
  EXPECT_EQ(j.returned_lost, injected.dropped + injected.bad_icrc);
  EXPECT_EQ(j.returned_duplicates, injected.duplicated);
  EXPECT_EQ(j.returned_reordered, injected.reordered);
  EXPECT_EQ(j.returned_marked, injected.marked_ce);
  const Measurement m = to_measurement(options, result);
  EXPECT_EQ(m.traffic[2].counters.at("not_returned"), static_cast<double>(injected.dropped + injected.bad_icrc));
}

TEST(RoundTrip, WhatThePoolCannotHoldIsCounted) {
  TrafficOptions options = round_trips(20'000);
  options.streams[0].rate.packets_per_second = 100'000;
  options.reflecting.delay = Duration::us(100'000);  // 10,000 packets, and there are 4,095 buffers
  const TrafficResult result = run(options);
  EXPECT_GT(result.judged.reflections_dropped, 0U);
  EXPECT_EQ(result.judged.reflected + result.judged.reflections_dropped, 20'000U);
  EXPECT_EQ(result.judged.returned, result.judged.reflected);
}

TEST(RoundTrip, MeasurementSaysWhatIsReported) {
  const TrafficOptions options = round_trips(1'000);
  const Measurement m = to_measurement(options, run(options));
  const auto again = measurement_from_json(to_json(m));
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ(again->traffic.size(), 3U);
  EXPECT_EQ(again->traffic[2].operation, "round_trip");
  EXPECT_EQ(again->traffic[2].counters.at("not_returned"), 0);
  EXPECT_EQ(again->traffic[2].latency->samples, 1'000U);
  EXPECT_THAT(again->notes, ::testing::Contains(HasSubstr("round trips are reported")));
}

TEST(RoundTrip, StampsOfAnotherHostAreSaidToGiveRoundTrips) {
  TrafficResult result;
  result.judged.other_clock = 5;
  TrafficOptions options;
  EXPECT_THAT(to_measurement(options, result).notes,
              ::testing::Contains(HasSubstr("needs clocks kept together by PTP, and is not given; round trips need no "
                                            "common clock: receive --reflect here, send --round-trip there")));
  options.judging.reflect = true;
  EXPECT_THAT(to_measurement(options, result).notes,
              ::testing::Contains(HasSubstr("frames are reflected, and the sender reports round trips")));
}

TEST(RoundTrip, PacketsThatCannotComeBackAreRefused) {
  const auto refusal = [](TrafficOptions options) {
    const auto traffic = Traffic::create(testing::eal(), options);
    EXPECT_FALSE(traffic);
    return traffic ? std::string() : traffic.error().text();
  };
  EXPECT_THAT(refusal(round_trips(1, 8)), HasSubstr("round trips need a stamp in every packet: 'a packet of 8 B"));
  EXPECT_THAT(refusal(round_trips(1, 1024 + 8)), HasSubstr("a packet of 8 B of payload"));  // the last one
  TrafficOptions responses = round_trips(1);
  responses.streams[0].kind = wire::MessageKind::kReadResponse;
  EXPECT_THAT(refusal(responses), HasSubstr("are no requests, and are not reflected: 'read_response'"));
  TrafficOptions two = round_trips(1);
  two.receiving_device = "net_ring1";
  EXPECT_THAT(refusal(two), HasSubstr("round trips over two ports of one process"));
}

}  // namespace
}  // namespace weft::dpdk
