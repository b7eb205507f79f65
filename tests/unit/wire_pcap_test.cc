// Capture files byte by byte, and their bounds.
#include <gtest/gtest.h>

#include <sstream>

#include "fabric/wire/pcap.h"
#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::counting;
using testing::from_hex;
using testing::Octets;

Octets bytes_of(const std::ostringstream& out) {
  const std::string text = out.str();
  return {text.begin(), text.end()};
}

TEST(Pcap, FileIsWhatTheFormatSays) {
  std::ostringstream out;
  auto writer = PcapWriter::create(out, {.snap_length = 4, .epoch_seconds = 1});
  ASSERT_TRUE(writer.has_value());
  EXPECT_EQ(writer->write(Time{Duration::us(1'500'000)}, counting(3)), true);
  EXPECT_EQ(writer->write(Time{Duration{1'999}}, counting(6)), true);
  EXPECT_EQ(bytes_of(out), from_hex("4d3cb2a1 0200 0400 00000000 00000000 04000000 01000000"
                                    "02000000 0065cd1d 03000000 03000000 000102"
                                    "01000000 01000000 04000000 06000000 00010203"));
  EXPECT_EQ(writer->frames(), 2U);
  EXPECT_EQ(writer->size(), Bytes{24 + 19 + 20});
}

TEST(Pcap, LimitDropsFramesAndKeepsTheFileWhole) {
  std::ostringstream out;
  auto writer = PcapWriter::create(out, {.file_limit = Bytes{24 + 20}});
  ASSERT_TRUE(writer.has_value());
  EXPECT_EQ(writer->write(Time{}, counting(5)), false);
  EXPECT_EQ(writer->write(Time{}, counting(4)), false) << "a capture has no holes";
  EXPECT_EQ(writer->dropped(), 2U);
  EXPECT_EQ(out.str().size(), 24U);
  EXPECT_FALSE(PcapWriter::create(out, {.file_limit = Bytes{23}}).has_value());
}

TEST(Pcap, StreamsThatFailAreErrors) {
  std::ostringstream out;
  auto writer = PcapWriter::create(out, {});
  ASSERT_TRUE(writer.has_value());
  out.setstate(std::ios::badbit);
  const auto written = writer->write(Time{}, counting(4));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().text(), "the capture cannot be written; free space for it, or lower its limit");
  EXPECT_EQ(written.error().code, ErrorCode::kEnvironment);
  EXPECT_FALSE(PcapWriter::create(out, {}).has_value());
}

TEST(Pcap, TimesBeyondTheFormatAreErrors) {
  std::ostringstream out;
  auto writer = PcapWriter::create(out, {.epoch_seconds = 0xFFFFFFFF});
  ASSERT_TRUE(writer.has_value());
  EXPECT_TRUE(writer->write(Time{Duration::us(999'999)}, counting(1)).has_value());
  EXPECT_FALSE(writer->write(Time{Duration::us(1'000'000)}, counting(1)).has_value());
  EXPECT_FALSE(writer->write(Time{Duration{-1}}, counting(1)).has_value());
}

}  // namespace
}  // namespace weft::wire
