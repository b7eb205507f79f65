// Rounds by counting: each pair exactly once, no host in two places.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "verbs/hosts/rounds.h"

namespace weft::verbs {
namespace {

using ::testing::HasSubstr;

Rounds rounds_of(Shape shape, std::uint32_t hosts, bool both_ways, std::uint32_t hub = 0) {
  auto rounds = make_rounds(shape, hosts, both_ways, hub);
  EXPECT_TRUE(rounds) << rounds.error().text();
  return rounds ? *rounds : Rounds{};
}

// How often each pair is there; unordered where flows go both ways.
std::map<HostFlow, int> counted(const Rounds& rounds, bool both_ways) {
  std::map<HostFlow, int> times;
  for (const auto& round : rounds)
    for (HostFlow flow : round) {
      EXPECT_NE(flow.from, flow.to);
      if (both_ways && flow.from > flow.to) std::swap(flow.from, flow.to);
      ++times[flow];
    }
  return times;
}

void expect_every_pair_once(const Rounds& rounds, std::uint32_t hosts, bool both_ways) {
  const auto times = counted(rounds, both_ways);
  EXPECT_EQ(times.size(), hosts * (hosts - 1) / (both_ways ? 2 : 1)) << hosts;
  for (const auto& [flow, count] : times) {
    EXPECT_EQ(count, 1) << flow.from << " > " << flow.to << " of " << hosts;
    EXPECT_LT(std::max(flow.from, flow.to), hosts);
  }
}

TEST(VerbsRounds, MatrixMeetsEveryPairOnceAndNoHostTwiceInARound) {
  for (std::uint32_t hosts = 2; hosts <= 33; ++hosts)
    for (const bool both_ways : {true, false}) {
      const Rounds rounds = rounds_of(Shape::kMatrix, hosts, both_ways);
      EXPECT_EQ(rounds.size(), (hosts % 2 == 0 ? hosts - 1 : hosts) * (both_ways ? 1 : 2)) << hosts;
      expect_every_pair_once(rounds, hosts, both_ways);
      for (const auto& round : rounds) {
        std::set<std::uint32_t> busy;
        for (const HostFlow& flow : round) {
          EXPECT_TRUE(busy.insert(flow.from).second) << hosts;
          EXPECT_TRUE(busy.insert(flow.to).second) << hosts;
        }
        EXPECT_EQ(round.size(), hosts / 2) << hosts;  // nobody idle who need not be
      }
    }
}

TEST(VerbsRounds, ShiftSendsAndReceivesOnceInARound) {
  for (std::uint32_t hosts = 2; hosts <= 33; ++hosts)
    for (const bool both_ways : {true, false}) {
      const Rounds rounds = rounds_of(Shape::kShift, hosts, both_ways);
      EXPECT_EQ(rounds.size(), both_ways ? hosts / 2 : hosts - 1);
      expect_every_pair_once(rounds, hosts, both_ways);
      for (const auto& round : rounds) {
        std::set<std::uint32_t> senders, receivers;
        for (const HostFlow& flow : round) {
          EXPECT_TRUE(senders.insert(flow.from).second);
          EXPECT_TRUE(receivers.insert(flow.to).second);
        }
      }
    }
}

TEST(VerbsRounds, HubSendsToAllOrIsTheIncast) {
  for (std::uint32_t hosts = 2; hosts <= 9; ++hosts)
    for (std::uint32_t hub = 0; hub < hosts; ++hub) {
      const Rounds out = rounds_of(Shape::kOneToMany, hosts, false, hub),
                   in = rounds_of(Shape::kManyToOne, hosts, false, hub);
      ASSERT_EQ(out.size(), 1u);
      ASSERT_EQ(in.size(), 1u);
      std::set<std::uint32_t> to, from;
      for (const HostFlow& flow : out[0]) {
        EXPECT_EQ(flow.from, hub);
        to.insert(flow.to);
      }
      for (const HostFlow& flow : in[0]) {
        EXPECT_EQ(flow.to, hub);
        from.insert(flow.from);
      }
      EXPECT_EQ(to.size(), hosts - 1);
      EXPECT_EQ(from, to);
    }
}

TEST(VerbsRounds, BisectionCrossesTheMiddle) {
  for (std::uint32_t hosts = 2; hosts <= 17; ++hosts) {
    const Rounds rounds = rounds_of(Shape::kBisection, hosts, true);
    ASSERT_EQ(rounds.size(), 1u);
    EXPECT_EQ(rounds[0].size(), hosts / 2);
    std::set<std::uint32_t> busy;
    for (const HostFlow& flow : rounds[0]) {
      EXPECT_LT(flow.from, hosts / 2);
      EXPECT_GE(flow.to, hosts / 2);
      EXPECT_TRUE(busy.insert(flow.from).second && busy.insert(flow.to).second);
    }
    EXPECT_EQ(rounds_of(Shape::kBisection, hosts, false).size(), 2u);  // and back
  }
}

TEST(VerbsRounds, RingIsOneCircle) {
  for (std::uint32_t hosts = 2; hosts <= 9; ++hosts) {
    const Rounds rounds = rounds_of(Shape::kRing, hosts, false);
    ASSERT_EQ(rounds.size(), 1u);
    std::map<std::uint32_t, std::uint32_t> next;
    for (const HostFlow& flow : rounds[0]) next[flow.from] = flow.to;
    std::uint32_t at = 0, steps = 0;
    do at = next.at(at);
    while (++steps < hosts && at != 0);
    EXPECT_EQ(steps, hosts);
    EXPECT_EQ(at, 0u);
  }
  EXPECT_EQ(rounds_of(Shape::kRing, 2, true)[0].size(), 1u);
}

TEST(VerbsRounds, AllAtOnceIsOneRoundOfEveryPair) {
  for (std::uint32_t hosts = 2; hosts <= 9; ++hosts)
    for (const bool both_ways : {true, false}) {
      const Rounds rounds = rounds_of(Shape::kAllAtOnce, hosts, both_ways);
      ASSERT_EQ(rounds.size(), 1u);
      expect_every_pair_once(rounds, hosts, both_ways);
    }
}

TEST(VerbsRounds, WhatCannotBeIsRefused) {
  EXPECT_THAT(make_rounds(Shape::kRing, 1, false).error().text(), HasSubstr("needs two of them: '1'"));
  EXPECT_THAT(make_rounds(Shape::kRing, 4097, false).error().text(), HasSubstr("at most 4096"));
  EXPECT_THAT(make_rounds(Shape::kManyToOne, 4, false, 4).error().text(), HasSubstr("'4'; 0 to 3"));
  EXPECT_THAT(make_rounds(Shape::kMatrix, 4096, false).error().text(), HasSubstr("too many pairs"));
  EXPECT_TRUE(make_rounds(Shape::kRing, 4096, false));
}

TEST(VerbsRounds, NamesComeBack) {
  for (const Shape shape : {Shape::kMatrix, Shape::kShift, Shape::kOneToMany, Shape::kManyToOne, Shape::kBisection,
                            Shape::kRing, Shape::kAllAtOnce})
    EXPECT_EQ(parse_shape(to_text(shape)).value(), shape);
  EXPECT_THAT(parse_shape("star").error().text(), HasSubstr("matrix, shift, one_to_many"));
}

}  // namespace
}  // namespace weft::verbs
