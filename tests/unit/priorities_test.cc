#include "fabric/priorities.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Priorities, SetIsNumbersBetweenCommas) {
  EXPECT_EQ(parse_priorities("3")->bits, 0b1000);
  EXPECT_EQ(parse_priorities("3,4")->bits, 0b11000);
  EXPECT_EQ(parse_priorities(" 0 , 7 ")->bits, 0b10000001);
  EXPECT_EQ(parse_priorities("4,4")->size(), 1U);
  EXPECT_EQ(parse_priorities("")->size(), 0U);
  EXPECT_TRUE(parse_priorities("3,4")->has(4));
  EXPECT_FALSE(parse_priorities("3,4")->has(5));
}

TEST(Priorities, SetErrorsNameThePiece) {
  EXPECT_EQ(parse_priorities("3,8").error().text(), "not a priority: '8'; write 0 to 7 with commas, as 3 or \"3,4\"");
  EXPECT_EQ(parse_priorities("3-4").error().item, "3-4");
  EXPECT_FALSE(parse_priorities("3,"));
  EXPECT_FALSE(parse_priorities(","));
  EXPECT_FALSE(parse_priorities("-1"));
  EXPECT_FALSE(parse_priorities("4294967299"));  // 2^32 + 3
}

TEST(Priorities, WeightsNotNamedAreOne) {
  EXPECT_EQ(*parse_weights("3=4,5=1000"), (PriorityWeights{1, 1, 1, 4, 1, 1000, 1, 1}));
  EXPECT_EQ(*parse_weights(""), (PriorityWeights{1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(*parse_weights(" 0 = 2 "), (PriorityWeights{2, 1, 1, 1, 1, 1, 1, 1}));
}

TEST(Priorities, WeightErrorsNameThePiece) {
  EXPECT_EQ(parse_weights("3:4").error().text(), "not priority=weight: '3:4'; write it like \"3=4,5=1\"");
  EXPECT_EQ(parse_weights("9=4").error().text(), "a weight of no priority: '9=4'; priorities are 0 to 7");
  EXPECT_EQ(parse_weights("3=0").error().text(), "not a weight: '3=0'; give a whole number from 1 to 1000");
  EXPECT_EQ(parse_weights("3=1001").error().item, "3=1001");
  EXPECT_EQ(parse_weights("3=1,3=2").error().text(), "a priority weighted twice: '3=2'; keep one of them");
}

}  // namespace
}  // namespace weft
