#include <gtest/gtest.h>

#include "dpdk/cable.h"
#include "fabric/wire/icrc.h"
#include "tests/support/wire.h"

namespace weft::dpdk {
namespace {

using wire::testing::Octets;

std::vector<int> all_that_arrive(FrameIo& io) {
  std::vector<int> first_bytes;
  Octets buffer(64);
  while (io.receive(buffer) > 0) first_bytes.push_back(buffer[0]);
  return first_bytes;
}

void send_counted(FrameIo& io, int count) {
  for (int i = 0; i < count; ++i) ASSERT_TRUE(io.send(Octets(16, static_cast<std::uint8_t>(i))));
}

TEST(Cable, CarriesBothWaysInOrder) {
  Cable cable;
  send_counted(cable.left(), 3);
  send_counted(cable.right(), 2);
  EXPECT_EQ(all_that_arrive(cable.right()), (std::vector{0, 1, 2}));
  EXPECT_EQ(all_that_arrive(cable.left()), (std::vector{0, 1}));
}

TEST(Cable, DropsCopiesAndReordersAsAsked) {
  Cable cable;
  cable.on_way_right([](std::uint64_t index, std::span<std::uint8_t>) {
    Passage passage;
    passage.drop = index == 1;
    passage.copies = index == 2 ? 2 : 1;
    passage.overtaken = index == 3 ? 2 : 0;
    return passage;
  });
  send_counted(cable.left(), 7);
  EXPECT_EQ(all_that_arrive(cable.right()), (std::vector{0, 2, 2, 4, 5, 3, 6}));
}

TEST(Cable, HeldFramesComeOutOnRelease) {
  Cable cable;
  cable.on_way_left([](std::uint64_t index, std::span<std::uint8_t>) {
    Passage passage;
    passage.overtaken = index == 0 ? 9 : 0;
    return passage;
  });
  send_counted(cable.right(), 2);
  EXPECT_EQ(all_that_arrive(cable.left()), std::vector{1});
  cable.release();
  EXPECT_EQ(all_that_arrive(cable.left()), std::vector{0});
}

TEST(Cable, RefusesWhatIsTooLongOrTooMuch) {
  Cable cable(2, 100);
  EXPECT_FALSE(cable.left().send(Octets(101)));
  EXPECT_FALSE(cable.left().send({}));
  send_counted(cable.left(), 2);
  EXPECT_FALSE(cable.left().send(Octets(16)));
  EXPECT_EQ(cable.left().largest_frame(), 100U);
}

TEST(Cable, MarksCeAsASwitchDoes) {
  for (const bool v6 : {false, true}) {
    auto headers = wire::testing::write_only();
    if (v6) headers.ip = wire::Ipv6Header{};
    Octets frame = wire::build_frame(headers, wire::testing::counting(32)).value();
    ASSERT_TRUE(mark_congestion(frame));
    const auto parsed = wire::parse_frame(frame).value();
    std::visit([](const auto& ip) { EXPECT_EQ(ip.ecn, wire::Ecn::kCe); }, parsed.headers.ip);
    if (const auto* ip = std::get_if<wire::Ipv4Header>(&parsed.headers.ip)) {
      EXPECT_EQ(ip->checksum, wire::ipv4_checksum(*ip));
    }
    EXPECT_TRUE(wire::icrc_matches(frame, parsed.layout));
  }
  Octets other(60);
  EXPECT_FALSE(mark_congestion(other));
}

}  // namespace
}  // namespace weft::dpdk
