// What two ends agree to do: bounds on what a peer may ask, and data that tells every byte's place.
#include <gtest/gtest.h>

#include "dpdk/rc/exercise.h"

namespace weft::dpdk::rc {
namespace {

using Json = nlohmann::ordered_json;

TEST(RcExercise, ComesBackFromJson) {
  Exercise exercise;
  exercise.ops = {Op::kSendImm, Op::kRead};
  exercise.sizes = {0, 17};
  const auto back = exercise_from_json(to_json(exercise));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(exercise));
}

TEST(RcExercise, EveryOperationBothWaysAtEverySize) {
  const auto steps = steps_of(Exercise{});
  ASSERT_EQ(steps.size(), 18U);
  EXPECT_TRUE(steps[0].caller_requests);
  EXPECT_FALSE(steps[1].caller_requests);
  EXPECT_EQ(steps[17].index, 17U);
  EXPECT_EQ(steps[17].size, 65536U);
}

TEST(RcExercise, WhatAPeerAsksIsBounded) {
  const Json good = to_json(Exercise{});
  const auto refused = [&](const char* key, const Json& value) {
    Json changed = good;
    changed[key] = value;
    const auto exercise = exercise_from_json(changed);
    return !exercise && exercise.error().code == ErrorCode::kInput && !exercise.error().message.empty();
  };
  EXPECT_TRUE(refused("mtu", 1500));
  EXPECT_TRUE(refused("messages", 0));
  EXPECT_TRUE(refused("messages", 4097));
  EXPECT_TRUE(refused("messages", -1));
  EXPECT_TRUE(refused("sizes", Json::array({256U << 20U})));  // x 32 messages
  EXPECT_TRUE(refused("sizes", Json::array({-1})));
  EXPECT_TRUE(refused("sizes", Json::array({1e300})));
  EXPECT_TRUE(refused("sizes", Json::array()));
  EXPECT_TRUE(refused("sizes", "all"));
  EXPECT_TRUE(refused("sizes", std::vector<int>(100'000, 1)));
  EXPECT_TRUE(refused("operations", Json::array({"atomic_cas"})));
  EXPECT_TRUE(refused("operations", Json::array({7})));
  EXPECT_TRUE(refused("operations", nullptr));
  EXPECT_FALSE(exercise_from_json(Json::object()));
  EXPECT_FALSE(exercise_from_json(Json::array()));
}

TEST(RcExercise, EveryWrongByteCounts) {
  for (const std::size_t size : {0, 1, 7, 8, 9, 1000}) {
    std::vector<std::uint8_t> bytes(size);
    fill(bytes, 3);
    EXPECT_EQ(wrong_bytes(bytes, 3), 0U);
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      if (at >= size) continue;
      bytes[at] ^= 0x10;
      EXPECT_EQ(wrong_bytes(bytes, 3), 1U);
      bytes[at] ^= 0x10;
    }
  }
  std::vector<std::uint8_t> moved(1001);
  fill(moved, 3);
  EXPECT_GT(wrong_bytes(std::span(moved).subspan(1), 3), 900U);  // data in another place
  EXPECT_GT(wrong_bytes(moved, 4), 900U);                        // of another step
}

}  // namespace
}  // namespace weft::dpdk::rc
