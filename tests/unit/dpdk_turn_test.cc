// Frames turned around, against frames built the other way round from their headers.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "dpdk/turn.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

Bytes8 stamped_payload(std::size_t size, std::uint32_t magic, std::mt19937& random) {
  Bytes8 payload(size);
  for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
  const Stamp stamp{random(), magic, static_cast<std::uint32_t>(random())};
  std::memcpy(payload.data(), &stamp, Stamp::kSize);
  return payload;
}

wire::FrameHeaders random_headers(std::mt19937& random, bool v6, bool tagged) {
  wire::FrameHeaders h;
  for (auto* mac : {&h.ethernet.source, &h.ethernet.destination})
    for (auto& byte : *mac) byte = static_cast<std::uint8_t>(random());
  if (tagged) h.vlan_tags.push_back({3, false, 7, 0});
  if (v6) {
    wire::Ipv6Header ip;
    for (auto* address : {&ip.source, &ip.destination})
      for (auto& byte : *address) byte = static_cast<std::uint8_t>(random());
    ip.hop_limit = static_cast<std::uint8_t>(random());
    ip.flow_label = static_cast<std::uint32_t>(random() & 0xFFFFF);
    h.ip = ip;
  } else {
    wire::Ipv4Header ip;
    ip.source = static_cast<std::uint32_t>(random());
    ip.destination = static_cast<std::uint32_t>(random());
    ip.ttl = static_cast<std::uint8_t>(random());
    ip.ecn = static_cast<wire::Ecn>(random() & 3);
    h.ip = ip;
  }
  h.udp.source_port = static_cast<std::uint16_t>(random());
  h.bth.opcode = 0x0A;  // RC WRITE_ONLY
  h.bth.dest_qp = static_cast<std::uint32_t>(random() & 0xFFFFFF);
  h.bth.psn = static_cast<std::uint32_t>(random() & 0xFFFFFF);
  h.extensions.reth = {random(), static_cast<std::uint32_t>(random()), 64};
  return h;
}

void turn_headers(wire::FrameHeaders& h) {
  std::swap(h.ethernet.source, h.ethernet.destination);
  if (auto* v4 = std::get_if<wire::Ipv4Header>(&h.ip)) {
    std::swap(v4->source, v4->destination);
    v4->ttl = 64;
  } else {
    auto& v6 = std::get<wire::Ipv6Header>(h.ip);
    std::swap(v6.source, v6.destination);
    v6.hop_limit = 64;
  }
}

TEST(Turn, IsTheFrameBuiltTheOtherWayRound) {
  std::mt19937 random(7);
  Turner turner;
  for (int i = 0; i < 2000; ++i) {
    wire::FrameHeaders h = random_headers(random, i % 2 == 0, i % 3 == 0);
    // More lengths than there are kept patches for.
    Bytes8 payload = stamped_payload(16 + random() % 40, Stamp::kMagic, random);
    Bytes8 frame = wire::build_frame(h, payload).value();
    turner.turn(frame, wire::find_layout(frame).value());
    turn_headers(h);
    std::memcpy(&payload[8], &Stamp::kTurned, 4);
    ASSERT_EQ(frame, wire::build_frame(h, payload).value()) << i;
  }
}

TEST(Turn, WrongIcrcStaysWrong) {
  std::mt19937 random(8);
  Turner turner;
  Bytes8 frame =
      wire::build_frame(random_headers(random, false, false), stamped_payload(100, Stamp::kMagic, random)).value();
  frame[frame.size() - 20] ^= 0x10;  // in the payload
  const auto layout = wire::find_layout(frame).value();
  ASSERT_FALSE(wire::icrc_matches(frame, layout));
  turner.turn(frame, layout);
  EXPECT_FALSE(wire::icrc_matches(frame, layout));
}

TEST(Turn, OnlyStampedFramesHaveAStamp) {
  std::mt19937 random(9);
  const auto stamp_of = [&](const Bytes8& payload) {
    const Bytes8 frame = wire::build_frame(random_headers(random, false, false), payload).value();
    return find_stamp(frame, wire::find_layout(frame).value());
  };
  EXPECT_EQ(stamp_of(stamped_payload(16, Stamp::kMagic, random))->magic, Stamp::kMagic);
  EXPECT_EQ(stamp_of(stamped_payload(16, Stamp::kTurned, random))->magic, Stamp::kTurned);
  EXPECT_FALSE(stamp_of(stamped_payload(16, 1, random)));
  EXPECT_FALSE(stamp_of(Bytes8(15, 0)));
}

}  // namespace
}  // namespace weft::dpdk
