// An agent without a network: what it refuses, and that it waits for nothing forever.
#include <gmock/gmock.h>

#include <thread>

#include "verbs/hosts/host_agent.h"

namespace weft::verbs {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Agent {
  std::atomic<bool> stop{false};
  HostAgent agent{pretended_plane(10), {.lease = 200ms, .ready = 300ms, .alive = 20ms}, stop};
  PairPlan plan;
  std::vector<FlowEvent> events;

  Agent() { plan.duration_ms = 50; }
  Expected<void> run(
      const std::vector<FlowTask>& flows, const std::function<bool()>& gone = [] { return false; }) {
    return agent.run(
        "s", plan, nullptr, flows,
        [this](const FlowEvent& event) {
          events.push_back(event);
          return true;
        },
        gone);
  }
  std::size_t count(FlowEvent::Kind kind) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const auto& e) { return e.kind == kind; }));
  }
};

TEST(VerbsAgent, OneSessionAtATimeUntilItsLeaseIsOver) {
  Agent a;
  EXPECT_TRUE(a.agent.claim("one"));
  EXPECT_TRUE(a.agent.claim("one"));
  EXPECT_THAT(a.agent.claim("two").error().text(), HasSubstr("works for another coordinator: 'one'"));
  std::this_thread::sleep_for(250ms);
  EXPECT_TRUE(a.agent.claim("two"));
  EXPECT_THAT(a.agent.check("one").error().text(), HasSubstr("does not know this session: 'one'"));
  a.agent.leave("two");
  EXPECT_TRUE(a.agent.claim("three"));
  EXPECT_FALSE(a.agent.claim(""));
  EXPECT_FALSE(a.agent.claim(std::string(129, 'x')));
}

TEST(VerbsAgent, FlowThatWasNotPreparedIsRefused) {
  Agent a;
  EXPECT_FALSE(a.run({}));
  ASSERT_TRUE(a.agent.claim("s"));
  EXPECT_THAT(a.run({{5, "", 0}}).error().text(), HasSubstr("a flow was not prepared: '5'"));
  EXPECT_FALSE(a.agent.start("s", 0));
  EXPECT_FALSE(a.agent.prepare("s", std::vector<std::uint32_t>(kMostAgentFlows + 1)));
  EXPECT_FALSE(a.agent.prepare("t", {1}));
}

TEST(VerbsAgent, FlowToItselfIsMeasured) {
  Agent a;
  ASSERT_TRUE(a.agent.claim("s"));
  const auto ports = a.agent.prepare("s", {1});
  ASSERT_TRUE(ports);
  std::thread starter([&] {
    std::this_thread::sleep_for(100ms);
    EXPECT_TRUE(a.agent.start("s", clock_now() + 1'000'000));
  });
  EXPECT_TRUE(a.run({{1, "", 0}, {2, "127.0.0.1", ports->at(0)}}));
  starter.join();
  EXPECT_EQ(a.count(FlowEvent::Kind::kReady), 1u);
  EXPECT_EQ(a.count(FlowEvent::Kind::kPoint), 1u);
  EXPECT_EQ(a.count(FlowEvent::Kind::kEnded), 2u);
  EXPECT_GE(a.count(FlowEvent::Kind::kAlive), 1u);
  for (const FlowEvent& event : a.events) EXPECT_FALSE(event.error) << event.error->text();
}

TEST(VerbsAgent, StartThatNeverComesEndsTheRun) {
  Agent a;
  ASSERT_TRUE(a.agent.claim("s"));
  const auto ports = a.agent.prepare("s", {1});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(a.run({{1, "", 0}, {2, "127.0.0.1", ports->at(0)}}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(a.count(FlowEvent::Kind::kEnded), 2u);
}

TEST(VerbsAgent, NobodyToTellEndsTheRunAndTheSession) {
  Agent a;
  a.plan.duration_ms = 60000;
  ASSERT_TRUE(a.agent.claim("s"));
  const auto ports = a.agent.prepare("s", {1});
  const auto begin = std::chrono::steady_clock::now();
  const auto gone = [&] { return std::chrono::steady_clock::now() - begin > 200ms; };
  EXPECT_TRUE(a.run({{1, "", 0}, {2, "127.0.0.1", ports->at(0)}}, gone));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_TRUE(a.agent.claim("next"));
}

TEST(VerbsAgent, CallerWhosePeerIsGoneEndsByItself) {
  Agent a;
  ASSERT_TRUE(a.agent.claim("s"));
  EXPECT_TRUE(a.run({{2, "127.0.0.1", 1}}));
  ASSERT_EQ(a.count(FlowEvent::Kind::kEnded), 1u);
  EXPECT_TRUE(a.events.back().error);
}

}  // namespace
}  // namespace weft::verbs
