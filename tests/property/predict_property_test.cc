// What must hold of every prediction, over random small fabrics, collectives, routings and failures.
#include <rapidcheck.h>

#include <algorithm>

#include "emulator/fluid/completion.h"
#include "emulator/fluid/loads.h"
#include "fabric/measurement_json.h"
#include "tests/support/prediction.h"
#include "tests/support/routing_fabrics.h"

namespace weft {
namespace {

using testing::ask;
using Kind = CollectiveKind;

struct Case {
  FabricSpec spec;
  PredictRequest request;
};

FabricSpec random_fabric() {
  static const std::vector<FabricSpec> fabrics{testing::fat_tree(32, 8, 2),
                                               testing::fat_tree(64, 8, 3),
                                               testing::fat_tree(8, 16, 2, 4),
                                               testing::rails(16, 16, 2, RailJoin::kSpine),
                                               testing::rails(16, 8, 3, RailJoin::kCore),
                                               testing::planes(PlaneSplit::kPort),
                                               testing::trunked(),
                                               testing::small_dual_tor(3)};
  FabricSpec s = *rc::gen::elementOf(fabrics);
  s.routing.kind = *rc::gen::element(RoutingKind::kEcmp, RoutingKind::kSpray, RoutingKind::kStatic,
                                     RoutingKind::kAdaptive, RoutingKind::kFlowlet);
  s.routing.seed = *rc::gen::inRange<std::uint64_t>(1, 100);
  s.transport.qps_per_connection = *rc::gen::element(1U, 2U, 4U);
  return s;
}

FailureSpec random_failure() {
  FailureSpec f = testing::random_links(LinkTier::kLeafSpine, 0, *rc::gen::inRange<std::uint64_t>(1, 1000),
                                        *rc::gen::element(0.0, 0.25));
  f.fraction.reset();
  f.count = *rc::gen::inRange(1U, 3U);
  return f;
}

Case random_case(bool failures = true) {
  Case c;
  c.spec = random_fabric();
  if (failures && *rc::gen::arbitrary<bool>()) c.spec.failures = {random_failure()};
  const auto& [kind, algorithm] = *rc::gen::element(
      std::pair{Kind::kAllReduce, "ring"}, std::pair{Kind::kAllReduce, "tree"},
      std::pair{Kind::kAllReduce, "halving_doubling"}, std::pair{Kind::kAllToAll, "all_at_once"},
      std::pair{Kind::kAllToAll, "pairwise"}, std::pair{Kind::kAllGather, "ring"}, std::pair{Kind::kBroadcast, "tree"},
      std::pair{Kind::kSendRecv, "neighbours"}, std::pair{Kind::kPermutation, "random"},
      std::pair{Kind::kIncast, "strided"}, std::pair{Kind::kBisection, "random"});
  c.request = ask(kind, algorithm, {Bytes{*rc::gen::inRange<std::int64_t>(1, 1LL << 32)}});
  c.request.collective.ranks = *rc::gen::inRange(2U, std::min(33U, c.spec.gpu_count() + 1));
  c.request.mapping.kind = *rc::gen::element(MappingKind::kPacked, MappingKind::kRandom);
  return c;
}

// Failures may cut a pair off: not a case.
std::optional<Measurement> try_run(const Case& c, unsigned threads = 1) {
  const auto topology = build_topology(c.spec);
  if (!topology) return std::nullopt;
  RunOptions options;
  options.threads = threads;
  auto m = predict(**topology, c.request, options);
  if (m) return std::move(*m);
  RC_ASSERT(m.error().text().find("no path") != std::string::npos);
  return std::nullopt;
}

TEST(PredictProperty, NoLinkCarriesMoreThanItsRateAndBitsOfEdgesAreOnHostLinks) {
  EXPECT_TRUE(rc::check([] {
    const Case c = random_case(false);
    const auto r = testing::routed(c.spec, c.request);
    const std::vector<double> capacity = r.capacity();
    for (std::size_t p = 0; p < r.schedule.phases.size(); ++p) {
      const Phase& phase = r.schedule.phases[p];
      const FlowSet flows = r.flows(p);
      const std::vector<double> bits = link_bits(flows, *r.router, r.topology->link_count());
      const auto done = complete(flows.problem(capacity), flows.work, {});
      RC_ASSERT(done);
      double sent = 0, on_hosts = 0;
      const auto count = [&](const Edge& e) {
        const auto gpu = [&](Rank rank) { return r.schedule.gpu_of ? r.schedule.gpu_of(rank) : GpuId{rank.value}; };
        if (!r.topology->same_domain(gpu(e.source), gpu(e.destination)))
          sent += 8.0 * static_cast<double>(e.bytes.count);
      };
      if (phase.varying)
        phase.edges_at(0, 0, phase.edge_count, count);
      else
        phase.edges(0, phase.edge_count, count);
      if (phase.coupling == Coupling::kLockstep) sent *= static_cast<double>(phase.repeat);
      for (std::uint32_t l = 0; l < r.topology->link_count(); ++l) {
        const LinkId link{l};
        const double rate = static_cast<double>(r.topology->rate(link).bits_per_second);
        RC_ASSERT(bits[l] <= rate * done->makespan * (1 + 1e-9) + 1e-3);
        if (r.topology->tier(link) == LinkTier::kHost && l % 2 == 0) on_hosts += bits[l];
      }
      RC_ASSERT(std::abs(on_hosts - sent) <= 1e-6 * sent + 1e-3);
    }
  }));
}

TEST(PredictProperty, EveryFlowOfAStepHasABottleneck) {
  EXPECT_TRUE(rc::check([] {
    const Case c = random_case(false);
    const auto r = testing::routed(c.spec, c.request);
    const FlowSet flows = r.flows();
    const std::vector<double> capacity = r.capacity();
    const MaxMinProblem problem = flows.problem(capacity);
    const std::vector<double> rates = MaxMinSolver().solve(problem);
    std::vector<double> load(capacity.size(), 0.0), fastest(capacity.size(), 0.0);
    const auto each = [&](auto visit) {
      for (std::size_t v = 0; v < rates.size(); ++v)
        for (std::uint32_t e = problem.offsets[v]; e < problem.offsets[v + 1]; ++e) visit(v, e, problem.resources[e]);
    };
    each([&](std::size_t v, std::uint32_t e, std::uint32_t resource) {
      load[resource] += rates[v] * problem.weight(e);
      fastest[resource] = std::max(fastest[resource], rates[v]);
    });
    std::vector<bool> bound(rates.size(), false);
    each([&](std::size_t v, std::uint32_t, std::uint32_t resource) {
      if (load[resource] >= capacity[resource] * (1 - 1e-9) && rates[v] >= fastest[resource] * (1 - 1e-9))
        bound[v] = true;
    });
    for (std::size_t v = 0; v < rates.size(); ++v) RC_ASSERT(bound[v] || problem.offsets[v] == problem.offsets[v + 1]);
  }));
}

TEST(PredictProperty, ThreadsDoNotChangeAByte) {
  EXPECT_TRUE(rc::check([] {
    const Case c = random_case();
    const auto one = try_run(c, 1), two = try_run(c, 2);
    RC_ASSERT(one.has_value() == two.has_value());
    if (one) RC_ASSERT(to_json(*one) == to_json(*two));
  }));
}

TEST(PredictProperty, SharesOfTheTimeSumToOneAndNoneIsNegative) {
  EXPECT_TRUE(rc::check([] {
    Case c = random_case();
    if (*rc::gen::arbitrary<bool>()) c.request.constants = constants_for(c.spec).value();
    const auto m = try_run(c);
    if (!m) return;
    const Why& why = m->operations.front().why;
    double sum = 0;
    for (const double share : {why.ideal_share, why.hash_collisions, why.oversubscription, why.scale_up, why.latency,
                               why.protocol, why.failures}) {
      RC_ASSERT(share >= 0);
      sum += share;
    }
    RC_ASSERT(std::abs(sum - 1) < 1e-9);
  }));
}

TEST(PredictProperty, MoreBytesNeverTakeLess) {
  EXPECT_TRUE(rc::check([] {
    Case c = random_case();
    c.request.constants = constants_for(c.spec).value();
    c.request.sizes = {Bytes{0}, Bytes{1}, Bytes{1 << 10}, Bytes{1 << 20}, Bytes{1LL << 30}, Bytes{1LL << 33}};
    const auto m = try_run(c);
    if (!m) return;
    for (std::size_t i = 1; i < m->operations.size(); ++i)
      RC_ASSERT(m->operations[i].time >= m->operations[i - 1].time);
  }));
}

TEST(PredictProperty, AFailedLinkNeverHelpsUnderSpray) {
  EXPECT_TRUE(rc::check([] {
    Case c = random_case(false);
    c.spec.routing.kind = RoutingKind::kSpray;
    const auto whole = try_run(c);
    c.spec.failures = {random_failure()};
    const auto failed = try_run(c);
    if (whole && failed) RC_ASSERT(testing::seconds(*failed) >= testing::seconds(*whole) * (1 - 1e-9));
  }));
}

// Closed forms know full bisection and packed groups on whole hosts; there the two backends agree.
TEST(PredictProperty, AnalyticEqualsFluidOnFullBisectionUnderSpray) {
  EXPECT_TRUE(rc::check([] {
    Case c;
    const std::uint32_t gpus = *rc::gen::element(1U, 2U, 4U, 8U);
    c.spec = testing::sprayed(testing::fat_tree(*rc::gen::element(2U, 4U, 8U, 16U), 64, 2, gpus));
    const auto& [kind, algorithm] =
        *rc::gen::element(std::pair{Kind::kAllReduce, "ring"}, std::pair{Kind::kAllReduce, "recursive_doubling"},
                          std::pair{Kind::kAllReduce, "halving_doubling"}, std::pair{Kind::kAllReduce, "hierarchical"},
                          std::pair{Kind::kAllReduce, "nvls_ring"}, std::pair{Kind::kAllGather, "ring"},
                          std::pair{Kind::kAllGather, "hierarchical"}, std::pair{Kind::kReduceScatter, "ring"},
                          std::pair{Kind::kReduceScatter, "hierarchical"}, std::pair{Kind::kAllToAll, "all_at_once"},
                          std::pair{Kind::kAllToAll, "rail_aligned"}, std::pair{Kind::kAllToAll, "pairwise"},
                          std::pair{Kind::kBroadcast, "ring"});
    c.request = ask(kind, algorithm);
    const Measurement fluid = testing::run(c.spec, c.request);
    const Measurement analytic = testing::run(c.spec, c.request, BackendKind::kAnalytic);
    RC_LOG() << algorithm << " " << c.spec.hosts.count << " hosts of " << gpus << ": fluid " << testing::seconds(fluid)
             << " analytic " << testing::seconds(analytic) << "\n";
    RC_ASSERT(testing::close_to(testing::seconds(analytic), testing::seconds(fluid)));
  }));
}

}  // namespace
}  // namespace weft
