// The event queue against those of ns-3, on the hold model: take the next event, schedule one a random time after it.
#include <fmt/format.h>
#include <ns3/calendar-scheduler.h>
#include <ns3/heap-scheduler.h>
#include <ns3/map-scheduler.h>
#include <ns3/object-factory.h>
#include <ns3/priority-queue-scheduler.h>
#include <ns3/ptr.h>
#include <ns3/scheduler.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "bench/table.h"

namespace weft::bench {
namespace {

constexpr std::size_t kDelays = 1U << 14;  // drawn before the clock starts
constexpr int kRepeats = 5;
constexpr double kGiveUpNs = 5'000;  // a peer slower than this is not given larger queues: filling one takes minutes

struct Load {
  std::string name;
  std::function<double(std::mt19937_64&)> delay_us;
};

const std::vector<Load>& loads() {
  static const std::vector<Load> all = {
      {"exponential, mean 1 us", [](auto& random) { return std::exponential_distribution<>(1.0)(random); }},
      {"uniform, 0.05 to 3 us", [](auto& random) { return std::uniform_real_distribution<>(0.05, 3.0)(random); }},
      {"hops 0.05 to 1 us, 1 % timers 4 to 5 ms",
       [](auto& random) {
         const bool timer = std::uniform_int_distribution<>(0, 99)(random) == 0;
         return timer ? std::uniform_real_distribution<>(4000.0, 5000.0)(random)
                      : std::uniform_real_distribution<>(0.05, 1.0)(random);
       }},
      {"seven fixed delays",
       [](auto& random) {
         static constexpr double kFixed[] = {0.0, 0.08192, 0.01024, 0.3, 0.5, 0.6, 1.2};
         return kFixed[std::uniform_int_distribution<std::size_t>(0, 6)(random)];
       }},
  };
  return all;
}

std::vector<std::uint64_t> delays_ps(const Load& load) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> delays(kDelays);
  for (auto& delay : delays) delay = static_cast<std::uint64_t>(std::llround(load.delay_us(random) * 1e6));
  return delays;
}

// CPU time, which other programs on the machine disturb least.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A queue in its steady state, and the simulator's side of it.
class Hold {
 public:
  Hold(const std::string& type, const std::vector<std::uint64_t>& delays, std::size_t pending)
      : queue_(ns3::ObjectFactory(type).Create<ns3::Scheduler>()), delays_(delays) {
    for (std::size_t i = 0; i < pending; ++i) insert(0);
  }

  // Takes and inserts at least `events` times, or until the time is spent, and returns one's CPU time. [ns]
  double run(std::size_t events, double budget_s) {
    constexpr std::size_t kBatch = 10'000;
    const double start = cpu_seconds();
    std::size_t done = 0;
    double elapsed = 0;
    while (done < events && elapsed < budget_s) {
      for (std::size_t i = 0; i < kBatch; ++i) insert(queue_->RemoveNext().key.m_ts);
      done += kBatch;
      elapsed = cpu_seconds() - start;
    }
    return elapsed / static_cast<double>(done) * 1e9;
  }

 private:
  void insert(std::uint64_t now) {
    queue_->Insert({nullptr, {now + delays_[uid_ % kDelays], uid_, 0}});
    ++uid_;
  }

  ns3::Ptr<ns3::Scheduler> queue_;
  const std::vector<std::uint64_t>& delays_;
  std::uint32_t uid_ = 0;
};

// Median over the repeats. A queue that needs microseconds an event is not given more than a few seconds.
double hold_ns(const std::string& type, const std::vector<std::uint64_t>& delays, std::size_t pending) {
  Hold hold(type, delays, pending);
  hold.run(3 * pending, 2.0);
  std::vector<double> ns;
  for (int i = 0; i < kRepeats; ++i) ns.push_back(hold.run(std::max<std::size_t>(500'000, pending), 0.5));
  std::nth_element(ns.begin(), ns.begin() + kRepeats / 2, ns.end());
  return ns[kRepeats / 2];
}

void measure(Table& table, const std::string& only, const std::vector<std::string>& peers) {
  for (const Load& load : loads()) {
    if (load.name.find(only) == std::string::npos) continue;
    const std::vector<std::uint64_t> delays = delays_ps(load);
    std::set<std::string> given_up;
    for (const std::size_t pending : {1'000U, 8'000U, 64'000U, 500'000U, 2'000'000U}) {
      const double wheel = hold_ns("weft::packet::WheelScheduler", delays, pending);
      const std::string figure = fmt::format("hold, {}, {} pending [ns]", load.name, pending);
      for (const std::string& peer : peers) {
        if (given_up.contains(peer)) continue;
        const double ns = hold_ns(peer, delays, pending);
        table.add(figure, wheel, peer, ns);
        if (ns > kGiveUpNs) given_up.insert(peer);
      }
      if (pending == 8'000) table.add(figure, wheel, "limit", 40);
      if (pending == 500'000) table.add(figure, wheel, "limit", 90);
    }
  }
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  CLI::App app{"the wheel scheduler against those of ns-3, hold model"};
  std::string json;
  std::string only;
  std::vector<std::string> peers = {"ns3::MapScheduler", "ns3::HeapScheduler", "ns3::CalendarScheduler",
                                    "ns3::PriorityQueueScheduler"};
  app.add_option("--json", json, "also write the rows here");
  app.add_option("--only", only, "loads whose name contains this");
  app.add_option("--peers", peers, "schedulers to compare with");
  CLI11_PARSE(app, argc, argv);
  weft::bench::Table table;
  weft::bench::measure(table, only, peers);
  if (!json.empty()) table.write(json);
  return 0;
}
