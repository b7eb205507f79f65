// What coordinator and agent are told by a peer that is broken or hostile: refused or cut, never believed.
#include <channel/agent.pb.h>  // generated
#include <gmock/gmock.h>

#include <limits>
#include <random>
#include <thread>

#include "verbs/hosts/agent_link.h"
#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/wire_events.h"

namespace weft::verbs {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Flips, cuts, doubles and inserts bytes.
std::string damaged(std::string text, std::mt19937& random) {
  const auto place = [&] { return text.empty() ? 0 : random() % text.size(); };
  for (unsigned i = random() % 4 + 1; i > 0; --i) switch (random() % 5) {
      case 0:
        if (!text.empty()) text[place()] = static_cast<char>(random());
        break;
      case 1:
        text.resize(place());
        break;
      case 2:
        text += text.substr(place(), 64);
        break;
      case 3:
        text.insert(place(), std::string(random() % 20, static_cast<char>(random())));
        break;
      default:
        if (!text.empty()) text.erase(place(), random() % 8 + 1);
    }
  return text;
}

TEST(VerbsUntrusted, DamagedEventsAreRefusedOrCut) {
  FlowEvent event;
  event.kind = FlowEvent::Kind::kPoint;
  event.flow = 7;
  event.point.emplace();
  event.point->operation = "write";
  event.point->latency.emplace();
  event.point->counters["lost"] = 1;
  event.error = Error{ErrorCode::kEnvironment, "message", "item", "way out", {}};
  event.notes = {"a note", std::string(10000, 'x')};
  event.started = clock_now();
  const std::string whole = to_wire(event).SerializeAsString();
  std::mt19937 random(1);
  int parsed = 0, taken = 0;
  const google::protobuf::LogSilencer quiet;  // it tells of each string that is no UTF-8
  for (int i = 0; i < 20000; ++i) {
    v1::RunEvent wire;
    if (!wire.ParseFromString(damaged(whole, random))) continue;
    ++parsed;
    const auto told = from_wire(wire);
    if (!told) continue;
    ++taken;
    EXPECT_LE(told->notes.size(), 256u);
    for (const std::string& note : told->notes) EXPECT_LE(note.size(), 4096u);
    EXPECT_LT(std::abs(told->started), std::int64_t{1} << 61U);
  }
  EXPECT_GT(parsed, 1000);
  EXPECT_GT(taken, 100);
}

TEST(VerbsUntrusted, StampThatNoClockHasIsRefused) {
  for (const std::int64_t stamp :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    v1::RunEvent wire;
    wire.set_kind(v1::RunEvent::ENDED);
    wire.set_started_ns(stamp);
    EXPECT_FALSE(from_wire(wire)) << stamp;
  }
}

TEST(VerbsUntrusted, DamagedPlansAreRefusedOrFit) {
  PairPlan plan;
  plan.duration_ms = 1000;
  const std::string whole = to_json(plan).dump();
  std::mt19937 random(2);
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto read = plan_from_text(damaged(whole, random));
    if (!read) continue;
    ++taken;
    EXPECT_TRUE(check(*read));
  }
  EXPECT_GT(taken, 50);
}

TEST(VerbsUntrusted, StartFarFromNowIsRefused) {
  const std::atomic<bool> stop{false};
  HostAgent agent(pretended_plane(10), {.lease = 1s, .ready = 1s, .alive = 20ms}, stop);
  PairPlan plan;
  plan.duration_ms = 20;
  ASSERT_TRUE(agent.claim("s"));
  const auto ports = agent.prepare("s", {1});
  ASSERT_TRUE(ports);
  std::thread starter([&] {
    std::this_thread::sleep_for(100ms);
    for (const std::int64_t at : {std::numeric_limits<std::int64_t>::min(), std::int64_t{0} - (std::int64_t{1} << 60U),
                                  std::numeric_limits<std::int64_t>::max()}) {
      const auto started = agent.start("s", at);
      ASSERT_FALSE(started) << at;
      EXPECT_THAT(started.error().text(), HasSubstr("not near"));
    }
    EXPECT_TRUE(agent.start("s", clock_now()));
  });
  std::size_t points = 0;
  const auto tell = [&](const FlowEvent& event) {
    points += event.kind == FlowEvent::Kind::kPoint ? 1 : 0;
    return true;
  };
  EXPECT_TRUE(agent.run("s", plan, nullptr, {{1, "", 0}, {2, "127.0.0.1", ports->at(0)}}, tell, [] { return false; }));
  starter.join();
  EXPECT_EQ(points, 1u);
}

TEST(VerbsUntrusted, MessageAboveTheBoundIsRefusedAndTheAgentServesOn) {
  const std::atomic<bool> stop{false};
  AgentServerOptions options;
  options.port = 0;
  auto server = AgentServer::start(options, pretended_plane(10), stop);
  ASSERT_TRUE(server) << server.error().text();
  const auto link = AgentLink::to({"host", "127.0.0.1", (*server)->port()}, {}, "s", "test");
  ASSERT_TRUE(link->hello(5s));
  const std::vector<std::uint32_t> flows(2U << 20U, std::numeric_limits<std::uint32_t>::max());  // 5 B each
  EXPECT_FALSE(link->prepare(flows, 10s));
  const auto ports = link->prepare({1, 2}, 5s);
  ASSERT_TRUE(ports) << ports.error().text();
  EXPECT_EQ(ports->size(), 2u);
}

}  // namespace
}  // namespace weft::verbs
