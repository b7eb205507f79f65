// The wheel against ns-3's std::map scheduler: the same order, whatever is inserted, removed or looked at between.
#include <gtest/gtest.h>
#include <ns3/event-id.h>
#include <ns3/map-scheduler.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/ptr.h>
#include <ns3/simulator.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "emulator/packet/wheel_scheduler.h"

namespace weft::packet {
namespace {

using Event = ns3::Scheduler::Event;
constexpr std::uint64_t kLastTs = std::numeric_limits<std::int64_t>::max();

// Both queues, given the same calls. `now` is the timestamp of the last event taken, as in a simulator.
class Pair {
 public:
  void insert(std::uint64_t ts) { insert_uid(ts, uid_++); }
  void insert_uid(std::uint64_t ts, std::uint32_t uid) {
    const Event ev{nullptr, {std::min(ts, kLastTs), uid, uid ^ 5}};
    wheel_->Insert(ev);
    map_->Insert(ev);
    pending_.insert({{ev.key.m_ts, uid}, ev});
  }
  void insert_after(std::uint64_t delay) { insert(now_ > kLastTs - delay ? kLastTs : now_ + delay); }

  void peek() const {
    if (pending_.empty()) return;
    expect_same(wheel_->PeekNext(), map_->PeekNext());
  }
  void pop() {
    ASSERT_EQ(wheel_->IsEmpty(), map_->IsEmpty());
    if (map_->IsEmpty()) return;
    const Event ev = wheel_->RemoveNext();
    expect_same(ev, map_->RemoveNext());
    now_ = std::max(now_, ev.key.m_ts);
    pending_.erase({ev.key.m_ts, ev.key.m_uid});
  }
  void remove(std::size_t any) {
    if (pending_.empty()) return;
    const auto victim = std::next(pending_.begin(), static_cast<std::ptrdiff_t>(any % pending_.size()));
    wheel_->Remove(victim->second);
    map_->Remove(victim->second);
    pending_.erase(victim);
  }
  void drain() {
    while (!pending_.empty() && !::testing::Test::HasFailure()) pop();
    EXPECT_TRUE(wheel_->IsEmpty());
  }

  std::uint64_t now() const { return now_; }
  std::size_t size() const { return pending_.size(); }

 private:
  static void expect_same(const Event& a, const Event& b) {
    ASSERT_EQ(a.key.m_ts, b.key.m_ts);
    ASSERT_EQ(a.key.m_uid, b.key.m_uid);
    ASSERT_EQ(a.key.m_context, b.key.m_context);
  }

  ns3::Ptr<WheelScheduler> wheel_ = ns3::CreateObject<WheelScheduler>();
  ns3::Ptr<ns3::MapScheduler> map_ = ns3::CreateObject<ns3::MapScheduler>();
  std::map<std::pair<std::uint64_t, std::uint32_t>, Event> pending_;
  std::uint64_t now_ = 0;
  std::uint32_t uid_ = 0;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // Any order of magnitude is as likely as any other, up to 2^bits.
  std::uint64_t any_scale(unsigned bits) { return next() >> (64 - 1 - below(bits)); }

 private:
  std::uint64_t state_;
};

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(WheelScheduler, property_any_calls_give_the_order_of_the_map) {
  EXPECT_TRUE(rc::check([] {
    Pair pair;
    const auto calls = *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::arbitrary<std::uint64_t>()));
    for (const auto& [call, value] : calls) {
      if (call < 4) {
        pair.insert_after(value >> (value % 64));
      } else if (call < 5) {
        pair.insert(value >> 1 >> (value % 63));  // perhaps before now: the interface allows it
      } else if (call < 8) {
        pair.pop();
      } else if (call < 9) {
        pair.peek();
      } else {
        pair.remove(value);
      }
    }
    pair.drain();
    RC_ASSERT(!::testing::Test::HasFailure());
  }));
}

TEST(WheelScheduler, long_mixes_give_the_order_of_the_map) {
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Pair pair;
    const unsigned scale = 1 + static_cast<unsigned>(random.below(50));  // typical delay: 2^scale ps at most
    const std::uint64_t target = 1 + random.any_scale(14);
    for (int i = 0; i < 20000 && !HasFailure(); ++i) {
      const std::uint64_t dice = random.below(100);
      if (dice < 5) {
        pair.peek();
      } else if (dice < 7) {
        pair.remove(random.below(std::min<std::uint64_t>(64, 1 + pair.size())));
      } else if (dice < 8) {
        pair.insert_after(random.any_scale(62));
      } else if (dice < 9) {
        const std::uint64_t at = pair.now() + random.any_scale(scale);
        for (std::uint64_t n = random.below(200); n > 0; --n) pair.insert(at);
      } else if (pair.size() > target || dice < 40) {
        pair.pop();
      } else {
        pair.insert_after(random.any_scale(scale));
      }
    }
    pair.drain();
  }
}

TEST(WheelScheduler, one_timestamp_is_served_by_uid) {
  Pair pair;
  for (const std::uint32_t uid : {7U, 3U, 9U, 0xffffffffU, 0U, 5U}) pair.insert_uid(123456, uid);
  pair.peek();
  pair.insert_uid(123456, 4);
  pair.pop();
  for (const std::uint32_t uid : {6U, 1U, 2U}) pair.insert_uid(123456, uid);
  pair.drain();
}

TEST(WheelScheduler, uids_out_of_order_by_the_thousand) {
  Pair pair;
  for (std::uint32_t uid = 2000; uid > 0; --uid) pair.insert_uid(uid % 3, uid);
  for (int i = 0; i < 10; ++i) pair.pop();
  for (std::uint32_t uid = 4000; uid > 3000; --uid) pair.insert_uid(uid % 3, uid);
  pair.drain();
}

TEST(WheelScheduler, timestamps_up_to_the_last) {
  Pair pair;
  for (const std::uint64_t back : {0U, 1U, 2U, 255U, 256U, 257U, 65536U, 1U << 31}) {
    pair.insert(kLastTs - back);
    pair.insert(kLastTs - back);
    pair.insert(back);
  }
  pair.insert(kLastTs / 2);
  pair.insert(kLastTs / 2 + 1);
  pair.peek();
  for (int i = 0; i < 9; ++i) pair.pop();
  pair.insert_after(kLastTs / 2);
  pair.drain();
  EXPECT_EQ(pair.now(), kLastTs);
  pair.insert(kLastTs);
  pair.insert(0);
  pair.drain();
}

// As a distributed simulation does: looks at its next event, far ahead, then receives one that comes before.
TEST(WheelScheduler, events_before_the_one_peeked_at) {
  Pair pair;
  for (std::uint64_t i = 0; i < 300; ++i) pair.insert(4'000'000'000'000 + i * 1000);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    pair.peek();
    pair.insert_after(1000 * (1 + i % 7));
    pair.peek();
    pair.insert_after(100);
    pair.pop();
  }
  pair.drain();
}

// The open bucket is as wide as an idle gap; a burst then starts inside it, with removals from it.
TEST(WheelScheduler, burst_after_a_gap) {
  Random random(3);
  Pair pair;
  pair.insert(5'000'000'000'000);
  pair.pop();
  for (int i = 0; i < 3000; ++i) pair.insert_after(random.below(3'000'000));
  for (int i = 0; i < 500; ++i) {
    pair.pop();
    pair.remove(random.below(100));
    for (int n = 0; n < 3; ++n) pair.insert_after(random.below(100'000'000));
  }
  pair.drain();
}

TEST(WheelScheduler, a_million_equal_timestamps_take_no_longer_each_than_a_few) {
  const auto wheel = ns3::CreateObject<WheelScheduler>();
  constexpr std::uint32_t kCount = 1'000'000;
  bool in_order = true;
  const double elapsed = seconds([&] {
    for (std::uint32_t uid = 0; uid < kCount; ++uid) wheel->Insert({nullptr, {3'000'000, uid, 0}});
    for (std::uint32_t uid = 0; uid < kCount; ++uid) {
      in_order &= wheel->RemoveNext().key.m_uid == uid;
      // What an event schedules for now and for a picosecond later meets the rest of the burst.
      if (uid < 1000) wheel->Insert({nullptr, {3'000'001 - uid % 2, kCount + uid, 0}});
    }
    for (std::uint32_t n = 0; n < 1000; ++n) in_order &= wheel->RemoveNext().key.m_ts == 3'000'000 + (n >= 500);
  });
  EXPECT_TRUE(in_order);
  EXPECT_TRUE(wheel->IsEmpty());
  EXPECT_LT(elapsed, 5.0);  // quadratic would be hours
}

// Two timestamps of a burst in one open bucket, filled in turn while it drains.
TEST(WheelScheduler, insertions_into_a_large_open_bucket_are_not_quadratic) {
  const auto wheel = ns3::CreateObject<WheelScheduler>();
  std::uint32_t uid = 0;
  std::uint64_t last = 0;
  bool in_order = true;
  const double elapsed = seconds([&] {
    wheel->Insert({nullptr, {4'000'000'000'000, uid++, 0}});
    last = wheel->RemoveNext().key.m_ts;
    for (std::uint64_t i = 0; i < 400'000; ++i) wheel->Insert({nullptr, {last + 3 * (i % 2), uid++, 0}});
    while (!wheel->IsEmpty()) {
      const std::uint64_t ts = wheel->RemoveNext().key.m_ts;
      in_order &= ts >= last;
      last = ts;
      if (uid < 1'000'000) wheel->Insert({nullptr, {last + 2 * (uid % 2), uid, 0}});
      ++uid;
    }
  });
  EXPECT_TRUE(in_order);
  EXPECT_LT(elapsed, 5.0);
}

TEST(WheelScheduler, memory_after_a_burst_is_what_one_burst_takes) {
  const auto wheel = ns3::CreateObject<WheelScheduler>();
  Random random(1);
  std::uint64_t now = 0;
  std::uint32_t uid = 0;
  std::size_t after_first = 0;
  constexpr std::size_t kSlack = 64 << 10;  // of the small arrays; nothing that grows with the run
  for (int burst = 0; burst < 8; ++burst) {
    for (int i = 0; i < 200'000; ++i) wheel->Insert({nullptr, {now + random.below(3'000'000), uid++, 0}});
    while (!wheel->IsEmpty()) now = wheel->RemoveNext().key.m_ts;
    if (burst == 1) after_first = wheel->GetBytes();
  }
  EXPECT_LE(wheel->GetBytes(), after_first + kSlack);
  EXPECT_LT(after_first, 200'000 * sizeof(Event) * 2);
  // A steady state that never runs empty holds what is pending, however long it runs.
  for (int i = 0; i < 1000; ++i) wheel->Insert({nullptr, {now + random.below(3'000'000), uid++, 0}});
  for (int i = 0; i < 2'000'000; ++i) {
    now = wheel->RemoveNext().key.m_ts;
    wheel->Insert({nullptr, {now + random.below(3'000'000), uid++, 0}});
  }
  EXPECT_LE(wheel->GetBytes(), after_first + kSlack);
}

TEST(WheelScheduler, removing_every_event_leaves_it_empty) {
  Random random(9);
  Pair pair;
  for (int i = 0; i < 3000; ++i) pair.insert(random.any_scale(40));
  for (int i = 0; i < 5; ++i) pair.pop();
  while (pair.size() > 0 && !HasFailure()) {
    pair.remove(random.next());
    pair.peek();
  }
  pair.drain();
  pair.insert_after(1);
  pair.drain();
}

// What a model does through the simulator: the log of (time, id) is to be the same with either scheduler.
class Script {
 public:
  static std::vector<std::pair<std::int64_t, int>> run(const std::string& scheduler) {
    ns3::Simulator::SetScheduler(ns3::ObjectFactory(scheduler));
    Script script;
    for (int i = 0; i < 500; ++i) script.start(i);
    ns3::Simulator::Stop(ns3::PicoSeconds(40'000'000));
    ns3::Simulator::Run();
    script.log_.push_back({ns3::Simulator::Now().GetPicoSeconds(), -1});
    ns3::Simulator::Run();  // what Stop left
    script.log_.push_back({ns3::Simulator::Now().GetPicoSeconds(), -2});
    ns3::Simulator::Destroy();
    return script.log_;
  }

 private:
  void start(int id) {
    const auto delay = static_cast<std::int64_t>(random_.below(4) == 0 ? 0 : random_.below(3'000'000));
    ns3::Simulator::Schedule(ns3::PicoSeconds(delay), &Script::fire, this, id);
  }
  void fire(int id) {
    log_.push_back({ns3::Simulator::Now().GetPicoSeconds(), id});
    if (log_.size() > 30'000) return;
    start(id);
    timers_.push_back(ns3::Simulator::Schedule(ns3::MicroSeconds(10), &Script::timeout, this, id));
    ns3::Simulator::ScheduleNow(&Script::timeout, this, -id);
    ns3::EventId& timer = timers_[random_.below(timers_.size())];
    if (random_.below(3) == 0) {
      ns3::Simulator::Remove(timer);
    } else if (random_.below(2) == 0) {
      ns3::Simulator::Cancel(timer);
    }
  }
  void timeout(int id) { log_.push_back({ns3::Simulator::Now().GetPicoSeconds(), 1'000'000 + id}); }

  Random random_{17};
  std::vector<std::pair<std::int64_t, int>> log_;
  std::vector<ns3::EventId> timers_;
};

TEST(WheelScheduler, runs_a_simulation_as_the_map_does) {
  if (ns3::Time::GetResolution() != ns3::Time::PS) ns3::Time::SetResolution(ns3::Time::PS);  // ns-3 takes it once
  const auto expected = Script::run("ns3::MapScheduler");
  EXPECT_GT(expected.size(), 30'000U);
  EXPECT_EQ(Script::run("weft::packet::WheelScheduler"), expected);
}

int g_fired = 0;
void count_one() { ++g_fired; }

TEST(WheelScheduler, takes_over_and_hands_over_a_running_simulation) {
  g_fired = 0;
  for (int i = 0; i < 1000; ++i) ns3::Simulator::Schedule(ns3::PicoSeconds(i * 1000), &count_one);
  ns3::Simulator::Stop(ns3::PicoSeconds(300'500));
  ns3::Simulator::Run();
  EXPECT_EQ(g_fired, 301);
  ns3::Simulator::SetScheduler(ns3::ObjectFactory("weft::packet::WheelScheduler"));
  ns3::Simulator::Stop(ns3::PicoSeconds(300'000));
  ns3::Simulator::Run();
  EXPECT_EQ(g_fired, 601);
  ns3::Simulator::SetScheduler(ns3::ObjectFactory("ns3::HeapScheduler"));
  ns3::Simulator::Run();
  EXPECT_EQ(g_fired, 1000);
  ns3::Simulator::Destroy();
}

}  // namespace
}  // namespace weft::packet
