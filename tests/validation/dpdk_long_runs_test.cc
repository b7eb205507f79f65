// Runs that take a while or measure time.
#include <gtest/gtest.h>

#include <atomic>

#include "dpdk/traffic.h"
#include "tests/support/dpdk.h"

namespace weft::dpdk {
namespace {

TrafficResult run(const TrafficOptions& options) {
  auto traffic = Traffic::create(testing::eal(), options);
  EXPECT_TRUE(traffic) << traffic.error().text();
  const std::atomic<bool> stop{false};
  auto result = (*traffic)->run(stop, {});
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

TrafficOptions looped(std::int64_t message) {
  TrafficOptions options;
  options.sending_device = options.receiving_device = "net_ring0";
  StreamSpec stream;
  stream.message = Bytes{message};
  stream.mtu = Bytes{1024};
  options.streams.push_back(stream);
  return options;
}

TEST(LongRun, TenMillionPacketsWithoutAWrongIcrc) {
  TrafficOptions options = looped(2500);  // FIRST, MIDDLE and LAST
  options.streams[0].qps = 1000;
  options.streams[0].count = 10'000'000;
  options.streams[0].start_psn = 0xFFF000;
  const TrafficResult result = run(options);
  EXPECT_EQ(result.judged.icrc_checked, 10'000'000U);
  EXPECT_EQ(result.judged.icrc_bad, 0U);
  EXPECT_EQ(result.judged.requests, 10'000'000U);
  EXPECT_EQ(result.judged.lost + result.judged.duplicates + result.judged.reordered, 0U);
}

// The schedule is absolute: what was not given up was sent, to 1 %.
TEST(LongRun, MeanRateIsTheRateAsked) {
  for (const double rate : {1e4, 2e5}) {
    TrafficOptions options = looped(64);
    options.streams[0].rate.packets_per_second = rate;
    options.duration = Duration::us(3'000'000);
    const TrafficResult result = run(options);
    const double sent = static_cast<double>(result.sent[0].packets + result.sent[0].given_up);
    EXPECT_NEAR(sent / result.send_seconds / rate, 1, 0.01) << rate;
    if (static_cast<double>(result.sent[0].given_up) > 0.01 * sent)
      GTEST_SKIP() << "the machine took the processor away for more than 10 ms at a time";
    EXPECT_NEAR(static_cast<double>(result.sent[0].packets) / result.send_seconds / rate, 1, 0.01) << rate;
  }
}

}  // namespace
}  // namespace weft::dpdk
