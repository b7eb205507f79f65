// Messages in the order in which a network delivers them.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "verbs/arrival_order.h"

namespace weft::verbs {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kDamaged = ~std::uint64_t{0};

std::vector<Arrival> taken(ArrivalOrder& order, const std::vector<std::uint64_t>& messages) {
  std::vector<Arrival> all;
  for (const std::uint64_t arrived : messages)
    all.push_back(order.take([&](std::uint64_t message) { return message == arrived; }));
  return all;
}

TEST(VerbsArrival, NeighboursThatSwapAreNoDamage) {
  ArrivalOrder order(4);
  EXPECT_THAT(taken(order, {0, 2, 1, 3}), ElementsAre(Arrival::kNext, Arrival::kNext, Arrival::kLate, Arrival::kNext));
  EXPECT_EQ(order.next(), 4U);
}

TEST(VerbsArrival, UpToTheReachMayBeMissing) {
  ArrivalOrder order(4);
  EXPECT_THAT(taken(order, {4}), ElementsAre(Arrival::kNext));
  EXPECT_THAT(taken(order, {10}), ElementsAre(Arrival::kWrong));  // 5 to 9 were never under way together with it
}

// A receive that completes without its message shows what it brought a lap ago.
TEST(VerbsArrival, OneThatIsThereDoesNotComeAgain) {
  ArrivalOrder order(4);
  EXPECT_THAT(taken(order, {0, 1, 1}), ElementsAre(Arrival::kNext, Arrival::kNext, Arrival::kWrong));
  ArrivalOrder late(4);
  EXPECT_THAT(taken(late, {0, 2, 1, 1}), ElementsAre(Arrival::kNext, Arrival::kNext, Arrival::kLate, Arrival::kWrong));
}

TEST(VerbsArrival, OneThatWasGivenUpAsLostMayComeYet) {
  ArrivalOrder order(4);
  taken(order, {0, 1, 3});
  EXPECT_TRUE(order.has(3));
  EXPECT_FALSE(order.has(2));
  order.give_up_before(6);
  EXPECT_THAT(taken(order, {2, 2, 4}), ElementsAre(Arrival::kFound, Arrival::kWrong, Arrival::kFound));
  EXPECT_THAT(taken(order, {6, 7}), ElementsAre(Arrival::kLate, Arrival::kNext));  // the wrong one stood for 6
}

TEST(VerbsArrival, WhatIsVeryOldIsForgotten) {
  ArrivalOrder order(2);
  order.give_up_before(20);  // 0 to 3 are older than eight times the reach
  EXPECT_THAT(taken(order, {4, 3}), ElementsAre(Arrival::kFound, Arrival::kWrong));
  EXPECT_FALSE(order.has(5));
}

TEST(VerbsArrival, ReliableTransportsDeliverInOrder) {
  ArrivalOrder order(0);
  EXPECT_THAT(taken(order, {0, 2}), ElementsAre(Arrival::kNext, Arrival::kWrong));
  EXPECT_THAT(taken(order, {2, 0}), ElementsAre(Arrival::kNext, Arrival::kWrong));
}

// Rounds of up to `reach` messages, some lost, the rest in any order: late are those that come after one sent later,
// and nothing is wrong.
RC_GTEST_PROP(VerbsArrival, LateAreThoseWithALaterOneBefore, ()) {
  const auto reach = *::rc::gen::inRange<std::uint64_t>(1, 20);
  ArrivalOrder order(reach);
  std::uint64_t first = 0;
  for (int round = 0; round < 5; ++round, first += reach) {
    std::vector<std::uint64_t> messages;
    for (std::uint64_t m = first; m < first + reach; ++m)
      if (*::rc::gen::inRange(0, 5) > 0) messages.push_back(m);
    for (std::size_t i = messages.size(); i > 1; --i)
      std::swap(messages[i - 1], messages[*::rc::gen::inRange<std::size_t>(0, i)]);
    std::uint64_t most = 0;
    for (const std::uint64_t arrived : messages) {
      const Arrival arrival = order.take([&](std::uint64_t message) { return message == arrived; });
      RC_ASSERT(arrival == (arrived + 1 > most ? Arrival::kNext : Arrival::kLate));
      most = std::max(most, arrived + 1);
    }
    order.give_up_before(first + reach);
  }
}

}  // namespace
}  // namespace weft::verbs
