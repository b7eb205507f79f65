// A routed step: its links against routes asked for one by one, its hops, and its errors.
#include "emulator/fluid/flows.h"

#include "emulator/fluid/loads.h"
#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;
using testing::close_to;
using testing::routed;

TEST(Flows, LoadsEqualRoutesAskedForOneByOne) {
  for (FabricSpec spec : {testing::fat_tree(64, 8, 3), testing::fat_tree(8, 16, 2, 4),
                          testing::rails(16, 8, 3, RailJoin::kCore), testing::planes(PlaneSplit::kPort)})
    for (const RoutingKind kind : {RoutingKind::kEcmp, RoutingKind::kSpray, RoutingKind::kStatic}) {
      spec.routing.kind = kind;
      spec.transport.qps_per_connection = 3;
      const auto r = routed(spec, ask(CollectiveKind::kAllToAll, "all_at_once"));
      std::vector<double> wanted(r.topology->link_count(), 0.0);
      const Phase& phase = r.schedule.phases.at(0);
      phase.edges(0, phase.edge_count, [&](const Edge& e) {
        const Connection c{GpuId{e.source.value}, GpuId{e.destination.value}, e.channel};
        const std::uint32_t qps = r.router->qps(c, phase.via);
        for (std::uint32_t qp = 0; qp < qps; ++qp) {
          Route route;
          ASSERT_TRUE(r.router->route(c, phase.via, qp, route));
          for (const auto& [link, load] : testing::link_loads(*r.router, route))
            wanted[link] += load * 8.0 * static_cast<double>(e.bytes.count) / qps;
        }
      });
      const std::vector<double> bits = link_bits(r.flows(), *r.router, r.topology->link_count());
      for (std::uint32_t l = 0; l < bits.size(); ++l)
        ASSERT_TRUE(close_to(bits[l], wanted[l])) << spec.name << " " << r.topology->name(LinkId{l});
    }
}

TEST(Flows, ARingIsOneVariableALaneWithTheWorkOfAllItsSteps) {
  const auto r = routed(testing::fat_tree(8, 8, 2), ask(CollectiveKind::kAllReduce, "ring", {Bytes{8000}}));
  const FlowSet flows = r.flows();
  ASSERT_EQ(flows.work.size(), 1U);
  EXPECT_DOUBLE_EQ(flows.work[0], 14 * 8 * 1000.0);  // 2 (n - 1) steps of S / n
  EXPECT_EQ(flows.paths, 8U);
  EXPECT_EQ(flows.hops.scale_out_edges, 8U);
  EXPECT_EQ(flows.hops.scale_up_edges, 0U);
}

TEST(Flows, NoPathNamesBothEndsAndTheWayOut) {
  FabricSpec spec = testing::fat_tree(8, 8, 2);
  spec.failures = {testing::dead("leaf1")};
  const auto topology = testing::topology_of(spec);
  const auto m = predict(*topology, ask(CollectiveKind::kAllReduce, "ring"), {});
  ASSERT_FALSE(m);
  EXPECT_NE(m.error().text().find("no path between two GPUs"), std::string::npos) << m.error().text();
  EXPECT_NE(m.error().text().find("rank 3 on gpu3 -> rank 4 on gpu4"), std::string::npos) << m.error().text();
  EXPECT_NE(m.error().text().find("repair a failure"), std::string::npos);
}

TEST(Flows, CancelledRunSaysSo) {
  const auto topology = testing::topology_of(testing::fat_tree(8, 8, 2));
  const std::atomic<bool> cancelled{true};
  RunOptions options;
  options.cancelled = &cancelled;
  const auto m = predict(*topology, ask(CollectiveKind::kAllReduce, "ring"), options);
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().code, ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace weft
