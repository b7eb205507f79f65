#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dpdk/port.h"
#include "tests/support/dpdk.h"
#include "tests/support/wire.h"

namespace weft::dpdk {
namespace {

using ::testing::HasSubstr;

PortOptions small(const std::string& device) {
  PortOptions options;
  options.device = device;
  options.receive_buffers = 1023;
  return options;
}

TEST(Port, ListsWhatEalFound) {
  const auto ports = list_ports(testing::eal());
  ASSERT_EQ(ports.size(), 4U);
  EXPECT_EQ(ports[0].name, "net_ring0");
  EXPECT_EQ(ports[2].driver, "net_null");
}

TEST(Port, CarriesFramesAsFrameIo) {
  const auto port = Port::open(testing::eal(), small("net_ring0"));
  ASSERT_TRUE(port) << port.error().text();
  const auto io = make_frame_io(*port);
  ASSERT_TRUE(io) << io.error().text();
  const auto frame = wire::build_frame(wire::testing::write_only(), wire::testing::counting(1024)).value();
  ASSERT_TRUE((*io)->send(frame));
  wire::testing::Octets buffer(2000);
  ASSERT_EQ((*io)->receive(buffer), frame.size());
  buffer.resize(frame.size());
  EXPECT_EQ(buffer, frame);
  EXPECT_EQ((*io)->receive(buffer), 0U);
  EXPECT_FALSE((*io)->send(wire::testing::Octets(1515)));
  EXPECT_EQ(port->counters().sent, 1U);
}

TEST(Port, OpensAgainAfterItWasClosed) {
  for (int i = 0; i < 2; ++i) {
    const auto port = Port::open(testing::eal(), small("net_null0"));
    ASSERT_TRUE(port) << port.error().text();
    EXPECT_TRUE(port->facts().link_up);
  }
}

TEST(Port, UnknownNameGetsTheRightOnes) {
  const auto port = Port::open(testing::eal(), small("net_rong0"));
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().code, ErrorCode::kInput);
  EXPECT_THAT(port.error().text(), HasSubstr("no such port: 'net_rong0'; one of net_ring0, net_ring1, net_null0"));
}

TEST(Port, SaysWhatItsQueuesAre) {
  PortOptions options = small("net_ring0");
  options.receive_queues = 200;
  const auto port = Port::open(testing::eal(), options);
  ASSERT_FALSE(port);
  EXPECT_THAT(port.error().text(), HasSubstr("port net_ring0 (net_ring) has 16 receive and 16 transmit queues"));
}

TEST(Port, SaysBothSizesWhereAFrameIsTooLarge) {
  PortFacts nic;
  nic.name = "0000:81:00.0", nic.driver = "net_ixgbe";
  nic.largest_mtu = 1500, nic.longest_frame = 1518;
  EXPECT_TRUE(check_frame_size(nic, 1514));
  EXPECT_EQ(
      check_frame_size(nic, 4170).error().text(),
      "port 0000:81:00.0 (net_ixgbe) carries an MTU of 1500 bytes at most, and the frame needs 4156; lower --mtu or "
      "--size, or take a port that carries jumbo frames");
  nic.largest_mtu = 0, nic.longest_frame = 2048;
  EXPECT_TRUE(check_frame_size(nic, 2044));
  EXPECT_FALSE(check_frame_size(nic, 2045));
}

TEST(Port, SaysWhenMemoryIsTooSmall) {
  PortOptions options = small("net_ring0");
  options.receive_buffers = 1'000'000;
  const auto port = Port::open(testing::eal(), options);
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(port.error().text(), HasSubstr("no memory for packet buffers"));
}

TEST(Eal, DefaultsFillInMemoryAndDevices) {
  EXPECT_EQ(with_defaults({"--vdev", "net_ring0"}, false),
            (std::vector<std::string>{"--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--vdev", "net_ring0"}));
  EXPECT_EQ(with_defaults({"-l", "0"}, true), (std::vector<std::string>{"--in-memory", "-l", "0"}));
  EXPECT_EQ(with_defaults({"--no-huge", "-a", "0000:81:00.0", "--vdev=net_null0"}, true),
            (std::vector<std::string>{"--no-huge", "-a", "0000:81:00.0", "--vdev=net_null0"}));
}

TEST(Eal, ReasonIsTheLastFailureOfTheLog) {
  EXPECT_EQ(reason_in("EAL: Detected CPU lcores: 2\nEAL: Cannot open /x\nEAL: Probing VFIO support...\n"),
            "Cannot open /x");
  EXPECT_EQ(reason_in("EAL: fine\n"), "");
  EXPECT_EQ(reason_in("init(): net_af_packet0: ioctl failed (SIOCGIFINDEX):No such device\n"
                      "vdev_probe(): failed to initialize net_af_packet0 device\nEAL: Bus (vdev) probe failed.\n"),
            "net_af_packet0: ioctl failed (SIOCGIFINDEX):No such device");
  EXPECT_EQ(reason_in("EAL: Bus (vdev) probe failed.\n"), "Bus (vdev) probe failed.");
}

}  // namespace
}  // namespace weft::dpdk
