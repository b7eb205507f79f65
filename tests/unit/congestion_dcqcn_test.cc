// DCQCN's rules, step by step by hand: SIGCOMM'15 section 3.1 (equation 1 and figure 7) and ConnectX's parameters.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <vector>

#include "tests/support/congestion.h"

namespace weft::packet {
namespace {

using testing::gbps;
using testing::kUs;
using testing::nic;

constexpr double kLine = 100;  // Gb/s

CongestionParams dcqcn_100g() { return nic(weft::CongestionControl::kDcqcn, 100); }

CongestionControl started(const CongestionParams& params) {
  CongestionControl control;
  control.start(params, 8 * kUs);
  return control;
}

void expect_near_1e9(double seen, double expected) { EXPECT_NEAR(seen, expected, 1e-9 * expected); }

TEST(Dcqcn, NeverCutRunsAtLineRateWithoutTimers) {
  const CongestionParams params = dcqcn_100g();
  CongestionControl control = started(params);
  for (int i = 0; i < 100'000; ++i) control.on_send(params, Ps{i} * 80'000, 1000);
  EXPECT_EQ(gbps(control), kLine);
  EXPECT_EQ(control.due(params), kNever);
}

// Equation (1): R_T = R_C, R_C = R_C (1 - a/2), a = (1 - g) a + g.
TEST(Dcqcn, CutByEquationOne) {
  CongestionParams params = dcqcn_100g();
  params.transport.dcqcn.g = 1.0 / 256;
  params.transport.dcqcn.dce_tcp_rtt = Duration::us(55);
  CongestionControl control = started(params);
  control.on_cnp(params, 1'000 * kUs);
  expect_near_1e9(gbps(control), 50);
  EXPECT_DOUBLE_EQ(control.dcqcn().target * 8e-9, 100);
  EXPECT_DOUBLE_EQ(control.dcqcn().alpha, 1);
  // 50 us later no alpha timer has run out: a is 1 still. R_T stays where recovery goes to.
  control.on_cnp(params, 1'050 * kUs);
  expect_near_1e9(gbps(control), 25);
  EXPECT_DOUBLE_EQ(control.dcqcn().target * 8e-9, 100);
  // 110 us later it has, twice: a = (255/256)^2.
  control.on_cnp(params, 1'160 * kUs);
  const double alpha = std::pow(255.0 / 256, 2);
  expect_near_1e9(gbps(control), 25 * (1 - alpha / 2));
  EXPECT_DOUBLE_EQ(control.dcqcn().alpha, alpha * 255 / 256 + 1.0 / 256);
}

TEST(Dcqcn, TargetFollowsAsClampSays) {
  for (const bool clamp : {false, true}) {
    CongestionParams params = dcqcn_100g();
    params.transport.dcqcn.clamp_tgt_rate = clamp;
    params.transport.dcqcn.dce_tcp_rtt = Duration::us(1'000);
    CongestionControl control = started(params);
    control.on_cnp(params, 0);
    control.on_cnp(params, 10 * kUs);  // the paper: R_T = R_C = 50
    EXPECT_DOUBLE_EQ(control.dcqcn().target * 8e-9, clamp ? 50 : 100);
  }
  for (const bool after_time : {false, true}) {  // a rate that the timer raised becomes the target, if so set
    CongestionParams params = dcqcn_100g();
    params.transport.dcqcn.clamp_tgt_rate_after_time_inc = after_time;
    CongestionControl control = started(params);
    control.on_cnp(params, 0);
    control.on_cnp(params, 300 * kUs);
    EXPECT_DOUBLE_EQ(control.dcqcn().target * 8e-9, after_time ? 75 : 100);
  }
  CongestionParams params = dcqcn_100g();  // one that the byte counter raised does in any case
  params.transport.dcqcn.clamp_tgt_rate_after_time_inc = false;
  params.transport.dcqcn.rpg_byte_reset = Bytes{10'000};
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  for (int i = 0; i < 10; ++i) control.on_send(params, (10 + i) * kUs, 1000);
  expect_near_1e9(gbps(control), 75);
  control.on_cnp(params, 100 * kUs);
  EXPECT_DOUBLE_EQ(control.dcqcn().target * 8e-9, 75);
}

TEST(Dcqcn, OneCutAMonitorPeriodAndTheRestAtItsEnd) {
  CongestionParams params = dcqcn_100g();
  params.transport.dcqcn.dce_tcp_rtt = Duration::us(1'000);
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  control.on_cnp(params, 1 * kUs);
  control.on_cnp(params, 3 * kUs);
  expect_near_1e9(gbps(control), 50);
  EXPECT_EQ(control.due(params), 4 * kUs);
  control.advance(params, 4 * kUs - 1);
  expect_near_1e9(gbps(control), 50);
  control.advance(params, 4 * kUs);
  expect_near_1e9(gbps(control), 25);
  control.advance(params, 299 * kUs);
  expect_near_1e9(gbps(control), 25);
  EXPECT_EQ(control.due(params), 304 * kUs);  // the cut started the rate timer again
}

TEST(Dcqcn, CutsKeepMinDecFacAndMinRate) {
  CongestionParams params = dcqcn_100g();
  params.transport.dcqcn.rpg_min_dec_fac = 0.9;
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  expect_near_1e9(gbps(control), 90);
  for (int i = 1; i < 1'000; ++i) control.on_cnp(params, i * 4 * kUs);
  EXPECT_NEAR(gbps(control), 0.001, 1e-12);  // 1 Mb/s
}

// Values after a CNP at t: +300 us, +600 us ... by the timer alone: F steps of fast recovery, then additive increase.
TEST(Dcqcn, FastRecoveryThenAdditiveIncreaseByTheTimer) {
  CongestionParams params = dcqcn_100g();
  DcqcnSpec& spec = params.transport.dcqcn;
  spec.rpg_threshold = 5;
  spec.rpg_ai_rate = Rate{40'000'000};
  spec.clamp_tgt_rate = true;
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  control.on_cnp(params, 1'000 * kUs);  // R_T = what three steps of recovery gave
  double target = 100 - 50.0 / 8, alpha = std::pow(1 - spec.g, 1'000);
  double rate = target * (1 - alpha / 2);
  expect_near_1e9(gbps(control), rate);
  for (int step = 1; step <= 9; ++step) {
    const Ps due = (1'000 + 300 * step) * kUs;
    EXPECT_EQ(control.due(params), due);
    control.advance(params, due - 1);
    expect_near_1e9(gbps(control), rate);
    control.advance(params, due);
    if (step > 5) target += 0.04;
    rate = (target + rate) / 2;
    expect_near_1e9(gbps(control), rate);
  }
}

// Byte counter beyond F too: hyper increase; R_T stops at line rate, and there the timers stop.
TEST(Dcqcn, HyperIncreaseWhenBothCountersAreAboveF) {
  CongestionParams params = dcqcn_100g();
  DcqcnSpec& spec = params.transport.dcqcn;
  spec.rpg_threshold = 1;
  spec.rpg_ai_rate = Rate{40'000'000};
  spec.rpg_hai_rate = Rate{400'000'000};
  spec.rpg_byte_reset = Bytes{10'000};
  spec.clamp_tgt_rate = true;
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  control.on_cnp(params, 10 * kUs);
  double target = 50, rate = gbps(control);
  const auto step = [&](double raise) {
    target += raise;
    rate = (target + rate) / 2;
    expect_near_1e9(gbps(control), rate);
  };
  for (int i = 0; i < 10; ++i) control.on_send(params, 20 * kUs, 1000);
  step(0);  // bytes 1, time 0: fast recovery
  for (int i = 0; i < 10; ++i) control.on_send(params, 30 * kUs, 1000);
  step(0.04);  // bytes 2, time 0: additive
  control.advance(params, 310 * kUs);
  step(0.04);  // bytes 2, time 1: additive, for time is not above F yet
  control.advance(params, 610 * kUs);
  step(0.4);  // both 2: hyper
  for (int i = 0; i < 10; ++i) control.on_send(params, 620 * kUs, 1000);
  step(0.4);
  control.advance(params, 1'000'000 * kUs);
  EXPECT_EQ(gbps(control), kLine);
  EXPECT_EQ(control.due(params), kNever);
  EXPECT_EQ(control.dcqcn().target, control.dcqcn().rate);
}

TEST(Dcqcn, AlphaDecaysInOneStepAsInMany) {
  const CongestionParams params = dcqcn_100g();
  CongestionControl control = started(params);
  control.on_cnp(params, 0);
  control.on_cnp(params, 777 * kUs + 5);
  double alpha = 1;  // (1-g) a + g of a = 1
  for (int i = 0; i < 777; ++i) alpha *= 1 - params.transport.dcqcn.g;
  const double g = params.transport.dcqcn.g;
  EXPECT_NEAR(control.dcqcn().alpha, (1 - g) * alpha + g, 1e-12);
}

struct Event {
  int kind = 0;  // 0: packet, 1: CNP
  Ps after = 0;
};

// What the rate is at `at`, looked at only there or at every moment before too.
std::vector<double> trajectory(const CongestionParams& params, const std::vector<Event>& events, Ps look_every) {
  CongestionControl control = started(params);
  std::vector<double> rates;
  Ps now = 0;
  for (const Event& event : events) {
    const Ps then = now + event.after;
    if (look_every > 0) {
      for (; now < then; now += look_every) control.advance(params, now);
    }
    now = then;
    event.kind == 0 ? control.on_send(params, now, 1000) : control.on_cnp(params, now);
    rates.push_back(gbps(control));
    rates.push_back(control.dcqcn().target);
  }
  return rates;
}

TEST(Dcqcn, LazyEqualsEager) {
  EXPECT_TRUE(rc::check([] {
    CongestionParams params = dcqcn_100g();
    params.transport.dcqcn.rpg_byte_reset = Bytes{*rc::gen::element(0, 500, 3'000, 20'000)};
    params.transport.dcqcn.rpg_threshold = *rc::gen::inRange(0U, 4U);
    params.transport.dcqcn.clamp_tgt_rate = *rc::gen::arbitrary<bool>();
    const auto events = *rc::gen::container<std::vector<Event>>(rc::gen::build<Event>(
        rc::gen::set(&Event::kind, rc::gen::weightedElement<int>({{10, 0}, {1, 1}})),
        rc::gen::set(&Event::after,
                     rc::gen::map(rc::gen::inRange(0, 500'000), [](int ns) { return static_cast<Ps>(ns) * 1'000; }))));
    RC_ASSERT(trajectory(params, events, 0) == trajectory(params, events, 700'001));
  }));
}

}  // namespace
}  // namespace weft::packet
