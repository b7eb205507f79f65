// PFC and 802.3x frames byte by byte.
#include <gtest/gtest.h>

#include "fabric/wire/pause.h"
#include "tests/support/wire.h"

namespace weft::wire {
namespace {

using testing::from_hex;
using testing::Octets;

PauseFrame pfc() {
  PauseFrame frame;
  frame.ethernet.source = {2, 0, 0, 0, 0, 1};
  PfcPause pause;
  pause.enabled = 1U << 3 | 1U << 5;
  pause.quanta[3] = 0xFFFF;
  frame.pause = pause;
  return frame;
}

// oracles: RoCEv2, PFC frame.
TEST(Pause, PfcIsWhatTheStandardDraws) {
  Octets expected = from_hex("0180c2000001 020000000001 8808 0101 0028 000000000000 ffff 0000 00000000 0000");
  expected.resize(kPauseFrameSize);
  EXPECT_EQ(build_pause(pfc()), expected);
}

TEST(Pause, GlobalIsWhatTheStandardDraws) {
  PauseFrame frame = pfc();
  frame.pause = GlobalPause{GlobalPause::kOpcode, 0x1234};
  Octets expected = from_hex("0180c2000001 020000000001 8808 0001 1234");
  expected.resize(kPauseFrameSize);
  EXPECT_EQ(build_pause(frame), expected);
  EXPECT_EQ(parse_pause(expected).value(), frame);
}

TEST(Pause, RoundTripsWithAndWithoutPadding) {
  const Octets wire = build_pause(pfc());
  EXPECT_EQ(parse_pause(wire).value(), pfc());
  EXPECT_EQ(parse_pause(std::span(wire).first(34)).value(), pfc());
}

TEST(Pause, OtherFramesAreRefused) {
  const Octets wire = build_pause(pfc());
  for (std::size_t size = 0; size < 34; ++size)
    EXPECT_EQ(parse_pause(std::span(wire).first(size)).error().fault, WireFault::kTruncated);
  Octets other = wire;
  other[15] = 0x02;
  EXPECT_EQ(parse_pause(other).error().text(), "byte 14, MAC control frame: the MAC control opcode is no pause");
  other[12] = 0x08;
  EXPECT_EQ(parse_pause(other).error().text(), "byte 12, Ethernet header: the EtherType is not MAC control");
}

// 65,535 quanta of 512 bits at 400 Gb/s: 83.8848 us.
TEST(Pause, QuantaAreTimesOf512Bits) {
  EXPECT_EQ(pause_duration(0xFFFF, Rate::gbps(400)), Duration{83'884'800});
  EXPECT_EQ(pause_duration(0, Rate::gbps(400)), Duration{});
  EXPECT_EQ(pause_duration(1, Rate::gbps(100)), Duration{5'120});
}

}  // namespace
}  // namespace weft::wire
