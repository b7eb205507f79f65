// DCQCN in the network: SIGCOMM'15, and its fixed point as Y. Zhu et al., "ECN or Delay: Lessons Learnt from Analysis
// of DCQCN and TIMELY", CoNEXT'16 derives it.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/packet_lab.h"

namespace weft::testing {
namespace {

// The published 2:1 set-up: 40G links of 1 us, Kmin 40 KB, Kmax 1000 KB, Pmax 1, AI 40, HAI 200 Mb/s. The rest is the
// paper's: F 5, byte counter 10 MB, timer and alpha timer 55 us, CNPs 50 us apart, g 1/256.
FabricSpec published(std::uint32_t senders) {
  FabricSpec s = star(senders + 1);
  s.hosts.nic_rate = Rate::gbps(40);
  s.switches.ecn = {Bytes{100'000}, Bytes{2'500'000}, 1.0};  // per 100G of port rate: 40 and 1000 KB at 40G
  s.transport.mtu = 1024;
  s.transport.congestion_control = CongestionControl::kDcqcn;
  DcqcnSpec& d = s.transport.dcqcn;
  d.rpg_ai_rate = Rate{40'000'000};
  d.rpg_hai_rate = Rate{200'000'000};
  d.rpg_threshold = 5;
  d.rpg_byte_reset = Bytes{10'000'000};
  d.rpg_time_reset = d.dce_tcp_rtt = Duration::us(55);
  d.min_time_between_cnps = d.rate_reduce_monitor_period = Duration::us(50);
  d.g = 1.0 / 256;
  d.clamp_tgt_rate = true;
  return s;
}

Steady steady(const FabricSpec& s, std::uint32_t n, Ps from, Ps to) {
  PacketLab lab(s);
  return incast_steady(lab, n, from, to);
}

TEST(Dcqcn, TwoFlowsHaveEqualShares) {
  const Steady got = steady(published(2), 2, 20 * kMs, 60 * kMs);
  std::printf("DCQCN 2:1: %.3f and %.3f Gb/s of 20, queue %.0f B, marked %.5f\n", got.shares[0] * 1e-9,
              got.shares[1] * 1e-9, got.queue, got.marked);
  EXPECT_NEAR(got.shares[0] / 20e9, 1, 0.05);
  EXPECT_NEAR(got.shares[1] / 20e9, 1, 0.05);
  EXPECT_NEAR((got.shares[0] + got.shares[1]) / 40e9, 1, 0.01);
}

// p* of the fixed point (CoNEXT'16, equation 14, its approximation for small p):
//   p* = cbrt(R_AI N^2 / (tau' C^2) (1 / B + N / (T C))^2)
// with rates in packets/s, B the byte counter in packets, T the timer, tau' the alpha timer. The queue is then
// q* = Kmin + p* (Kmax - Kmin) / Pmax. DCQCN oscillates around it: the mean over 40 ms is held against it.
TEST(Dcqcn, QueueStaysNearItsFixedPoint) {
  for (const std::uint32_t n : {2U, 4U, 8U}) {
    const FabricSpec s = published(n);
    const Steady got = steady(s, n, 20 * kMs, 60 * kMs);
    const double packet_bits = 8.0 * (1024 + 82);
    const double c = 40e9 / packet_bits, ai = 40e6 / packet_bits, b = 10e6 / (1024 + 82), t = 55e-6;
    const double p = std::cbrt(ai * n * n / (55e-6 * c * c) * std::pow(1 / b + n / (t * c), 2));
    const double q = 40'000 + p * 960'000;
    std::printf("DCQCN %u:1: p* %.5f, marked %.5f; q* %.0f B, mean queue %.0f B (%+.1f %%)\n", n, p, got.marked, q,
                got.queue, 100 * (got.queue / q - 1));
    EXPECT_NEAR(got.queue / q, 1, 0.25);
  }
}

// CNPs of one receiver NIC under packets that are all marked: one in min_time_between_cnps, for each QP or for the
// port.
TEST(Dcqcn, CnpsAreLimited) {
  for (const CnpLimit limit : {CnpLimit::kQp, CnpLimit::kPort}) {
    FabricSpec s = star(5);
    s.switches.ecn = {Bytes{1}, Bytes{2}, 1.0};
    s.transport.congestion_control = CongestionControl::kDcqcn;
    s.transport.dcqcn.rpg_min_rate = Rate::gbps(26);  // the port never runs dry
    s.transport.dcqcn.rpg_ai_rate = Rate::gbps(10);
    s.transport.dcqcn.min_time_between_cnps = Duration::us(10);
    s.transport.dcqcn.cnp_limit = limit;
    PacketLab lab(s);
    for (std::uint32_t i = 0; i < 4; ++i) lab.flow(i, 4, 100'000'000, i + 1);
    lab.run_to(1 * kMs);
    const auto before = lab.counters().cnps;
    lab.run_to(5 * kMs);
    const double got = static_cast<double>(lab.counters().cnps - before);
    const double most = limit == CnpLimit::kQp ? 4 * 400 : 400;
    EXPECT_LE(got, most + 4);
    EXPECT_GE(got, 0.85 * most);
  }
}

// One CNP, then silence: fast recovery halves the distance to the target rate at each timer, additive increase moves
// the target by R_AI, at the NIC's times. The cut comes with the CNP, alpha 1: half of line rate.
TEST(Dcqcn, RecoveryPhasesAtTheTimersTimes) {
  FabricSpec s = star(2);
  s.transport.congestion_control = CongestionControl::kDcqcn;
  s.transport.dcqcn.rpg_threshold = 3;
  s.transport.dcqcn.rpg_byte_reset = Bytes{1'000'000'000};
  s.transport.dcqcn.rpg_ai_rate = Rate::gbps(1);
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 1, 400'000'000);
  const Ps cut = 100 * kUs;
  std::vector<double> rates;
  packet::CongestionParams params;
  params.transport = s.transport;
  params.line_ps_per_byte = 80;
  params.packet_payload = 4096;
  params.packet_wire = 4178;
  lab.at(cut, [&] { lab.net().qp(qp).control.on_cnp(params, lab.now()); });
  for (int i = 0; i < 6; ++i) {
    lab.at(cut + i * 300 * kUs + 10 * kUs, [&] { rates.push_back(8e3 / lab.net().qp(qp).control.ps_per_byte()); });
  }
  lab.run_to(2 * kMs);
  const double expected[] = {50, 75, 87.5, 93.75, 96.875, 98.4375};  // Gb/s; the target is line rate all along
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(rates.at(i), expected[i], 0.01) << i;
}

}  // namespace
}  // namespace weft::testing
