// Rounds of hosts in one process, with calls in place of gRPC: its locks are not seen by ThreadSanitizer, those of the
// coordinator and the agents are.
#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <thread>

#include "verbs/hosts/round_run.h"

namespace weft::verbs {
namespace {

using namespace std::chrono_literals;

class DirectLink final : public AgentLink {
 public:
  explicit DirectLink(HostAgent& agent) : agent_(agent) {}
  Expected<AgentInfo> hello(Limit /*limit*/) override {
    if (auto claimed = agent_.claim("s"); !claimed) return tl::unexpected(claimed.error());
    return AgentInfo{};
  }
  Expected<ClockOffset> clock(int /*questions*/, Limit /*limit*/) override { return ClockOffset{0, 0, clock_now()}; }
  Expected<std::vector<std::uint16_t>> prepare(const std::vector<std::uint32_t>& flows, Limit /*limit*/) override {
    return agent_.prepare("s", flows);
  }
  Expected<void> run(const PairPlan& plan, const std::optional<CollectiveSpec>& collective,
                     const std::vector<FlowTask>& flows, Limit /*silence*/,
                     const std::function<void(FlowEvent)>& hear) override {
    const auto tell = [&](const FlowEvent& event) {
      hear(event);
      return true;
    };
    return agent_.run("s", plan, collective ? &*collective : nullptr, flows, tell, [&] { return cancelled_.load(); });
  }
  Expected<void> start(std::int64_t at, Limit /*limit*/) override { return agent_.start("s", at); }
  void cancel() override { cancelled_ = true; }
  void leave(Limit /*limit*/) override { agent_.leave("s"); }

 private:
  HostAgent& agent_;
  std::atomic<bool> cancelled_{false};
};

struct Hosts {
  explicit Hosts(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      HostAgent& agent = agents.emplace_back(pretended_plane(10), AgentLimits{.alive = 20ms}, never);
      Party& party = parties.emplace_back();
      party.host = {"host" + std::to_string(i), "127.0.0.1", 0};
      party.link = std::make_unique<DirectLink>(agent);
      EXPECT_TRUE(party.link->hello(1s));
    }
    request.plan.duration_ms = 50;
    request.plan.sizes = {64, 4096};
  }
  std::atomic<bool> never{false}, stop{false};
  std::deque<HostAgent> agents;
  std::vector<Party> parties;
  ClusterRequest request;
};

TEST(VerbsRound, EveryFlowOfEveryRoundIsHeardToItsEnd) {
  Hosts hosts(4);
  const auto rounds = make_rounds(Shape::kShift, 4, false);
  ASSERT_TRUE(rounds);
  std::size_t points = 0;  // under the round's lock
  for (const auto& flows : *rounds) {
    RoundRun round(hosts.request, hosts.parties, flows, hosts.stop);
    round.run([&](const TrafficPoint&) { ++points; }, [](std::size_t) {});
    for (const RoundRun::Flow& flow : round.flows()) {
      EXPECT_FALSE(flow.error) << flow.error->text();
      EXPECT_TRUE(flow.ended && flow.started);
      EXPECT_EQ(flow.points.size(), 2U);
    }
  }
  EXPECT_EQ(points, 2U * 12);
}

TEST(VerbsRound, CollectiveIsHeardFromEveryRank) {
  Hosts hosts(3);
  CollectiveSpec spec;
  spec.ranks = 3;
  spec.sizes = {4, 65536};
  spec.iterations = spec.warm_up = 2;
  hosts.request.collective = spec;
  const auto rounds = make_rounds(Shape::kAllAtOnce, 3, true);
  ASSERT_TRUE(rounds);
  RoundRun round(hosts.request, hosts.parties, rounds->at(0), hosts.stop);
  round.run([](const TrafficPoint&) {}, [](std::size_t) {});
  ASSERT_EQ(round.rank_points().size(), 3U);
  for (const auto& [host, points] : round.rank_points()) EXPECT_EQ(points.size(), 2U);
}

TEST(VerbsRound, StopEndsAllFlowsAndKeepsWhatTheyTold) {
  Hosts hosts(3);
  hosts.request.plan.duration_ms = 60'000;
  hosts.request.plan.sizes = {64};
  const auto rounds = make_rounds(Shape::kAllAtOnce, 3, false);
  ASSERT_TRUE(rounds);
  RoundRun round(hosts.request, hosts.parties, rounds->at(0), hosts.stop);
  std::jthread stopper([&] {
    std::this_thread::sleep_for(500ms);
    hosts.stop = true;
  });
  const auto begin = std::chrono::steady_clock::now();
  round.run([](const TrafficPoint&) {}, [](std::size_t) {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  for (const RoundRun::Flow& flow : round.flows()) EXPECT_TRUE(flow.ended);
}

}  // namespace
}  // namespace weft::verbs
