// Random machines, placements and requests: every schedule delivers, and its edges do not depend on how they are cut.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/support/shapes.h"
#include "tests/support/symbolic.h"

namespace weft {
namespace {

struct Case {
  Shape shape;
  Placement placement;
  CollectiveRequest request;
};

Case random_case() {
  const auto below = [](std::uint32_t bound) { return *rc::gen::inRange<std::uint32_t>(0, bound); };
  Case c;
  const std::uint32_t host = 1 + below(8), hosts = 1 + below(8);
  c.shape = Shape{host * hosts, host, below(2) == 0 ? host : 1 + below(12), 1 + below(9), host, true};
  const std::uint32_t ranks = 1 + below(c.shape.gpus);
  const Mapping mapping{static_cast<MappingKind>(below(3)), 1 + below(c.shape.gpus), below(1000), {}, {}};
  c.placement = make_placement(mapping, ranks, c.shape.gpus).value();
  c.request.kind = static_cast<CollectiveKind>(below(10));
  const std::vector<AlgorithmInfo> choices = algorithms(c.request.kind);
  c.request.algorithm = std::string(choices[below(static_cast<std::uint32_t>(choices.size()))].name);
  c.request.group_size = 1 + below(ranks);
  c.request.ranks = ranks / c.request.group_size * c.request.group_size;
  c.request.grouping = static_cast<Grouping>(below(2));
  c.request.size = Bytes{static_cast<std::int64_t>(below(100'000))};
  c.request.seed = below(1000);
  c.request.channels = below(10);
  c.request.root = below(c.request.group_size);
  c.request.shift = 1 + below(100);
  c.request.fan_in = below(c.request.group_size);
  return c;
}

TEST(CollectivesProperty, EveryAcceptedScheduleDeliversAndItsEdgesMatchItsMoves) {
  EXPECT_TRUE(rc::check("delivers", [] {
    const Case c = random_case();
    const auto schedule = make_schedule(c.shape, c.placement, c.request);
    if (!schedule) {
      RC_ASSERT(!schedule.error().way_out.empty());
      return;
    }
    if (c.request.kind <= CollectiveKind::kSendRecv)
      RC_ASSERT(testing::prove(*schedule, c.request.grouping, c.request.root) == "");
    RC_ASSERT(testing::compare_edges_and_moves(*schedule) == "");
    RC_ASSERT(testing::busiest_rank(*schedule) <= schedule->bytes_sent_per_rank.count);
  }));
}

std::vector<Edge> cut(const Phase& phase, std::uint64_t first, std::uint64_t last) {
  std::vector<Edge> edges;
  const auto sink = [&](const Edge& edge) { edges.push_back(edge); };
  if (phase.varying)
    phase.edges_at(phase.repeat / 2, first, last, sink);
  else
    phase.edges(first, last, sink);
  return edges;
}

bool same(const Edge& a, const Edge& b) {
  return a.source == b.source && a.destination == b.destination && a.lane == b.lane && a.channel == b.channel &&
         a.bytes == b.bytes;
}

TEST(CollectivesProperty, EdgesAreTheSameHoweverTheRangeIsCut) {
  EXPECT_TRUE(rc::check("cut", [] {
    const Case c = random_case();
    const auto schedule = make_schedule(c.shape, c.placement, c.request);
    if (!schedule) return;
    for (const Phase& phase : schedule->phases) {
      const auto middle = *rc::gen::inRange<std::uint64_t>(0, phase.edge_count + 1);
      std::vector<Edge> parts = cut(phase, 0, middle);
      const std::vector<Edge> rest = cut(phase, middle, phase.edge_count), whole = cut(phase, 0, phase.edge_count);
      parts.insert(parts.end(), rest.begin(), rest.end());
      RC_ASSERT(whole.size() == phase.edge_count);
      RC_ASSERT(std::equal(parts.begin(), parts.end(), whole.begin(), whole.end(), same));
      for (const Edge& edge : whole) {
        RC_ASSERT(edge.source.value < schedule->ranks && edge.destination.value < schedule->ranks);
        RC_ASSERT(edge.source != edge.destination);
        RC_ASSERT(phase.coupling == Coupling::kIndependent || edge.lane < phase.lane_count);
      }
    }
  }));
}

}  // namespace
}  // namespace weft
