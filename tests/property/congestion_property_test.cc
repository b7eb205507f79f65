// What holds of every algorithm under any events: a window that lets something go, rates between 0 and line, no NaN.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>

#include "tests/support/congestion.h"

namespace weft::packet {
namespace {

using Kind = weft::CongestionControl;
using testing::kUs;
using testing::nic;

constexpr std::array kKinds = {Kind::kDcqcn, Kind::kHpcc, Kind::kSwift, Kind::kTimely,
                               Kind::kDctcp, Kind::kNscc, Kind::kNone};

CongestionParams any_params() {
  CongestionParams params = nic(*rc::gen::elementOf(kKinds), *rc::gen::element<std::int64_t>(1, 40, 400, 1'600),
                                *rc::gen::element(256U, 1'000U, 4'096U), 4'178);
  if (*rc::gen::arbitrary<bool>()) params.transport.window = Bytes{*rc::gen::inRange(1, 10'000'000)};
  params.transport.ack_every = *rc::gen::element(0U, 1U, 16U);
  params.trimming = *rc::gen::arbitrary<bool>();
  params.transport.dcqcn.rpg_byte_reset = Bytes{*rc::gen::element(0, 5'000, 1'000'000)};
  params.transport.dcqcn.rpg_min_dec_fac = *rc::gen::element(0.0, 0.5, 1.0);
  params.transport.hpcc.eta = *rc::gen::element(0.5, 0.95, 1.0);
  params.transport.hpcc.flows_expected = *rc::gen::element(0U, 100U);
  return params;
}

struct Loop {
  CongestionParams params{};
  CongestionControl control{};
  std::array<IntHop, kMaxIntHops> last{};
  std::array<IntHop, kMaxIntHops> hops{};
  Ps now = 0;
  std::uint32_t acked = 0xFFFFF000U, next = 0xFFFFF000U;  // soon wraps

  void acknowledge() {
    const auto packets = *rc::gen::inRange(0U, 20U);
    acked += packets;
    next = acked + *rc::gen::inRange(0U, 100U);
    const auto count = *rc::gen::inRange<std::size_t>(0, kMaxIntHops + 1);
    for (IntHop& hop : hops) {
      hop.stamp += *rc::gen::element<Ps>(0, 1, 1'000'000);
      hop.tx_bytes += *rc::gen::element(0U, 1U, 50'000U, 4'000'000'000U);
      hop.queue_bytes = *rc::gen::element(0U, 1'000U, 4'000'000'000U);
      hop.bytes_per_ps = *rc::gen::element(0.0F, 0.05F);
    }
    control.on_ack(params,
                   {.now = now,
                    .rtt = *rc::gen::element<Ps>(0, 1, 8'000'000, 60'000'000, 2'000'000'000),
                    .acked_bytes = packets * params.packet_payload,
                    .packets = packets,
                    .marked_packets = *rc::gen::inRange(0U, packets + 1),
                    .acked_psn = acked,
                    .next_psn = next,
                    .hop_count = static_cast<std::uint32_t>(count),
                    .hops = std::span(hops).first(count)},
                   last);
  }
  void step() {
    now += *rc::gen::element<Ps>(0, 1, 1'000'000, 400'000'000);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        return control.on_send(params, now, params.packet_wire);
      case 1:
        return control.on_cnp(params, now);
      case 2:
        return control.on_loss(params, {.now = now,
                                        .timeout = *rc::gen::arbitrary<bool>(),
                                        .lost_bytes = *rc::gen::element(0U, 4'096U, 4'000'000'000U),
                                        .in_flight_bytes = *rc::gen::element(0U, 1'000'000U)});
      case 3:
        return control.advance(params, now);
      default:
        return acknowledge();
    }
  }
};

TEST(CongestionProperty, WindowAndRateStayInBounds) {
  EXPECT_TRUE(rc::check([] {
    Loop loop{.params = any_params()};
    const Kind kind = loop.params.transport.congestion_control;
    RC_TAG(static_cast<int>(kind));
    loop.control.start(loop.params, *rc::gen::element<Ps>(1, 8'000'000, 100'000'000));
    const double slowest = 1e12 / 1e4 * 1e3;  // 10 kB/s
    const std::uint64_t least = kind == Kind::kSwift ? 1 : loop.params.packet_payload;
    const int steps = *rc::gen::inRange(0, 100);
    for (int i = 0; i < steps; ++i) {
      loop.step();
      RC_ASSERT(std::isfinite(loop.control.ps_per_byte()));
      RC_ASSERT(loop.control.ps_per_byte() >= loop.params.line_ps_per_byte);
      RC_ASSERT(loop.control.ps_per_byte() <= slowest);
      RC_ASSERT(loop.control.window() >= least);
      if (loop.params.transport.window) {
        RC_ASSERT(loop.control.window() <= std::max<std::uint64_t>(loop.params.transport.window->count, least) ||
                  loop.control.window() <= loop.params.packet_payload);
      }
    }
  }));
}

// A copy goes on as the original does: nothing is kept elsewhere.
TEST(CongestionProperty, IsItsBytes) {
  for (const Kind kind : kKinds) {
    const CongestionParams params = nic(kind, 100);
    CongestionControl one;
    one.start(params, 8 * kUs);
    one.on_cnp(params, 5 * kUs);
    CongestionControl two = one;
    for (CongestionControl* control : {&one, &two}) {
      control->on_send(params, 400 * kUs, 1000);
      control->on_ack(params, {.now = 500 * kUs, .rtt = 50 * kUs, .acked_bytes = 1000, .packets = 1, .acked_psn = 1},
                      {});
    }
    EXPECT_EQ(one.ps_per_byte(), two.ps_per_byte());
    EXPECT_EQ(one.window(), two.window());
  }
}

}  // namespace
}  // namespace weft::packet
