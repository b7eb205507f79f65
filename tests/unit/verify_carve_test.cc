// Carve-outs whose numbers are known by hand, through both engines.
#include <gtest/gtest.h>

#include <algorithm>

#include "emulator/packet/carve_run.h"
#include "tests/support/components.h"

namespace weft {
namespace {

using testing::ask;
using testing::carve;
using Kind = CollectiveKind;

constexpr std::int64_t kMessage = 4'000'000;

// Single-NIC hosts, 100G links, nothing that limits but links.
FabricSpec fabric(std::uint32_t hosts, std::uint32_t radix, std::uint32_t tiers) {
  FabricSpec s = testing::fat_tree(hosts, radix, tiers);
  s.hosts.nic_rate = Rate::gbps(100);
  s.transport.congestion_control = CongestionControl::kNone;
  return s;
}

double payload_rate(const FabricSpec& s) {
  return 100e9 * s.transport.mtu / (s.transport.mtu + s.transport.header_bytes);
}

double last(const std::vector<double>& finish, std::size_t count) {
  return *std::max_element(finish.begin(), finish.begin() + static_cast<std::ptrdiff_t>(count));
}

packet::CarveRun played(const Topology& topology, const CarveOut& carve, double scale = 1) {
  packet::CarveRunOptions options;
  options.scale = scale;
  options.reserved = packet::reserved_headroom(topology);
  auto run = packet::run_carve(topology, carve, options, [] { return true; });
  if (!run) ADD_FAILURE() << run.error().text();
  return run ? std::move(*run) : packet::CarveRun{};
}

// N:1 incast ends after N S / goodput in both engines: the carve-out is the incast itself.
TEST(VerifyCarve, IncastIsTheSameInBothEngines) {
  const FabricSpec spec = fabric(9, 18, 1 + 1);
  const auto c = carve(spec, ask(Kind::kIncast, "", {Bytes{kMessage}}), {.contended = 1, .random = 0});
  ASSERT_EQ(c.components.played.size(), 1U);
  const CarveOut& out = c.components.played[0].base;
  EXPECT_EQ(out.foreground(), 8U);
  EXPECT_EQ(out.flows.size(), 8U);
  EXPECT_TRUE(out.taken.empty());
  const double by_hand = 8 * 8.0 * kMessage / payload_rate(spec);
  const auto fluid = solve_fluid(out, 1);
  ASSERT_TRUE(fluid.has_value());
  EXPECT_NEAR(last(*fluid, 8) / by_hand, 1, 1e-9);
  EXPECT_NEAR(last({out.flows[0].finish}, 1) / by_hand, 1, 1e-9);
  const packet::CarveRun run = played(*c.routed.topology, out);
  ASSERT_TRUE(run.ended);
  EXPECT_EQ(run.drops, 0U);
  EXPECT_NEAR((last(run.finish, 8) - out.flows[0].delay.seconds()) / by_hand, 1, 0.005);
}

TEST(VerifyCarve, BytesScaleInBothEngines) {
  const FabricSpec spec = fabric(9, 18, 2);
  const auto c = carve(spec, ask(Kind::kIncast, "", {Bytes{kMessage}}), {.contended = 1, .random = 0});
  const CarveOut& out = c.components.played.at(0).base;
  const auto fluid = solve_fluid(out, 0.25);
  ASSERT_TRUE(fluid.has_value());
  EXPECT_NEAR(last(*fluid, 8), 0.25 * out.flows[0].finish, 1e-12);
  const packet::CarveRun run = played(*c.routed.topology, out, 0.25);
  EXPECT_NEAR((last(run.finish, 8) - out.flows[0].delay.seconds()) / last(*fluid, 8), 1, 0.02);
  EXPECT_NEAR(packet::packet_hops(out, *c.routed.topology, 0.25) / static_cast<double>(run.hops), 1, 0.01);
}

// A link with k flows, and what crosses their other links: each engine gives it k S / goodput.
TEST(VerifyCarve, CollisionsOfAPermutationWithoutCongestionControl) {
  const FabricSpec spec = fabric(128, 8, 3);
  const auto c = carve(spec, ask(Kind::kPermutation, "", {Bytes{kMessage}}), {.contended = 3, .random = 2});
  ASSERT_GE(c.components.played.size(), 3U);
  for (const Component& component : c.components.played) {
    if (component.random) continue;
    const CarveOut& out = component.base;
    const double by_hand = component.paths * 8.0 * kMessage / payload_rate(spec);
    EXPECT_NEAR(component.drain / by_hand, 1, 1e-9);
    const auto fluid = solve_fluid(out, 1);
    ASSERT_TRUE(fluid.has_value());
    const packet::CarveRun run = played(*c.routed.topology, out);
    EXPECT_NEAR(last(run.finish, out.foreground()) / last(*fluid, out.foreground()), 1, 0.05) << out.bottleneck;
  }
}

FabricSpec sprayed() {
  FabricSpec spec = fabric(64, 16, 2);
  spec.routing.kind = RoutingKind::kSpray;
  return spec;
}

// Sprayed paths go through all links between their ports, and the switches choose. A window larger than the queues that
// chance builds keeps the links busy: what is left is that of the 8 links of a pool one gets the most of 8 x 16,384
// packets, 1.4 deviations of 0.7 % above the mean, and that for each pool on the way.
TEST(VerifyCarve, SprayedFlowsKeepTheirPools) {
  FabricSpec spec = sprayed();
  spec.transport.window = Bytes{kMessage};
  const auto c = carve(spec, ask(Kind::kPermutation, "", {Bytes{16 * kMessage}}), {.contended = 1, .random = 0});
  const CarveOut& out = c.components.played.at(0).base;
  EXPECT_TRUE(out.flows[0].path.empty());
  EXPECT_GE(out.pool_links.size(), 2U + 16U);  // two host links, eight up and eight down
  const auto fluid = solve_fluid(out, 1);
  ASSERT_TRUE(fluid.has_value());
  const packet::CarveRun run = played(*c.routed.topology, out);
  const double ratio = last(run.finish, out.foreground()) / last(*fluid, out.foreground());
  EXPECT_GE(ratio, 0.99);
  EXPECT_LE(ratio, 1.05);
}

// With the window that is usual, of 1.5 round trips without queues, a QP stands still while its packets queue. That
// costs a fabric whose links are all full a third of its time, for messages of any length, and the carve-out as much.
TEST(VerifyCarve, SprayedFlowsWaitForTheirWindowAsInTheWhole) {
  const FabricSpec spec = sprayed();
  const PredictRequest request = ask(Kind::kPermutation, "", {Bytes{kMessage}});
  const auto c = carve(spec, request, {.contended = 1, .random = 0});
  const CarveOut& out = *c.components.played.at(0).grown;
  const packet::CarveRun run = played(*c.routed.topology, out);
  const double whole = testing::seconds(testing::run(spec, request, BackendKind::kPacket));
  EXPECT_NEAR(last(run.finish, out.foreground()) / whole, 1, 0.1);
}

TEST(VerifyCarve, TooManyFlowsAreSampled) {
  const FabricSpec spec = fabric(33, 66, 2);
  const ComponentOptions few{.contended = 1, .random = 0, .most_foreground = 8};
  const auto c = carve(spec, ask(Kind::kIncast, "", {Bytes{kMessage}}), few);
  const Component& component = c.components.played.at(0);
  const CarveOut& out = component.base;
  EXPECT_LT(out.foreground(), 20U);
  EXPECT_NEAR(out.thinning * static_cast<double>(out.foreground()), 32, 1e-9);
  ASSERT_TRUE(component.grown.has_value());
  EXPECT_GT(component.grown->foreground(), out.foreground());
  const auto fluid = solve_fluid(out, 1);
  ASSERT_TRUE(fluid.has_value());
  EXPECT_NEAR(last(*fluid, out.foreground()) / (32 * 8.0 * kMessage / payload_rate(spec)), 1, 1e-9);
}

// Beyond the limit of flows, others merge, and then are taken off their links: the fluid rates stay.
TEST(VerifyCarve, BackgroundThatIsMergedOrTakenLeavesTheSameRates) {
  const FabricSpec spec = fabric(128, 8, 3);
  for (const std::uint32_t most : {2'000U, 12U, 6U}) {
    const auto c =
        carve(spec, ask(Kind::kPermutation, "", {Bytes{kMessage}}), {.contended = 2, .random = 0, .most_flows = most});
    for (const Component& component : c.components.played) {
      const CarveOut& out = component.base;
      const std::vector<double> rates = fluid_rates(out);
      EXPECT_LE(out.flows.size(), std::max<std::size_t>(most, out.foreground()));
      for (std::size_t i = 0; i < out.flows.size(); ++i)
        EXPECT_TRUE(testing::close_to(rates[i], out.flows[i].rate, 1e-3)) << out.bottleneck << " " << most << " " << i;
    }
  }
}

}  // namespace
}  // namespace weft
