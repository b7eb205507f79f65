// Two user-space RC endpoints over a cable that drops, doubles, reorders and marks: every message arrives once, in
// order, with its bytes, in a bounded number of steps.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "dpdk/cable.h"
#include "dpdk/rc/endpoint.h"
#include "tests/support/rc.h"

namespace weft::dpdk::rc::testing {
namespace {

Mishap trouble(std::uint64_t seed, unsigned percent) {
  return [random = std::mt19937_64(seed), percent](std::uint64_t, std::span<std::uint8_t>) mutable {
    Passage passage;
    const auto happens = [&] { return random() % 100 < percent; };
    passage.drop = happens();
    passage.copies = happens() ? 2 : 1;
    passage.overtaken = happens() ? static_cast<unsigned>(random() % 4) : 0;
    passage.mark_ce = happens();
    return passage;
  };
}

struct Job {
  Op op;
  Frame here;              // bytes to send, or room for what is read
  std::size_t offset = 0;  // in the peer's memory
};

std::vector<Job> random_jobs(std::mt19937_64& random, std::size_t memory) {
  std::vector<Job> jobs(1 + random() % 12);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Job& job = jobs[i];
    constexpr std::array kOps{Op::kSend, Op::kSendImm, Op::kWrite, Op::kWriteImm, Op::kRead, Op::kFetchAdd};
    job.op = kOps[random() % kOps.size()];
    const std::size_t size = job.op == Op::kFetchAdd ? 8 : random() % 2000;
    job.here = pattern(size, static_cast<std::uint8_t>(random()));
    job.offset = job.op == Op::kFetchAdd ? 0 : 64 + i * 2048;
    WEFT_CHECK(job.offset + size <= memory);
  }
  return jobs;
}

// Runs both ends until all is done. Returns false when it takes too long.
bool run(Endpoint& here, Endpoint& there, Cable& cable, const std::function<bool()>& done) {
  for (std::int64_t step = 0; step < 400'000; ++step) {
    const Duration now = Duration::us(step);
    const bool busy = static_cast<int>(here.poll(now)) + static_cast<int>(there.poll(now)) > 0;
    if (!busy) cable.release();
    if (done()) return true;
  }
  return false;
}

RC_GTEST_PROP(RcProperty, EveryMessageArrivesOnceInOrder, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  Cable cable(4096);
  cable.on_way_right(trouble(random(), *::rc::gen::inRange(0U, 15U)));
  cable.on_way_left(trouble(random(), *::rc::gen::inRange(0U, 15U)));
  Settings mine = settings_here(), yours = settings_there();
  mine.reads = yours.reads = static_cast<std::uint32_t>(1 + random() % 4);
  mine.window = static_cast<std::uint32_t>(1 + random() % 64);
  mine.retries = yours.retries = 255;
  yours.rnr_timer = 1;
  Endpoint here(cable.left(), mine), there(cable.right(), yours);
  Frame memory = pattern(12 * 2048 + 64, 9);
  std::memset(memory.data(), 0, 8);
  const Frame before = memory;
  there.responder().add_region({7, 0x1000, memory});

  std::vector<Job> jobs = random_jobs(random, memory.size());
  std::vector<Frame> buffers(jobs.size(), Frame(2048));
  std::uint64_t sends = 0, consumers = 0, adds = 0;
  const std::uint64_t late = random() % 3;  // receives that are posted only later: RNR
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Job& job = jobs[i];
    here.requester().post({i, job.op, job.here, 0x1000 + job.offset, 7, static_cast<std::uint32_t>(i), 0, 3});
    if (job.op == Op::kSend || job.op == Op::kSendImm || job.op == Op::kWriteImm) ++consumers;
  }
  const std::vector<Job> sent = jobs;
  std::uint64_t posted = 0;
  const auto post_more = [&](std::uint64_t upto) {
    for (; posted < std::min(consumers, upto); ++posted) there.responder().post_receive(posted, buffers[posted]);
  };
  post_more(consumers > late ? consumers - late : 0);
  std::uint64_t steps = 0;
  const bool ended = run(here, there, cable, [&] {
    if (++steps == 3000) post_more(consumers);
    return here.requester().idle() && there.requester().idle();
  });
  RC_ASSERT(ended);
  RC_ASSERT(!here.requester().failed());
  RC_ASSERT(here.requester().completions().size() == jobs.size());
  RC_ASSERT(there.responder().received().size() == consumers);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    RC_ASSERT(here.requester().completions()[i].id == i);
    RC_ASSERT(here.requester().completions()[i].status == Status::kSuccess);
    const Job& job = sent[i];
    const auto place = memory.begin() + static_cast<std::ptrdiff_t>(job.offset);
    const auto size = static_cast<std::ptrdiff_t>(job.here.size());
    if (job.op == Op::kWrite || job.op == Op::kWriteImm) RC_ASSERT(std::equal(place, place + size, job.here.begin()));
    if (job.op == Op::kRead)
      RC_ASSERT(std::equal(jobs[i].here.begin(), jobs[i].here.end(),
                           before.begin() + static_cast<std::ptrdiff_t>(job.offset)));
    if (job.op == Op::kFetchAdd) {
      std::uint64_t old = 0;
      std::memcpy(&old, jobs[i].here.data(), 8);
      RC_ASSERT(old == 3 * adds++);
    }
    if (job.op == Op::kSend || job.op == Op::kSendImm || job.op == Op::kWriteImm) {
      const Received& got = there.responder().received()[sends];
      RC_ASSERT(got.id == sends);
      if (job.op != Op::kWriteImm) {
        RC_ASSERT(got.size == job.here.size());
        RC_ASSERT(std::equal(job.here.begin(), job.here.end(), buffers[sends].begin()));
      }
      RC_ASSERT(got.has_immediate == (job.op != Op::kSend));
      if (got.has_immediate) RC_ASSERT(got.immediate == i);
      ++sends;
    }
  }
}

TEST(RcEndpoint, CeIsAnsweredByACnpAtMostEvery50Us) {
  Cable cable(4096);
  cable.on_way_right([](std::uint64_t, std::span<std::uint8_t>) { return Passage{false, 1, 0, true}; });
  Settings mine = settings_here(), yours = settings_there();
  Endpoint here(cable.left(), mine), there(cable.right(), yours);
  Frame memory(256), data = pattern(8);
  there.responder().add_region({7, 0x1000, memory});
  for (std::int64_t us = 0; us <= 200; us += 10) {
    here.requester().post({static_cast<std::uint64_t>(us), Op::kWrite, data, 0x1000, 7, 0, 0, 0});
    here.poll(Duration::us(us));
    there.poll(Duration::us(us));
    here.poll(Duration::us(us));
  }
  EXPECT_EQ(there.counts().ce_marked, 21U);
  EXPECT_EQ(there.counts().cnps_sent, 5U);  // at 0, 50, 100, 150, 200
  EXPECT_EQ(here.counts().cnps_received, 5U);
}

// The frames of one end, changed on their way with their ICRC made right: as another host would send them.
void forge(std::span<std::uint8_t> frame, const std::function<void(wire::FrameHeaders&)>& change) {
  const auto parsed = wire::parse_frame(frame);
  wire::FrameHeaders headers = parsed->headers;
  change(headers);
  const Frame made = wire::build_frame(headers, parsed->payload).value();
  std::ranges::copy(made, frame.begin());
}

TEST(RcEndpoint, FramesOfAnotherAddressOrPartitionAreDroppedAndCounted) {
  Cable cable(4096);
  cable.on_way_right([](std::uint64_t index, std::span<std::uint8_t> frame) {
    if (index == 0) forge(frame, [](auto& h) { std::get<wire::Ipv4Header>(h.ip).source ^= 4; });
    if (index == 1) forge(frame, [](auto& h) { h.bth.p_key = 0x8001; });
    if (index == 2)
      forge(frame, [](auto& h) { h.bth.p_key = 0x7FFF; });  // a limited member: may, for we are a full one
    return Passage{};
  });
  Endpoint here(cable.left(), settings_here()), there(cable.right(), settings_there());
  Frame memory(256), data = pattern(8);
  there.responder().add_region({7, 0x1000, memory});
  here.requester().post({1, Op::kWrite, data, 0x1000, 7, 0, 0, 0});
  ASSERT_TRUE(run(here, there, cable, [&] { return here.requester().idle(); }));
  EXPECT_EQ(there.counts().wrong_source, 1U);
  EXPECT_EQ(there.counts().wrong_partition, 1U);
  EXPECT_EQ(there.counts().frames, 1U);
  EXPECT_EQ(here.requester().counts().timeouts, 2U);  // no answer to either
  EXPECT_EQ(there.responder().counts().acks, 1U);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory.begin()));
}

TEST(RcEndpoint, AnswersOfAnotherAddressAcknowledgeNothing) {
  Cable cable(4096);
  cable.on_way_left([](std::uint64_t index, std::span<std::uint8_t> frame) {
    if (index == 0) forge(frame, [](auto& h) { std::get<wire::Ipv4Header>(h.ip).source ^= 4; });
    return Passage{};
  });
  Endpoint here(cable.left(), settings_here()), there(cable.right(), settings_there());
  Frame memory(256), data = pattern(8);
  there.responder().add_region({7, 0x1000, memory});
  here.requester().post({1, Op::kWrite, data, 0x1000, 7, 0, 0, 0});
  ASSERT_TRUE(run(here, there, cable, [&] { return here.requester().idle(); }));
  EXPECT_EQ(here.counts().wrong_source, 1U);
  EXPECT_EQ(here.requester().counts().timeouts, 1U);
}

TEST(RcEndpoint, TwoLimitedMembersOfAPartitionDoNotMeet) {
  Cable cable(4096);
  Settings mine = settings_here(), yours = settings_there();
  mine.path.bth.p_key = yours.path.bth.p_key = 0x0001;
  mine.retries = 0;
  Endpoint here(cable.left(), mine), there(cable.right(), yours);
  Frame data = pattern(8);
  here.requester().post({1, Op::kWrite, data, 0x1000, 7, 0, 0, 0});
  ASSERT_TRUE(run(here, there, cable, [&] { return here.requester().idle(); }));
  EXPECT_EQ(there.counts().wrong_partition, 1U);
  EXPECT_TRUE(here.requester().failed());
}

TEST(RcEndpoint, WrongIcrcIsThrownAwayAndSentAgain) {
  Cable cable(4096);
  cable.on_way_right([](std::uint64_t index, std::span<std::uint8_t> frame) {
    if (index == 0) frame[frame.size() - 5] ^= 1;  // the last byte of the payload
    return Passage{};
  });
  Endpoint here(cable.left(), settings_here()), there(cable.right(), settings_there());
  Frame memory(256), data = pattern(8);
  there.responder().add_region({7, 0x1000, memory});
  here.requester().post({1, Op::kWrite, data, 0x1000, 7, 0, 0, 0});
  ASSERT_TRUE(run(here, there, cable, [&] { return here.requester().idle(); }));
  EXPECT_EQ(there.counts().bad_icrc, 1U);
  EXPECT_EQ(here.requester().counts().timeouts, 1U);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory.begin()));
}

}  // namespace
}  // namespace weft::dpdk::rc::testing
