// The packet backend around its simulations: workers, cancelling, failures at a time, errors, the same bytes again.
#include <signal.h>

#include <atomic>

#include "emulator/packet/workers.h"
#include "tests/support/packet_run.h"

namespace weft {
namespace {

using namespace weft::testing;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::int64_t kMiB = 1 << 20;

PacketRun sweep(unsigned threads) {
  PacketRun run = packet_run(plain_hosts(16, 8, 2), CollectiveKind::kAllToAll, "all_at_once", 0);
  run.spec.transport.congestion_control = CongestionControl::kDcqcn;
  run.request.sizes = {Bytes{100'000}, Bytes{2 * kMiB}, Bytes{0}, Bytes{kMiB}};
  run.threads = threads;
  return run;
}

TEST(PacketBackend, WorkersGiveTheBytesOfOneAfterTheOther) {
  const std::string alone = to_json(sweep(1).measure());
  EXPECT_EQ(to_json(sweep(2).measure()), alone);
  EXPECT_EQ(to_json(sweep(5).measure()), alone);
  const Measurement all = sweep(1).measure();
  ASSERT_EQ(all.operations.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    PacketRun single = sweep(1);
    single.request.sizes = {single.request.sizes[i]};
    const Measurement m = single.measure();
    ASSERT_EQ(m.operations.size(), 1U);
    EXPECT_EQ(m.operations[0].time, all.operations[i].time);
    EXPECT_EQ(m.operations[0].algbw, all.operations[i].algbw);
    EXPECT_EQ(m.operations[0].why.sentence, all.operations[i].why.sentence);
    if (i == 1) {  // the largest: what is told of one size only is its own
      EXPECT_EQ(m.counters, all.counters);
      EXPECT_EQ(m.jain_index, all.jain_index);
    }
  }
}

TEST(PacketBackend, SameSeedSameBytesAnotherSeedOthers) {
  PacketRun run = packet_run(plain_hosts(32, 8, 2), CollectiveKind::kPermutation, "random", 300'000);
  run.spec.transport.congestion_control = CongestionControl::kDcqcn;
  const std::string once = to_json(run.measure());
  EXPECT_EQ(to_json(run.measure()), once);
  run.seed = run.request.collective.seed = 2;
  EXPECT_NE(to_json(run.measure()), once);
}

TEST(PacketBackend, MeasurementTellsOfLinksAndCounters) {
  const Measurement m = packet_run(one_switch(5), CollectiveKind::kIncast, "strided", 64 * kMtu).measure();
  EXPECT_EQ(m.provenance.backend, "packet");
  EXPECT_EQ(m.collective, "incast");
  EXPECT_EQ(m.counters.at("data_packets"), 4 * 64);
  EXPECT_EQ(m.counters.at("data_packet_hops"), 4 * 64 * 2);
  EXPECT_EQ(m.counters.at("delivered_bytes"), 4 * 64 * kMtu);
  EXPECT_EQ(m.counters.at("messages"), 4);
  EXPECT_GT(m.counters.at("queue_max_bytes"), 32 * kMtu);
  EXPECT_EQ(m.counters.at("drops"), 0);
  EXPECT_NEAR(m.jain_index, 1, 0.01);
  ASSERT_FALSE(m.hot_links.empty());
  EXPECT_EQ(m.hot_links[0].name, "leaf0>host0.nic0.port0");
  EXPECT_EQ(m.hot_links[0].flows, 4);
  EXPECT_GT(m.hot_links[0].utilisation, 0.97);
  const Why& why = m.operations.at(0).why;
  EXPECT_NEAR(why.ideal_share + why.hash_collisions + why.oversubscription + why.scale_up + why.latency + why.protocol +
                  why.failures,
              1, 1e-12);
}

// Progress has bytes that only grow, and says where the simulation stands; a run that is given up says so too.
TEST(PacketBackend, CancelledRunSaysHowFarItCame) {
  std::atomic<bool> cancelled = false;
  double last = 0;
  PacketRun run = packet_run(plain_hosts(32, 8, 2), CollectiveKind::kAllToAll, "all_at_once", 1'000 * kMiB);
  run.cancelled = &cancelled;
  run.progress = [&](std::string_view what, double done, double total) {
    EXPECT_THAT(std::string(what), HasSubstr(" us"));
    EXPECT_GE(done, last);
    EXPECT_LT(done, total);
    last = done;
    cancelled = true;
  };
  const Measurement m = run.measure();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(m.operations.empty());
  EXPECT_THAT(m.notes, Contains(HasSubstr("size 1048576000: stopped at")));
}

TEST(PacketBackend, SizesDoneAreKeptWhenTheRestIsCancelled) {
  std::atomic<bool> cancelled = false;
  PacketRun run = packet_run(plain_hosts(32, 8, 2), CollectiveKind::kAllToAll, "all_at_once", 0);
  run.request.sizes = {Bytes{32}, Bytes{1'000 * kMiB}};
  run.threads = 2;
  run.cancelled = &cancelled;
  run.progress = [&](std::string_view what, double, double) { cancelled = what.find("104857") != what.npos; };
  const Measurement m = run.measure();
  ASSERT_EQ(m.operations.size(), 1U);
  EXPECT_EQ(m.operations[0].size, Bytes{32});
  EXPECT_THAT(m.notes, Contains(HasSubstr("size 1048576000: stopped at")));
}

// One of two spines' cables dies under the message; routing learns of it, and the timeout sends it again.
TEST(PacketBackend, LinkThatDiesIsRoutedAround) {
  PacketRun run = packet_run(plain_hosts(8, 4, 2), CollectiveKind::kShift, "shift", 4 * kMiB);
  run.request.collective.shift = 4;
  run.spec.transport.retransmit_timeout = Duration::us(500);
  run.spec.routing.convergence = Duration::us(100);
  const std::int64_t healthy = run.time_ps();
  for (const char* cable : {"leaf0>spine0", "leaf0>spine1"}) {
    run.spec.failures.resize(run.spec.failures.size() + 1);
    run.spec.failures.back().name = cable;
    run.spec.failures.back().at = Duration::us(20);
    if (run.spec.failures.size() == 2) run.spec.failures.back().until = Duration::us(60);
  }
  const Measurement m = run.measure();
  ASSERT_EQ(m.operations.size(), 1U);
  EXPECT_GT(m.operations[0].time.picoseconds, healthy + 400 * kUsPs);
  EXPECT_GT(m.counters.at("drops_dead_links"), 0);
  EXPECT_GT(m.counters.at("retransmitted_packets"), 0);
  EXPECT_GT(m.counters.at("timeouts"), 0);
  EXPECT_EQ(m.counters.at("delivered_bytes"), 8 * 4 * kMiB);
}

TEST(PacketBackend, FlapStrikesEveryPeriod) {
  PacketRun run = packet_run(one_switch(2), CollectiveKind::kShift, "shift", 8 * kMiB);
  run.spec.transport.retransmit_timeout = Duration::us(50);
  run.spec.failures.resize(1);
  run.spec.failures[0].name = "host0.nic0.port0>leaf0";
  run.spec.failures[0].at = Duration::us(100);
  run.spec.failures[0].until = Duration::us(110);
  run.spec.failures[0].period = Duration::us(200);
  EXPECT_GE(run.measure().counters.at("timeouts"), 4);
}

TEST(PacketBackend, QpThatGivesUpIsNamed) {
  PacketRun run = packet_run(one_switch(4), CollectiveKind::kShift, "shift", kMiB);
  run.spec.transport.retransmit_timeout = Duration::us(100);
  run.spec.failures.resize(1);
  run.spec.failures[0].name = "leaf0>host2.nic0.port0";
  run.spec.failures[0].at = Duration::us(10);
  const auto m = run.result();
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().code, ErrorCode::kInput);
  EXPECT_THAT(m.error().text(), HasSubstr("its retries used up"));
  EXPECT_THAT(m.error().text(), HasSubstr("rank 2 on gpu2"));
}

TEST(PacketBackend, PairWithoutAPathIsNamed) {
  PacketRun run = packet_run(one_switch(4), CollectiveKind::kShift, "shift", kMiB);
  run.spec.failures.resize(1);
  run.spec.failures[0].name = "leaf0>host2.nic0.port0";
  const auto m = run.result();
  ASSERT_FALSE(m);
  EXPECT_THAT(m.error().text(), HasSubstr("no path between two GPUs: 'rank 1 on gpu1 -> rank 2 on gpu2'"));
  run.request.sizes = {Bytes{1}, Bytes{2}};  // the same from a worker
  const auto from_worker = run.result();
  ASSERT_FALSE(from_worker);
  EXPECT_EQ(from_worker.error().text(), m.error().text());
}

// Five switches in a ring, everybody two of them on: each cable waits for the next.
TEST(PacketBackend, DeadlockEndsTheRunAndNamesItsPorts) {
  constexpr std::uint32_t n = 5;
  PacketRun run = packet_run(one_switch(2 * n), CollectiveKind::kShift, "shift", 64 * kMiB);
  run.request.collective.shift = 2;
  run.spec.transport.window = Bytes{100'000'000};
  run.spec.switches.xoff = Bytes{50'000};
  run.spec.topology = {};
  run.spec.topology.kind = TopologyKind::kExplicit;
  for (std::uint32_t i = 0; i < 2 * n; ++i) {
    const std::string leaf = "ring" + std::to_string(i % n);
    if (i < n) run.spec.topology.switches.push_back({leaf, NodeKind::kLeaf});
    run.spec.topology.links.push_back({"host" + std::to_string(i) + ".nic0", leaf, {}, {}, 1});
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    run.spec.topology.links.push_back({"ring" + std::to_string(i), "ring" + std::to_string((i + 1) % n), {}, {}, 1});
  }
  const auto m = run.result();
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().code, ErrorCode::kInput);
  EXPECT_THAT(m.error().text(), HasSubstr("PFC deadlock at"));
  EXPECT_THAT(m.error().text(), HasSubstr("ring2>ring3"));
  EXPECT_THAT(m.error().text(), HasSubstr("wait for one another in a cycle; see failures, routing"));
}

struct Told {
  std::string texts;
  std::vector<std::string> ends;
};

Told run_jobs(std::size_t count, unsigned at_once,
              const std::function<void(std::size_t, const packet::ParentLine&)>& work,
              const std::function<bool()>& stop = {}) {
  Told told;
  told.ends.resize(count);
  packet::WorkerJobs jobs;
  jobs.count = count;
  jobs.at_once = at_once;
  jobs.work = work;
  jobs.received = [&](std::size_t job, char kind, const std::string& text) {
    told.texts += kind + std::to_string(job) + ":" + std::to_string(text.size()) + " ";
  };
  jobs.ended = [&](std::size_t job, const std::string& how) { told.ends[job] = how.empty() ? "by itself" : how; };
  jobs.stop = stop;
  EXPECT_TRUE(packet::run_workers(jobs));
  return told;
}

TEST(PacketWorkers, SendWhatTheyHaveInOrder) {
  const Told told = run_jobs(3, 1, [](std::size_t job, const packet::ParentLine& parent) {
    parent.send('a', std::string(job * 1'000'000, 'x'));
    parent.send('b', "");
  });
  EXPECT_EQ(told.texts, "a0:0 b0:0 a1:1000000 b1:0 a2:2000000 b2:0 ");
  EXPECT_THAT(told.ends, ::testing::Each("by itself"));
}

TEST(PacketWorkers, OneThatDiesIsSaidSo) {
  const Told told = run_jobs(3, 2, [](std::size_t job, const packet::ParentLine& parent) {
    if (job == 1) raise(SIGKILL);
    if (job == 2) _exit(7);
    parent.send('a', "");
  });
  EXPECT_EQ(told.texts, "a0:0 ");
  EXPECT_EQ(told.ends, (std::vector<std::string>{"by itself", "by signal 9 (Killed)", "with exit code 7"}));
}

TEST(PacketWorkers, StopReachesThoseThatListenAndEndsTheOthers) {
  bool stopped = false;
  const Told told = run_jobs(
      3, 2,
      [](std::size_t job, const packet::ParentLine& parent) {
        while (job != 0 || !parent.told_to_stop()) usleep(1'000);
        parent.send('s', "");
      },
      [&] { return std::exchange(stopped, true); });
  EXPECT_EQ(told.texts, "s0:0 ");
  EXPECT_EQ(told.ends, (std::vector<std::string>{"by itself", "by signal 9 (Killed)", ""}));
}

}  // namespace
}  // namespace weft
