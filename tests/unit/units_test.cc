#include "fabric/units.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace weft {
namespace {

TEST(Units, BytesOverRateRoundsUpToAPicosecond) {
  EXPECT_EQ((Bytes{4096} / Rate::gbps(400)).picoseconds, 81'920);
  EXPECT_EQ((Bytes{1} / Rate::gbps(3)).picoseconds, 2'667);  // 2666.67
  EXPECT_EQ((Bytes{0} / Rate::gbps(1)).picoseconds, 0);
}

TEST(Units, LargestMessageDoesNotOverflow) {
  EXPECT_EQ((Bytes{1LL << 40} / Rate::gbps(400)).picoseconds, 21'990'232'555'520);
  EXPECT_EQ((Bytes{INT64_MAX} / Rate{1}).picoseconds, INT64_MAX);
}

TEST(Units, TextCarriesItsUnit) {
  EXPECT_EQ(parse_rate("400Gbps"), Rate::gbps(400));
  EXPECT_EQ(parse_rate("1.6Tbps"), Rate::gbps(1600));
  EXPECT_EQ(parse_bytes("1MiB"), Bytes{1 << 20});
  EXPECT_EQ(parse_bytes("1MB"), Bytes{1'000'000});
  EXPECT_EQ(parse_duration("1.5us"), Duration::ns(1500));
  EXPECT_EQ(parse_nccl_size("64K"), Bytes{65'536});
  EXPECT_EQ(parse_nccl_size("0"), Bytes{0});
}

TEST(Units, ErrorsNameTheValueAndTheWayOut) {
  EXPECT_EQ(parse_rate("400").error().text(), "rate without a unit: '400'; write it like 400Gbps");
  EXPECT_EQ(parse_rate("400 parsecs").error().text(), "unknown unit of a rate: '400 parsecs'; write it like 400Gbps");
  EXPECT_EQ(parse_nccl_size("9999999999999T").error().text(),
            "message size too large: '9999999999999T'; the limit is 2^63");
  EXPECT_FALSE(parse_nccl_size("-1"));
  EXPECT_FALSE(parse_nccl_size("nan"));
  EXPECT_FALSE(parse_rate("0Gbps"));
}

TEST(Units, TextRoundTrips) {
  EXPECT_TRUE(rc::check("bytes", [] {
    const auto v = *rc::gen::inRange<std::int64_t>(0, INT64_MAX / 2);
    RC_ASSERT(parse_bytes(to_text(Bytes{v})) == Bytes{v});
    RC_ASSERT(parse_duration(to_text(Duration{v})) == Duration{v});
  }));
}

}  // namespace
}  // namespace weft
