// Whole runs of weft dpdk loop on a port that is looped on itself.
#pragma once

#include <gtest/gtest.h>

#include <atomic>

#include "dpdk/traffic.h"
#include "tests/support/dpdk.h"

namespace weft::dpdk::testing {

// One stream of messages in packets of at most 1,024 bytes; `count`: packets, 0: no end.
inline TrafficOptions looped(std::uint64_t count, std::int64_t message = 256) {
  TrafficOptions options;
  options.sending_device = options.receiving_device = "net_ring0";
  StreamSpec stream;
  stream.message = Bytes{message};
  stream.mtu = Bytes{1024};
  stream.count = count;
  options.streams.push_back(stream);
  return options;
}

inline TrafficResult run(const TrafficOptions& options) {
  auto traffic = Traffic::create(eal(), options);
  EXPECT_TRUE(traffic) << traffic.error().text();
  const std::atomic<bool> stop{false};
  auto result = (*traffic)->run(stop, {});
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

}  // namespace weft::dpdk::testing
