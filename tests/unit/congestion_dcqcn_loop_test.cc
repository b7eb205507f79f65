// DCQCN in a closed loop: equal shares, and the queue of SIGCOMM'15's steady state.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/one_queue.h"

namespace weft::packet {
namespace {

using testing::kUs;
using testing::nic;
using testing::OneQueue;
using testing::OneQueueSetup;

constexpr double kTimer = 55e-6, kByteCounter = 10e6;  // T and B of section 5.2; alpha's timer is 55 us too
constexpr double kCnpInterval = 50e-6, kIncrease = 40e6 / 8;
constexpr double kKmin = 5'000, kKmax = 200'000, kPmax = 0.01, kPacket = 1'000;
constexpr double kCapacity = 40e9 / 8 / kPacket;  // packets per second
constexpr int kFastRecovery = 5;

CongestionParams paper_parameters() {
  CongestionParams params = nic(weft::CongestionControl::kDcqcn, 40);
  DcqcnSpec& spec = params.transport.dcqcn;
  spec.rpg_time_reset = spec.dce_tcp_rtt = Duration::us(55);
  spec.rpg_byte_reset = Bytes{10'000'000};
  spec.rpg_threshold = kFastRecovery;
  spec.rpg_ai_rate = Rate{40'000'000};
  spec.rpg_hai_rate = Rate{400'000'000};
  spec.g = 1.0 / 256;
  spec.rate_reduce_monitor_period = Duration::us(50);
  spec.clamp_tgt_rate = true;
  return params;
}

// SIGCOMM'15, section 5.1, the fluid model at rest: with a = 1 - (1-p)^(t' R) and R = C/N, the R_T that keeps R_C
// still, put into R_T's own equation. Rates in packets per second. Positive where increase outweighs decrease.
double target_rate_drift(double p, double rate) {
  const double q = 1 - p, timer = kTimer * rate, bytes = kByteCounter / kPacket;
  const double by_bytes = p / (std::pow(q, -bytes) - 1), by_time = p / (std::pow(q, -timer) - 1);
  const double marked = 1 - std::pow(q, kCnpInterval * rate), alpha = 1 - std::pow(q, kTimer * rate);
  const double gap = alpha * marked / kCnpInterval / (by_bytes + by_time);  // R_T - R_C
  const double raise = kIncrease / kPacket * rate *
                       (std::pow(q, kFastRecovery * bytes) * by_bytes + std::pow(q, kFastRecovery * timer) * by_time);
  return raise - gap * marked / kCnpInterval;
}

double queue_at(double p) { return kKmin + p * (kKmax - kKmin) / kPmax; }

double queue_of_the_equations(int flows) {
  double low = 1e-9, high = 0.5;
  for (int i = 0; i < 200; ++i) {
    const double middle = std::sqrt(low * high);
    (target_rate_drift(middle, kCapacity / flows) > 0 ? low : high) = middle;
  }
  return queue_at(low);
}

// CoNEXT'16 ("ECN or Delay"), its approximation: p* is about (R_AI N^2 / (t' C^2) (1/B + N / (T C))^2)^(1/3).
double steady_queue(int flows) {
  const double events = kPacket / kByteCounter + flows / (kTimer * kCapacity);
  return queue_at(std::cbrt(kIncrease / kPacket * flows * flows / (kTimer * kCapacity * kCapacity) * events * events));
}

OneQueue::Record loop(std::vector<Ps> starts) {
  return OneQueue({.params = paper_parameters(),
                   .gbps = 40,
                   .delay = 4 * kUs,
                   .starts = std::move(starts),
                   .kmin = kKmin,
                   .kmax = kKmax,
                   .pmax = kPmax})
      .run(60'000 * kUs, 200'000 * kUs);
}

TEST(DcqcnLoop, TheEquationsAndTheirApproximationAgree) {
  for (const int flows : {2, 4})
    EXPECT_NEAR(queue_of_the_equations(flows), steady_queue(flows), 0.2 * steady_queue(flows));
}

TEST(DcqcnLoop, EqualSharesAndTheSteadyQueueOfThePaper) {
  for (const int flows : {2, 4}) {
    const auto seen = loop(std::vector<Ps>(flows, 0));
    EXPECT_GT(seen.utilisation, 0.98);
    for (const double share : seen.gbps) EXPECT_NEAR(share, 40.0 / flows, 0.1 * 40 / flows);
    EXPECT_NEAR(seen.mean_queue, steady_queue(flows), 0.15 * steady_queue(flows)) << flows << " flows";
  }
}

TEST(DcqcnLoop, ALateFlowGetsItsShare) {
  const auto seen = loop({0, 20'000 * kUs});
  for (const double share : seen.gbps) EXPECT_NEAR(share, 20, 2);
}

}  // namespace
}  // namespace weft::packet
