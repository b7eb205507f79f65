// Inventory and checklist of a host, on a tree of files as a ConnectX writes them and on DCB replies made by hand.
#include <gtest/gtest.h>
#include <linux/dcbnl.h>
#include <linux/netlink.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "verbs/checks.h"
#include "verbs/devices.h"

namespace weft::verbs {
namespace {

TEST(Devices, ListIsGivenWhereThereIsNone) { EXPECT_TRUE(device_names().has_value()); }

TEST(Devices, HostWithoutOneIsToldWhatToLoad) {
  if (!device_names()->empty()) GTEST_SKIP() << "this host has an RDMA device";
  const auto inventory = take_inventory();
  ASSERT_FALSE(inventory.has_value());
  EXPECT_EQ(inventory.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(inventory.error().way_out.find("mlx5_ib"), std::string::npos);
}

class FakeSysfs : public ::testing::Test {
 protected:
  FakeSysfs() : root_(::testing::TempDir() + "weft_sysfs") { std::filesystem::remove_all(root_); }
  ~FakeSysfs() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(FakeSysfs, PcieLinkIsSpeedAndWidth) {
  write("/dev0/current_link_speed", "16.0 GT/s PCIe\n");
  write("/dev0/current_link_width", "8\n");
  write("/dev0/max_link_speed", "32.0 GT/s PCIe\n");
  write("/dev0/max_link_width", "16\n");
  const auto pcie = pcie_link("/dev0", Sysfs(root_));
  ASSERT_TRUE(pcie.has_value());
  EXPECT_EQ(pcie->speed, 16);
  EXPECT_EQ(pcie->largest_speed, 32);
  EXPECT_EQ(pcie->width, 8U);
  EXPECT_EQ(pcie->largest_width, 16U);
  EXPECT_FALSE(pcie_link("/none", Sysfs(root_)).has_value());
}

TEST_F(FakeSysfs, EcnIsReadPerPriority) {
  for (int p = 0; p < 8; ++p) {
    write("/sys/class/net/weft-none/ecn/roce_rp/enable/" + std::to_string(p), p == 3 ? "1\n" : "0\n");
    write("/sys/class/net/weft-none/ecn/roce_np/enable/" + std::to_string(p), p == 3 || p == 5 ? "1\n" : "0\n");
  }
  write("/sys/class/net/weft-none/mtu", "9000\n");
  const NetdevSettings net = netdev_settings("weft-none", Sysfs(root_));
  EXPECT_EQ(net.ecn_reaction, 0x08);
  EXPECT_EQ(net.ecn_notification, 0x28);
  EXPECT_EQ(net.mtu, 9000U);
  EXPECT_FALSE(net.pfc_priorities.has_value());  // no such netdev to ask
}

TEST_F(FakeSysfs, HostFactsOfBootLineAndModules) {
  write("/proc/cmdline", "quiet iommu=pt intel_iommu=on\n");
  write("/proc/sys/vm/nr_hugepages", "512\n");
  write("/sys/kernel/iommu_groups/0/type", "identity\n");
  write("/sys/module/nvidia_peermem/version", "1\n");
  const HostFacts host = host_facts(Sysfs(root_));
  EXPECT_TRUE(host.iommu);
  EXPECT_TRUE(host.iommu_passthrough);
  EXPECT_TRUE(host.gpu_peer_memory);
  EXPECT_EQ(host.huge_pages, 512U);
}

std::vector<std::uint8_t> attribute(std::uint16_t type, const void* value, std::size_t size) {
  const nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
  std::vector<std::uint8_t> out(NLA_ALIGN(sizeof head + size));
  std::memcpy(out.data(), &head, sizeof head);
  if (size > 0) std::memcpy(out.data() + sizeof head, value, size);
  return out;
}

std::vector<std::uint8_t> nested(std::uint16_t type, const std::vector<std::vector<std::uint8_t>>& inside) {
  std::vector<std::uint8_t> all;
  for (const auto& one : inside) all.insert(all.end(), one.begin(), one.end());
  return attribute(type | NLA_F_NESTED, all.data(), all.size());
}

TEST(DcbReply, PfcAndTrustAreRead) {
  ieee_pfc pfc{};
  pfc.pfc_en = 0x08;
  const dcb_app by_dscp{IEEE_8021QAZ_APP_SEL_DSCP, 3, 26};
  const auto reply = nested(
      DCB_ATTR_IEEE, {attribute(DCB_ATTR_IEEE_PFC, &pfc, sizeof pfc),
                      nested(DCB_ATTR_IEEE_APP_TABLE, {attribute(DCB_ATTR_IEEE_APP, &by_dscp, sizeof by_dscp)})});
  NetdevSettings net;
  read_dcb_reply(reply, net);
  EXPECT_EQ(net.pfc_priorities, 0x08);
  EXPECT_EQ(net.trusts_dscp, true);
}

TEST(DcbReply, WithoutDscpEntriesTrustIsPcp) {
  const dcb_app by_type{IEEE_8021QAZ_APP_SEL_ETHERTYPE, 3, 0x8915};
  const auto reply = nested(
      DCB_ATTR_IEEE, {nested(DCB_ATTR_IEEE_APP_TABLE, {attribute(DCB_ATTR_IEEE_APP, &by_type, sizeof by_type)})});
  NetdevSettings net;
  read_dcb_reply(reply, net);
  EXPECT_EQ(net.trusts_dscp, false);
  EXPECT_FALSE(net.pfc_priorities.has_value());
}

TEST(DcbReply, CutOffAnywhereItIsHarmless) {
  ieee_pfc pfc{};
  pfc.pfc_en = 0xff;
  const auto reply = nested(DCB_ATTR_IEEE, {attribute(DCB_ATTR_IEEE_PFC, &pfc, sizeof pfc)});
  for (std::size_t size = 0; size < reply.size(); ++size) {
    const std::vector<std::uint8_t> cut(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(size));
    NetdevSettings net;
    read_dcb_reply(cut, net);
    EXPECT_FALSE(net.pfc_priorities.has_value()) << size;
  }
}

// A RoCE port with nothing wrong.
Inventory right_host() {
  NetdevSettings net;
  net.name = "eth0";
  net.mtu = 9000;
  net.pfc_priorities = 0x08;
  net.trusts_dscp = true;
  net.ecn_reaction = net.ecn_notification = 0x08;
  net.receive_pause = net.transmit_pause = false;
  net.optics = Optics{"QSFP", 45.0, {0.8, 0.9, 0.7, 0.8}, {1, 1, 1, 1}, 75.0, 0.1};
  PortFacts port;
  port.state = "ACTIVE";
  port.link_layer = "Ethernet";
  port.mtu = port.largest_mtu = 4096;
  port.gids = {{3, "::ffff:192.0.2.1", "RoCE v2", true}};
  port.netdev = net;
  DeviceFacts device;
  device.name = "mlx5_0";
  device.transport = "RoCE";
  device.pcie = PcieLink{32, 32, 16, 16};
  device.ports = {port};
  Inventory inventory;
  inventory.devices = {device};
  inventory.host.iommu = inventory.host.iommu_passthrough = inventory.host.gpu_peer_memory = true;
  inventory.host.cpu_governor = "performance";
  return inventory;
}

std::vector<std::string> wrong_items(const Inventory& inventory) {
  std::vector<std::string> items;
  for (const Check& check : check_all(inventory))
    if (check.verdict != Verdict::kGood) {
      items.push_back(check.item);
      EXPECT_FALSE(check.advice.empty()) << check.item;
    }
  return items;
}

using Items = std::vector<std::string>;

TEST(Checks, NothingIsFoundOnARightHost) { EXPECT_EQ(wrong_items(right_host()), Items{}); }

// One thing wrong at a time: exactly its item is named.
TEST(Checks, EachFaultIsNamed) {
  const auto with = [](const std::function<void(Inventory&)>& spoil) {
    Inventory inventory = right_host();
    spoil(inventory);
    return wrong_items(inventory);
  };
  const auto port = [](Inventory& i) -> PortFacts& { return i.devices[0].ports[0]; };
  EXPECT_EQ(with([&](Inventory& i) { port(i).state = "DOWN"; }), Items{"link"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).mtu = 1024; }), Items{"path MTU"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).gids[0].type = "RoCE v1"; }), Items{"RoCEv2 GID"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->mtu = 4100; }), Items{"netdev MTU"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->pfc_priorities = 0; }), Items{"PFC"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->pfc_priorities = 0xff; }), Items{"PFC"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->trusts_dscp = false; }), Items{"trust"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->ecn_notification = 0; }), Items{"ECN"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->receive_pause = true; }), Items{"global pause"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->optics->receive_mw[2] = 0.05; }), Items{"optics"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->optics->celsius = 80; }), Items{"optics"});
  EXPECT_EQ(with([&](Inventory& i) { port(i).netdev->optics.reset(); }), Items{"optics"});
  EXPECT_EQ(with([&](Inventory& i) { i.devices[0].pcie->width = 8; }), Items{"PCIe"});
  EXPECT_EQ(with([&](Inventory& i) { i.devices[0].problem = "permission denied"; }), Items{"access"});
  EXPECT_EQ(with([&](Inventory& i) { i.host.locked_memory = 65536; }), Items{"locked memory"});
  EXPECT_EQ(with([&](Inventory& i) { i.host.iommu_passthrough = false; }), Items{"IOMMU"});
  EXPECT_EQ(with([&](Inventory& i) { i.host.cpu_governor = "powersave"; }), Items{"CPU frequency"});
  EXPECT_EQ(with([&](Inventory& i) { i.host.gpu_peer_memory = false; }), Items{"GPUDirect"});
}

}  // namespace
}  // namespace weft::verbs
