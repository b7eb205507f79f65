// What a virtual port's arguments say of the frames that it carries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dpdk/vdev_room.h"

namespace weft::dpdk {
namespace {

using ::testing::HasSubstr;

std::string refusal(const char* driver, const char* arguments, std::uint32_t frame, std::uint32_t mtu = 0) {
  const auto checked = check_vdev_room("port0", driver, arguments, frame, mtu);
  return checked ? "" : checked.error().text();
}

TEST(VdevRoom, ArgumentsAreFoundByTheirWholeName) {
  EXPECT_EQ(vdev_argument("role=server,bsize=8192", "bsize"), "8192");
  EXPECT_EQ(vdev_argument("xbsize=1,bsize=2", "bsize"), "2");
  EXPECT_EQ(vdev_argument("role=server,zero-copy", "zero-copy"), "");
  EXPECT_EQ(vdev_argument("", "bsize"), "");
}

TEST(VdevRoom, MemifTakesWhatItsBufferHolds) {
  EXPECT_EQ(refusal("net_memif", "role=server", 2048), "");
  EXPECT_EQ(refusal("net_memif", "role=server,bsize=8192", 4210), "");
  EXPECT_THAT(refusal("net_memif", "role=server", 4210),
              HasSubstr("port port0 has buffers for frames of 2048 bytes, and one may have 4210; bsize=8192 in the "
                        "--vdev of both sides"));
}

TEST(VdevRoom, PacketSocketTakesASlotWithoutItsHead) {
  EXPECT_EQ(refusal("net_af_packet", "iface=eth1", 1982), "");
  EXPECT_THAT(refusal("net_af_packet", "iface=eth1", 1983), HasSubstr("framesz=4096,blocksz=65536 in its --vdev"));
  EXPECT_THAT(refusal("net_af_packet", "iface=eth1,framesz=4096", 4210), HasSubstr("framesz=8192,blocksz=65536"));
  EXPECT_EQ(vdev_room("net_af_packet", "iface=eth1,framesz=8192").mbuf, 8192U);
}

TEST(VdevRoom, MtuOfTheInterfaceIsLookedAt) {
  EXPECT_EQ(refusal("net_af_packet", "iface=eth1", 1514, 1500), "");
  EXPECT_THAT(refusal("net_af_packet", "iface=eth1,framesz=8192", 4210, 1500),
              HasSubstr("the MTU of eth1 is 1500, and frames may need 4196; ip link set dev eth1 mtu 9000"));
}

TEST(VdevRoom, OtherDriversHaveNoSuchLimit) {
  EXPECT_EQ(refusal("net_ring", "", 9000), "");
  EXPECT_EQ(refusal("net_mlx5", "", 9000), "");
}

}  // namespace
}  // namespace weft::dpdk
