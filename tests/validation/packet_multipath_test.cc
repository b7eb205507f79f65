// Which way packets take: ECMP as the fluid engine routes, spray, adaptive routing, flowlets.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/packet_lab.h"
#include "topologies/routing.h"

namespace weft::testing {
namespace {

TEST(Multipath, EcmpPathIsTheFluidRoute) {
  FabricSpec s = tree(54, 6, 3);
  s.transport.qps_per_connection = 2;
  PacketLab lab(s);
  auto router = Router::create(lab.topology(), 1);
  ASSERT_TRUE(router);
  for (std::uint32_t a = 0; a < 54; a += 5) {
    for (std::uint32_t b = 0; b < 54; ++b) {
      if (a == b) continue;
      for (std::uint32_t qp = 0; qp < 2; ++qp) {
        const Connection connection{GpuId{a}, GpuId{b}, 0};
        Route route;
        ASSERT_TRUE((*router)->route(connection, Via::kAuto, qp, route));
        QpRequest request;
        request.endpoints = lab.forwarding().endpoints(connection, Via::kAuto, qp).value();
        const std::uint32_t index = lab.connect(request);
        const auto path = lab.net().path(lab.net().qp(index));
        ASSERT_TRUE(std::equal(path.begin(), path.end(), route.resources.begin(), route.resources.end()));
      }
    }
  }
}

// One sender at line rate, four spines: every uplink carries a quarter.
TEST(Multipath, SpraySpreadsEvenly) {
  FabricSpec s = tree(32, 8, 2);
  s.routing.kind = RoutingKind::kSpray;
  PacketLab lab(s);
  const std::uint32_t qp = lab.flow(0, 31, 40'960'000);
  ASSERT_TRUE(lab.run());
  const double ideal = 40.96e6 / goodput(s, 100e9) * 1e12 + 4.0 * kUs;
  EXPECT_NEAR(static_cast<double>(lab.finish(qp)) / ideal, 1, 0.005);
  for (int spine = 0; spine < 4; ++spine) {
    const double frames = lab.net().port(lab.link("leaf0>spine" + std::to_string(spine))).tx_frames;
    EXPECT_NEAR(frames, 2500, 4 * std::sqrt(2500 * 0.75));
  }
  EXPECT_EQ(lab.counters().retransmissions, 0U);
}

// One of four uplinks at a tenth of its rate. Spray is held up by it; adaptive routing by packet goes round it.
TEST(Multipath, AdaptiveByPacketAvoidsASlowLink) {
  double finish[2];
  for (const bool adaptive : {false, true}) {
    FabricSpec s = tree(32, 8, 2);
    s.routing.kind = adaptive ? RoutingKind::kAdaptive : RoutingKind::kSpray;
    s.routing.adaptive_unit = AdaptiveUnit::kPacket;
    s.transport.window = Bytes{400'000};
    PacketLab lab(s);
    lab.net().set_cable(lab.link("leaf0>spine0").value / 2, 0.1);
    std::vector<std::uint32_t> qps;
    for (std::uint32_t i = 0; i < 3; ++i) qps.push_back(lab.flow(i, 16 + 4 * i, 4'096'000, i + 1));
    ASSERT_TRUE(lab.run());
    finish[adaptive] = static_cast<double>(lab.last_finish());
  }
  FabricSpec s = tree(32, 8, 2);
  const double ideal = 4.096e6 / goodput(s, 100e9) * 1e12 + 4.0 * kUs;  // three senders, 310 Gb/s up
  std::printf("slow uplink: spray %.1f us, adaptive %.1f us, ideal %.1f us\n", finish[0] * 1e-6, finish[1] * 1e-6,
              ideal * 1e-6);
  EXPECT_GT(finish[0], 1.8 * ideal);
  EXPECT_LT(finish[1], 1.15 * ideal);
}

// LetFlow: no gap, no move; each gap longer than flowlet_gap draws a next hop at every switch that has a choice.
TEST(Multipath, FlowletsMoveAtGapsOnly) {
  FabricSpec s = tree(32, 8, 2);
  s.routing.kind = RoutingKind::kFlowlet;
  s.routing.flowlet_gap = Duration::us(50);
  for (const Ps pause : {30 * kUs, 80 * kUs}) {
    PacketLab lab(s);
    const std::uint32_t qp = lab.connect(0, 31);
    constexpr int kBursts = 40;
    for (int i = 0; i < kBursts; ++i) {
      lab.at(1 + i * (pause + 4 * kUs), [&] { lab.post(qp, 40'960); });  // 3.3 us each
    }
    lab.run_to(5 * kMs);
    EXPECT_EQ(lab.messages(qp), static_cast<std::size_t>(kBursts));
    EXPECT_EQ(lab.counters().retransmissions, 0U);
    int used = 0;
    for (int spine = 0; spine < 4; ++spine)
      used += lab.net().port(lab.link("leaf0>spine" + std::to_string(spine))).tx_frames > 0 ? 1 : 0;
    EXPECT_EQ(used, pause > 50 * kUs ? 4 : 1);
    EXPECT_EQ(lab.counters().flowlets, pause > 50 * kUs ? kBursts : 1U);
  }
}

// Adaptive by flow places each flow where the fewest are, and forgets those that are gone.
TEST(Multipath, AdaptiveByFlowCountsLiveFlows) {
  FabricSpec s = tree(32, 8, 2);
  s.routing.kind = RoutingKind::kAdaptive;
  PacketLab lab(s);
  for (int round = 0; round < 3; ++round) {
    std::multiset<std::uint32_t> uplinks;
    std::vector<std::uint32_t> qps;
    for (std::uint32_t i = 0; i < 4; ++i) {
      qps.push_back(lab.connect(i, 16 + 4 * i, 77 + i));
      uplinks.insert(lab.net().path(lab.net().qp(qps.back()))[1]);
    }
    for (const std::uint32_t link : uplinks) EXPECT_EQ(uplinks.count(link), 1U) << round;
    lab.net().destroy_qp(qps[0]);
    const std::uint32_t again = lab.connect(0, 16, 99);
    for (std::uint32_t i = 1; i < 4; ++i) {
      EXPECT_NE(lab.net().path(lab.net().qp(again))[1], lab.net().path(lab.net().qp(qps[i]))[1]);
      lab.net().destroy_qp(qps[i]);
    }
    lab.net().destroy_qp(again);
  }
  EXPECT_EQ(lab.net().live_qps(), 0U);
}

}  // namespace
}  // namespace weft::testing
