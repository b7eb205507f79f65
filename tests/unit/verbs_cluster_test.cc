// Coordinator and agents over loopback, with pretended traffic: who is heard, who is named, and that it all ends.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <set>
#include <thread>

#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/coordinator.h"

namespace weft::verbs {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Clock = std::chrono::steady_clock;

constexpr char kToken[] = "a-secret-of-this-test";

std::unique_ptr<AgentServer> agent(double gbits, const std::function<void(AgentServerOptions&)>& change = {}) {
  static const std::atomic<bool> never{false};
  AgentServerOptions options;
  options.port = 0;
  options.security.token = kToken;
  options.weft = "test";
  if (change) change(options);
  auto server = AgentServer::start(options, pretended_plane(gbits), never);
  EXPECT_TRUE(server) << server.error().text();
  return server ? std::move(*server) : nullptr;
}

struct Cluster {
  explicit Cluster(const std::vector<double>& gbits) {
    for (const double rate : gbits) add(agent(rate));
    request.plan.duration_ms = 50;
    request.plan.sizes = {4096};
    request.security.token = kToken;
    request.weft = "test";
    request.hello = 3s;
    request.connect = 3s;
    request.silence = 2s;
  }
  void add(std::unique_ptr<AgentServer> server) {
    request.hosts.push_back({"host" + std::to_string(agents.size()), "127.0.0.1", server->port()});
    agents.push_back(std::move(server));
  }
  ClusterResult run() {
    return run_cluster(
        request, [](const TrafficPoint&) {}, [](const ClusterProgress&) {}, stop);
  }
  std::vector<std::unique_ptr<AgentServer>> agents;
  ClusterRequest request;
  std::atomic<bool> stop{false};
};

std::set<std::pair<std::string, std::string>> pairs(const ClusterResult& result) {
  std::set<std::pair<std::string, std::string>> set;
  for (const TrafficPoint& point : result.points) set.insert({point.from, point.to});
  return set;
}

TEST(VerbsCluster, MatrixMeasuresEveryPair) {
  Cluster cluster({10, 10, 10, 10});
  cluster.request.plan.sizes = {64, 4096};
  const ClusterResult result = cluster.run();
  EXPECT_FALSE(result.error) << result.error->text();
  EXPECT_EQ(result.points.size(), 24u);
  EXPECT_EQ(pairs(result).size(), 12u);
  EXPECT_THAT(result.slow, IsEmpty());
  EXPECT_EQ(result.counters.at("flows"), 12);
  EXPECT_EQ(result.counters.at("flows_failed"), 0);
}

TEST(VerbsCluster, EveryShapeRuns) {
  for (const auto& [shape, flows] :
       {std::pair(Shape::kShift, 6u), std::pair(Shape::kOneToMany, 2u), std::pair(Shape::kManyToOne, 2u),
        std::pair(Shape::kBisection, 2u), std::pair(Shape::kRing, 3u), std::pair(Shape::kAllAtOnce, 6u)}) {
    Cluster cluster({10, 10, 10});
    cluster.request.shape = shape;
    const ClusterResult result = cluster.run();
    EXPECT_FALSE(result.error) << to_text(shape) << result.error->text();
    EXPECT_EQ(result.points.size(), flows) << to_text(shape);
  }
}

TEST(VerbsCluster, SlowSenderIsNamed) {
  Cluster cluster({10, 10, 4, 10});
  const ClusterResult result = cluster.run();
  ASSERT_EQ(result.slow.size(), 1u);
  EXPECT_THAT(result.slow[0].sentence(), HasSubstr("host2 is slow as a sender: 3 of its 3 pairs, 4.00 Gb/s"));
}

TEST(VerbsCluster, FlowsOfARoundStartTogether) {
  Cluster cluster({10, 10, 10, 10});
  cluster.request.shape = Shape::kAllAtOnce;
  const ClusterResult result = cluster.run();
  EXPECT_FALSE(result.error);
  EXPECT_GT(result.counters.at("start_spread_us"), 0);
  EXPECT_LT(result.counters.at("start_spread_us"), 50e3);  // a busy machine; idle: tens of microseconds
  EXPECT_LT(result.counters.at("clock_error_us"), 50e3);
}

TEST(VerbsCluster, WrongOrMissingTokenIsRefused) {
  Cluster cluster({10, 10});
  cluster.request.security.token = "another-secret";
  const ClusterResult wrong = cluster.run();
  ASSERT_TRUE(wrong.error);
  EXPECT_EQ(wrong.error->code, ErrorCode::kInput);
  EXPECT_THAT(wrong.error->text(), HasSubstr("the agent has another token than the coordinator"));
  cluster.request.security.token.clear();
  EXPECT_THAT(cluster.run().error->text(), AllOf(HasSubstr("the agent wants a token"), HasSubstr("WEFT_TOKEN")));
}

TEST(VerbsCluster, AgentOfAnotherVersionIsNamed) {
  Cluster cluster({10});
  cluster.add(agent(10, [](AgentServerOptions& options) {
    options.version = kChannelVersion + 1;
    options.weft = "9.9";
  }));
  const ClusterResult result = cluster.run();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kEnvironment);
  EXPECT_THAT(result.error->text(), AllOf(HasSubstr("agent host1: this agent is weft 9.9 and speaks version 2"),
                                          HasSubstr("install the same weft on all hosts")));
}

TEST(VerbsCluster, HostWithoutAgentIsNamedInTime) {
  Cluster cluster({10});
  cluster.request.hosts.push_back({"lost", "127.0.0.1", 1});
  cluster.request.hello = 500ms;
  const auto begin = Clock::now();
  const ClusterResult result = cluster.run();
  EXPECT_LT(Clock::now() - begin, 5s);
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->text(),
              AllOf(HasSubstr("agent lost did not answer hello in time"), HasSubstr("weft verbs agent")));
}

TEST(VerbsCluster, AgentThatDiesIsNamedAndTheRestFinish) {
  Cluster cluster({10, 10, 10, 10});
  cluster.request.plan.duration_ms = 300;
  std::thread killer([&] {
    std::this_thread::sleep_for(500ms);
    cluster.agents[2].reset();
  });
  const ClusterResult result = cluster.run();
  killer.join();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kEnvironment);
  EXPECT_THAT(result.error->text(), HasSubstr("1 of 4 hosts died: 'host2'"));
  std::set<std::pair<std::string, std::string>> others;
  for (const auto& pair : pairs(result))
    if (pair.first != "host2" && pair.second != "host2") others.insert(pair);
  EXPECT_EQ(others.size(), 6u);  // all pairs of the three that live
}

TEST(VerbsCluster, AgentThatStallsIsNamedAndTheRestFinish) {
  Cluster cluster({10, 10});
  cluster.add(agent(10, [](AgentServerOptions& options) { options.limits.alive = 10s; }));  // says nothing for 10 s
  cluster.request.shape = Shape::kRing;
  cluster.request.plan.duration_ms = 1500;
  cluster.request.silence = 700ms;
  const auto begin = Clock::now();
  const ClusterResult result = cluster.run();
  EXPECT_LT(Clock::now() - begin, 15s);
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.failures, Contains(HasSubstr("agent host2 was silent for 0.7 s")));
  EXPECT_TRUE(pairs(result).contains({"host0", "host1"}));
}

TEST(VerbsCluster, InterruptionKeepsWhatWasMeasured) {
  Cluster cluster({10, 10, 10, 10});
  cluster.request.plan.duration_ms = 400;
  std::thread stopper([&] {
    std::this_thread::sleep_for(700ms);
    cluster.stop = true;
  });
  const auto begin = Clock::now();
  const ClusterResult result = cluster.run();
  stopper.join();
  EXPECT_LT(Clock::now() - begin, 6s);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kInterrupted);
  EXPECT_GE(result.points.size(), 2u);
  EXPECT_LT(result.points.size(), 12u);
}

TEST(VerbsCluster, AgentsServeTheNextCoordinator) {
  Cluster cluster({10, 10});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(cluster.run().error) << i;
}

TEST(VerbsCluster, CoordinatorThatVanishedIsForgotten) {
  Cluster cluster({});
  for (int i = 0; i < 2; ++i) cluster.add(agent(10, [](AgentServerOptions& options) { options.limits.lease = 300ms; }));
  {
    const auto link = AgentLink::to(cluster.request.hosts[0], cluster.request.security, "dead", "test");
    ASSERT_TRUE(link->hello(3s));
  }
  const ClusterResult busy = cluster.run();  // unless the machine slept through the lease
  EXPECT_THAT(busy.error ? busy.error->text() : "the agent works for another coordinator: 'dead'",
              HasSubstr("the agent works for another coordinator: 'dead'"));
  std::this_thread::sleep_for(400ms);
  const ClusterResult result = cluster.run();
  EXPECT_FALSE(result.error) << result.error->text();
}

TEST(VerbsCluster, TrafficEndsWhenItsCoordinatorVanishes) {
  Cluster cluster({10, 10});
  const auto link = AgentLink::to(cluster.request.hosts[0], cluster.request.security, "first", "test");
  ASSERT_TRUE(link->hello(3s));
  ASSERT_TRUE(link->prepare({7}, 3s));
  std::thread runner([&] {
    static_cast<void>(link->run(cluster.request.plan, {}, {{7, "", 0}}, 10s, [](const FlowEvent&) {}));
  });
  std::this_thread::sleep_for(300ms);
  link->cancel();
  runner.join();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(cluster.run().error);
}

TEST(VerbsCluster, AgentBeyondLoopbackNeedsAToken) {
  const std::atomic<bool> never{false};
  AgentServerOptions options;
  options.bind = "0.0.0.0";
  options.port = 0;
  const auto server = AgentServer::start(options, pretended_plane(1), never);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().text(), HasSubstr("an agent that other hosts reach needs a token: '0.0.0.0'"));
}

TEST(VerbsCluster, TakenPortIsNamed) {
  const auto first = agent(1);
  const std::atomic<bool> never{false};
  AgentServerOptions options;
  options.port = first->port();
  const auto second = AgentServer::start(options, pretended_plane(1), never);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text(), HasSubstr("the agent cannot listen"));
}

// Throws bytes at the port, and does not wait for what comes back.
void throw_at(std::uint16_t port, const std::string& bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  static_cast<void>(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  ::close(fd);
}

TEST(VerbsCluster, RandomBytesOnTheControlPortHarmNothing) {
  Cluster cluster({10, 10});
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = seed % 3 == 0 ? preface : "";
    const std::size_t length = std::uniform_int_distribution<std::size_t>(0, 4096)(random);
    for (std::size_t i = 0; i < length; ++i) bytes += static_cast<char>(random());
    if (seed % 5 == 0) bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    throw_at(cluster.request.hosts[seed % 2].port, bytes);
  }
  EXPECT_FALSE(cluster.run().error);
}

TEST(VerbsCluster, PeerThatIsNoAgentIsNamedInTime) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(fd, 8), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  std::jthread noise([fd](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const int peer = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      static_cast<void>(::send(peer, "SSH-2.0-nothing\r\n", 17, MSG_NOSIGNAL));
      ::close(peer);
    }
  });
  Cluster cluster({10});
  cluster.request.hosts.push_back({"ssh", "127.0.0.1", ntohs(at.sin_port)});
  cluster.request.hello = 1s;
  const auto begin = Clock::now();
  const ClusterResult result = cluster.run();
  ::shutdown(fd, SHUT_RDWR);
  noise.request_stop();
  noise.join();
  ::close(fd);
  EXPECT_LT(Clock::now() - begin, 8s);
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->text(), HasSubstr("agent ssh"));
}

TEST(VerbsCluster, CollectivesAreExactOverRanks) {
  for (const CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
        CollectiveKind::kAllToAll, CollectiveKind::kBroadcast})
    for (const std::uint32_t ranks : {2U, 3U, 5U}) {
      Cluster cluster(std::vector<double>(ranks, 10));
      CollectiveSpec spec;
      spec.kind = kind;
      spec.ranks = ranks;
      spec.sizes = {0, 4, 1000, 1U << 20U};
      spec.iterations = spec.warm_up = 2;
      cluster.request.collective = spec;
      const ClusterResult result = cluster.run();
      ASSERT_FALSE(result.error) << result.error->text();
      ASSERT_EQ(result.operations.size(), 4u);
      EXPECT_EQ(result.wrong, std::vector<std::uint64_t>(4, 0)) << name_of(kind) << ranks;
      EXPECT_DOUBLE_EQ(result.operations[3].busbw, result.operations[3].algbw * bus_bandwidth_factor(kind, ranks));
    }
}

TEST(VerbsCluster, RankThatDiesInACollectiveIsNamed) {
  Cluster cluster({10, 10, 10});
  CollectiveSpec spec;
  spec.ranks = 3;
  spec.sizes = {1U << 20U};
  spec.iterations = 1'000'000;
  cluster.request.collective = spec;
  std::thread killer([&] {
    std::this_thread::sleep_for(600ms);
    cluster.agents[1].reset();
  });
  const auto begin = Clock::now();
  const ClusterResult result = cluster.run();
  killer.join();
  EXPECT_LT(Clock::now() - begin, 30s);
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->text(), HasSubstr("1 of 3 hosts died: 'host1'"));
}

TEST(VerbsHostList, NamesAddressesAndPorts) {
  const auto hosts = parse_hosts("a, b:1234\nrail1=b:1235  [::1]:9, fe80::1");
  ASSERT_TRUE(hosts) << hosts.error().text();
  ASSERT_EQ(hosts->size(), 5u);
  EXPECT_EQ(hosts->at(0).port, kDefaultAgentPort);
  EXPECT_EQ(hosts->at(1).name, "b:1234");
  EXPECT_EQ(hosts->at(2).name, "rail1");
  EXPECT_EQ(hosts->at(2).address, "b");
  EXPECT_EQ(hosts->at(3).address, "::1");
  EXPECT_EQ(hosts->at(3).port, 9);
  EXPECT_EQ(hosts->at(4).address, "fe80::1");
  EXPECT_EQ(hosts->at(4).port, kDefaultAgentPort);
}

TEST(VerbsHostList, WhatIsNoHostIsNamed) {
  for (const char* text : {"a,a", "a:0", "a:65536", "a:x", "a:", "=a", "[::1", "[::1]9", "x=", "a/b"}) {
    const auto hosts = parse_hosts(text);
    EXPECT_FALSE(hosts) << text;
  }
  EXPECT_THAT(parse_hosts("a,b,a").error().text(), HasSubstr("a host is there twice: 'a'"));
}

}  // namespace
}  // namespace weft::verbs
