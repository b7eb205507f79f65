// Headroom of a port, calculated by hand.
#include "fabric/pfc.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Pfc, ReactionIsTheStandardsPauseQuantaOf64Bytes) {
  EXPECT_EQ(pfc_reaction(Rate::gbps(10)), Bytes{60 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(25)), Bytes{80 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(40)), Bytes{118 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(50)), Bytes{147 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(100)), Bytes{394 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(200)), Bytes{453 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(400)), Bytes{905 * 64});
}

TEST(Pfc, ReactionBetweenTwoSpeedsIsThatOfTheNext) {
  EXPECT_EQ(pfc_reaction(Rate::gbps(1)), Bytes{60 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(56)), Bytes{394 * 64});
  EXPECT_EQ(pfc_reaction(Rate::gbps(800)), Bytes{905 * 64});
}

// 400G moves 50 B a nanosecond: cable and pipeline 900 ns, 45,000 B; two packets of 4,178 B; a pause frame; 57,920 B.
TEST(Pfc, HeadroomOf30MetresAt400G) {
  EXPECT_EQ(pfc_headroom(Rate::gbps(400), Duration::ns(150), Duration::ns(600), 4096, 82),
            Bytes{45'000 + 2 * 4'178 + 84 + 57'920});
}

// 100G moves 12.5 B a nanosecond: 300 m there and back, 3 us, 37,500 B.
TEST(Pfc, HeadroomOf300MetresAt100GWithoutAPipeline) {
  EXPECT_EQ(pfc_headroom(Rate::gbps(100), Duration::ns(1500), Duration{}, 1024, 82),
            Bytes{37'500 + 2 * 1'106 + 84 + 25'216});
}

TEST(Pfc, HeadroomRoundsUpAndDoesNotOverflow) {
  const Bytes fixed = Bytes{2 * 256 + 84} + pfc_reaction(Rate{1});
  EXPECT_EQ(pfc_headroom(Rate{1}, Duration{1}, Duration{}, 256, 0), fixed + Bytes{1});
  EXPECT_EQ(pfc_headroom(Rate{1}, Duration{}, Duration{}, 256, 0), fixed);
  const Duration second = Duration::us(1'000'000);  // at 1 Pbps: 125 TB
  EXPECT_EQ(pfc_headroom(Rate{1'000'000'000'000'000}, second, second, 4096, 1024),
            Bytes{375'000'000'000'000 + 2 * 5'120 + 84 + 57'920});
}

}  // namespace
}  // namespace weft
