#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "dpdk/rdma_probe.h"
#include "tests/support/dpdk.h"

namespace weft::dpdk {
namespace {

TEST(RdmaProbe, FindsTheRdmaDevicesOfANic) {
  const std::filesystem::path sysfs = std::filesystem::path(::testing::TempDir()) / "weft_rdma_probe";
  std::filesystem::create_directories(sysfs / "bus/pci/devices/0000:81:00.0/infiniband/mlx5_1");
  std::filesystem::create_directories(sysfs / "bus/pci/devices/0000:81:00.0/infiniband/mlx5_0");
  std::filesystem::create_directories(sysfs / "bus/pci/devices/0000:82:00.0");
  EXPECT_THAT(rdma_devices_of("0000:81:00.0", sysfs), ::testing::ElementsAre("mlx5_0", "mlx5_1"));
  EXPECT_TRUE(rdma_devices_of("0000:82:00.0", sysfs).empty());
  EXPECT_TRUE(rdma_devices_of("net_ring0", sysfs).empty());
  std::filesystem::remove_all(sysfs);
}

TEST(RdmaProbe, AsksTheDriverForAFlowRule) {
  PortOptions options;
  options.device = "net_ring1";
  options.receive_buffers = 1023;
  const auto port = Port::open(testing::eal(), options);
  ASSERT_TRUE(port) << port.error().text();
  EXPECT_FALSE(why_no_flow_rule(*port).empty());  // a ring has no flow rules
}

TEST(RdmaProbe, SaysWhatToDo) {
  PortFacts nic;
  nic.name = "0000:81:00.0";
  EXPECT_EQ(rdma_warning(nic, {}, ""), "");
  EXPECT_THAT(rdma_warning(nic, {"mlx5_0"}, ""), ::testing::HasSubstr("isolated mode"));
  const std::string refused = rdma_warning(nic, {"mlx5_0"}, "not supported");
  EXPECT_THAT(refused, ::testing::HasSubstr("is RDMA device mlx5_0 too: its RDMA engine may take UDP 4791"));
  EXPECT_THAT(refused, ::testing::HasSubstr("no flow rule for UDP 4791 (not supported)"));
  EXPECT_THAT(refused, ::testing::HasSubstr("devlink dev param set pci/0000:81:00.0 name enable_roce value false"));
}

}  // namespace
}  // namespace weft::dpdk
