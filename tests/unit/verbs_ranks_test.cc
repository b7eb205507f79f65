// Hosts that run their ranks without a coordinator, over TCP on loopback: exact results, and faults by name.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <thread>

#include "verbs/collective/host_ranks.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::uint16_t next_port() {
  static std::uint16_t port = static_cast<std::uint16_t>(20000 + ::getpid() % 1000 * 12);
  return port = static_cast<std::uint16_t>(port + 50);
}

HostRanksRequest request_of(CollectiveKind kind, std::uint32_t hosts, std::uint32_t ranks_here) {
  HostRanksRequest request;
  request.spec.kind = kind;
  request.spec.ranks = hosts * ranks_here;
  request.spec.ranks_per_host = ranks_here;
  request.spec.iterations = request.spec.warm_up = 2;
  request.spec.sizes = {0, 4, 1000, 65540};
  request.ranks_here = ranks_here;
  request.tcp = true;
  request.patience = 10s;
  const std::uint16_t port = next_port();
  for (std::uint32_t host = 0; host < hosts; ++host)
    request.hosts.emplace_back("127.0.0.1", static_cast<std::uint16_t>(port + host * (ranks_here + 1)));
  return request;
}

// All hosts, a thread each; host i's request may be changed.
std::vector<HostRanksResult> run(const HostRanksRequest& request, const std::function<void(HostRanksRequest&)>& change,
                                 std::vector<std::atomic<bool>>& stops) {
  std::vector<HostRanksResult> results(request.hosts.size());
  std::vector<std::jthread> threads;
  for (std::uint32_t host = 0; host < results.size(); ++host)
    threads.emplace_back([&, host] {
      HostRanksRequest mine = request;
      mine.host = host;
      if (change) change(mine);
      results[host] = run_host_ranks(
          mine, [](const Operation&) {}, stops[host]);
    });
  threads.clear();
  return results;
}

void expect_exact(const HostRanksRequest& request) {
  std::vector<std::atomic<bool>> stops(request.hosts.size());
  const auto results = run(request, {}, stops);
  for (const HostRanksResult& result : results) EXPECT_FALSE(result.error) << result.error->text();
  EXPECT_EQ(results[0].wrong, std::vector<std::uint64_t>(request.spec.sizes.size(), 0));
  EXPECT_EQ(results[0].operations.size(), request.spec.sizes.size());
  for (const Operation& o : results[0].operations)
    EXPECT_DOUBLE_EQ(o.busbw, o.algbw * bus_bandwidth_factor(request.spec.kind, request.spec.ranks));
}

TEST(VerbsRanks, EveryCollectiveIsExactOnHostsWithSeveralRanks) {
  for (const CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
        CollectiveKind::kAllToAll, CollectiveKind::kBroadcast})
    for (const auto& [hosts, ranks] : {std::pair(1U, 3U), {2U, 1U}, {3U, 1U}, {2U, 2U}, {3U, 3U}}) {
      SCOPED_TRACE(fmt::format("{} on {} hosts with {} ranks", name_of(kind), hosts, ranks));
      expect_exact(request_of(kind, hosts, ranks));
    }
}

TEST(VerbsRanks, ScaleUpMayGoOverTheNetworkOrAtAPace) {
  HostRanksRequest request = request_of(CollectiveKind::kAllReduce, 2, 2);
  request.copies = false;
  request.spec.ranks_per_host = 1;
  expect_exact(request);
  request = request_of(CollectiveKind::kAllReduce, 1, 2);
  request.scale_up_gbits = 0.1;  // 2 ranks send S in all, by ring: 0.05 s for 655,360 B
  request.spec.sizes = {655360};
  std::vector<std::atomic<bool>> stops(1);
  const auto results = run(request, {}, stops);
  ASSERT_EQ(results[0].operations.size(), 1u);
  EXPECT_GE(results[0].operations[0].time.seconds(), 0.05);
}

TEST(VerbsRanks, HostThatDoesNotComeIsNamedInTime) {
  HostRanksRequest request = request_of(CollectiveKind::kAllReduce, 2, 1);
  request.patience = 300ms;
  const std::atomic<bool> stop = false;
  const auto result = run_host_ranks(
      request, [](const Operation&) {}, stop);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kEnvironment);
  EXPECT_THAT(result.error->text(), HasSubstr(fmt::format("host 1 (127.0.0.1 port {})", request.hosts[1].second)));
}

TEST(VerbsRanks, HostThatGivesUpIsNamedAndResultsAreKept) {
  HostRanksRequest request = request_of(CollectiveKind::kAllReduce, 3, 1);
  request.spec.sizes = {1024, 1U << 20U};
  request.spec.iterations = 1'000'000;
  std::vector<std::atomic<bool>> stops(3);
  request.spec.sizes = {4, 1U << 22U};
  request.spec.iterations = 1000;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(1500ms);
    stops[1] = true;
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto results = run(request, {}, stops);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  ASSERT_TRUE(results[0].error && results[1].error && results[2].error);
  EXPECT_EQ(results[1].error->code, ErrorCode::kInterrupted);
  EXPECT_THAT(results[0].error->text(), HasSubstr("host 1"));
  EXPECT_THAT(results[2].error->text(), HasSubstr("host 1"));
  EXPECT_EQ(results[0].operations.size(), 1u);
}

TEST(VerbsRanks, OtherPlanIsRefusedOnBothSides) {
  const HostRanksRequest request = request_of(CollectiveKind::kAllReduce, 2, 1);
  std::vector<std::atomic<bool>> stops(2);
  const auto results = run(
      request,
      [](HostRanksRequest& mine) {
        if (mine.host == 1) mine.spec.iterations = 3;
      },
      stops);
  ASSERT_TRUE(results[0].error && results[1].error);
  EXPECT_THAT(results[0].error->text(), HasSubstr("has another plan"));
  EXPECT_THAT(results[1].error->text(), HasSubstr("has another plan"));
}

TEST(VerbsRanks, StrangersDoNotDisturb) {
  const HostRanksRequest request = request_of(CollectiveKind::kBroadcast, 2, 1);
  std::vector<std::atomic<bool>> stops(2);
  std::jthread stranger([&] {
    const std::atomic<bool> stop = false;
    for (int i = 0; i < 100; ++i) {
      auto control = Control::connected("127.0.0.1", request.hosts[0].second, {}, Milliseconds(1000), &stop);
      if (control) {
        static_cast<void>(control->send({ControlKind::kPlan, {{"host", 77}}}));
        return;
      }
      std::this_thread::sleep_for(1ms);
    }
  });
  const auto results = run(
      request,
      [](const HostRanksRequest& mine) {
        if (mine.host == 1) std::this_thread::sleep_for(300ms);
      },
      stops);
  EXPECT_FALSE(results[0].error) << results[0].error->text();
  EXPECT_EQ(results[0].wrong, std::vector<std::uint64_t>(4, 0));
}

TEST(VerbsRanks, PeersAreReadAndNonsenseIsRefused) {
  const auto peers = parse_peers("a,b:19000,[::1]:7,fe80::1");
  ASSERT_TRUE(peers) << peers.error().text();
  EXPECT_EQ(*peers, (std::vector<std::pair<std::string, std::uint16_t>>{
                        {"a", 18800}, {"b", 19000}, {"::1", 7}, {"fe80::1", 18800}}));
  for (const char* wrong : {"", "a,", ",a", "a:0", "a:x", "a:70000", ":7"}) EXPECT_FALSE(parse_peers(wrong)) << wrong;
}

}  // namespace
}  // namespace weft::verbs
