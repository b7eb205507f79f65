// No control: a fixed window.
#include <gtest/gtest.h>

#include "tests/support/congestion.h"

namespace weft::packet {
namespace {

using testing::kUs;
using testing::nic;

TEST(FixedWindow, DefaultsToOneAndAHalfRoundTripsOfPayload) {
  const CongestionParams params = nic(weft::CongestionControl::kNone, 400, 4096, 4178);
  CongestionControl control;
  control.start(params, 8 * kUs);
  // 400 Gb/s x 8 us = 400,000 B on the wire.
  EXPECT_EQ(control.window(), static_cast<std::uint64_t>(1.5 * 400'000 * 4096 / 4178));
  EXPECT_DOUBLE_EQ(control.ps_per_byte(), 20);
  EXPECT_EQ(control.due(params), kNever);
}

TEST(FixedWindow, IsAsTheUserSaysAndAtLeastAPacket) {
  CongestionParams params = nic(weft::CongestionControl::kNone, 400, 4096, 4178);
  CongestionControl control;
  params.transport.window = Bytes{1'000'000};
  control.start(params, 8 * kUs);
  EXPECT_EQ(control.window(), 1'000'000U);
  params.transport.window = Bytes{1};
  control.start(params, 8 * kUs);
  EXPECT_EQ(control.window(), 4096U);
  params.transport.window.reset();
  control.start(params, 1);
  EXPECT_EQ(control.window(), 4096U);
}

TEST(FixedWindow, NothingMovesIt) {
  const CongestionParams params = nic(weft::CongestionControl::kNone, 400);
  CongestionControl control;
  control.start(params, 8 * kUs);
  const std::uint64_t window = control.window();
  control.on_cnp(params, kUs);
  control.on_loss(params, {.now = 2 * kUs, .timeout = true, .lost_bytes = 1000});
  control.on_send(params, 3 * kUs, 1000);
  control.on_ack(params, {.now = 4 * kUs, .rtt = 100 * kUs, .acked_bytes = 1000, .packets = 1, .marked_packets = 1},
                 {});
  EXPECT_EQ(control.window(), window);
  EXPECT_DOUBLE_EQ(control.ps_per_byte(), params.line_ps_per_byte);
}

TEST(FixedWindow, DcqcnAndTimelyHaveNoneUnlessTheUserSays) {
  CongestionParams params = nic(weft::CongestionControl::kDcqcn, 400);
  CongestionControl control;
  control.start(params, 8 * kUs);
  EXPECT_EQ(control.window(), std::uint64_t{1} << 62);
  params.transport.window = Bytes{500'000};
  control.start(params, 8 * kUs);
  EXPECT_EQ(control.window(), 500'000U);
}

}  // namespace
}  // namespace weft::packet
