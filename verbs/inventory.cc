#include "verbs/inventory.h"

#include <fmt/format.h>
#include <infiniband/verbs.h>
#include <net/if.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "verbs/devices.h"
#include "verbs/owned.h"
#include "verbs/port.h"
#include "verbs/queue_pair.h"

namespace weft::verbs {
namespace {

constexpr std::size_t kMostGids = 1024;  // ConnectX has up to 255 a port

std::string gid_type(std::uint32_t type) {
  switch (type) {
    case IBV_GID_TYPE_ROCE_V1:
      return "RoCE v1";
    case IBV_GID_TYPE_ROCE_V2:
      return "RoCE v2";
    default:
      return "InfiniBand";
  }
}

std::string link_layer_text(std::uint8_t layer) {
  return layer == IBV_LINK_LAYER_ETHERNET ? "Ethernet" : layer == IBV_LINK_LAYER_INFINIBAND ? "InfiniBand" : "unknown";
}

// IBTA 11.2.5.8's states, as ibstat prints them.
std::string state_text(ibv_port_state state) {
  switch (state) {
    case IBV_PORT_DOWN:
      return "DOWN";
    case IBV_PORT_INIT:
      return "INIT";
    case IBV_PORT_ARMED:
      return "ARMED";
    case IBV_PORT_ACTIVE:
      return "ACTIVE";
    case IBV_PORT_ACTIVE_DEFER:
      return "ACTIVE_DEFER";
    default:
      return "unknown";
  }
}

void add_gids(PortFacts& port, const std::vector<ibv_gid_entry>& entries, const Sysfs& sysfs) {
  for (const ibv_gid_entry& entry : entries) {
    if (entry.port_num != port.number) continue;
    Gid gid;
    std::memcpy(gid.data(), entry.gid.raw, gid.size());
    const std::string text = to_text(gid);
    port.gids.push_back({entry.gid_index, text, gid_type(entry.gid_type), text.rfind("::ffff:", 0) == 0});
    std::array<char, IF_NAMESIZE> name{};
    if (!port.netdev && entry.ndev_ifindex != 0 && if_indextoname(entry.ndev_ifindex, name.data()) != nullptr)
      port.netdev = netdev_settings(name.data(), sysfs);
  }
}

PortFacts port_facts(ibv_context* context, unsigned number, const std::string& folder,
                     const std::vector<ibv_gid_entry>& entries, const Sysfs& sysfs) {
  PortFacts port;
  port.number = number;
  ibv_port_attr state{};
  if (ibv_query_port(context, static_cast<std::uint8_t>(number), &state) == 0) {
    port.state = state_text(state.state);
    port.link_layer = link_layer_text(state.link_layer);
    port.mtu = mtu_bytes(state.active_mtu);
    port.largest_mtu = mtu_bytes(state.max_mtu);
  }
  port.rate_gbits = sysfs.number(fmt::format("{}/ports/{}/rate", folder, number));
  add_gids(port, entries, sysfs);
  return port;
}

DeviceFacts device_facts(ibv_device* device, const Sysfs& sysfs) {
  DeviceFacts facts;
  facts.name = ibv_get_device_name(device);
  const std::string folder = "/sys/class/infiniband/" + facts.name;
  facts.board = sysfs.text(folder + "/board_id").value_or("");
  facts.driver = sysfs.link_name(folder + "/device/driver");
  facts.pci_address = sysfs.link_name(folder + "/device");
  if (const auto node = sysfs.number(folder + "/device/numa_node"); node && *node >= 0)
    facts.numa_node = static_cast<int>(*node);
  facts.pcie = pcie_link(folder + "/device", sysfs);
  const Owned<ibv_context> context(ibv_open_device(device));
  if (context == nullptr) {
    facts.problem = refused("cannot open the RDMA device", facts.name, errno).value().text();
    return facts;
  }
  ibv_device_attr_ex all{};
  if (const int failed = ibv_query_device_ex(context.get(), nullptr, &all); failed != 0) {
    facts.problem = refused("cannot query the RDMA device", facts.name, failed).value().text();
    return facts;
  }
  const ibv_device_attr& limits = all.orig_attr;
  facts.firmware = limits.fw_ver;
  facts.most_qps = static_cast<unsigned>(limits.max_qp);
  facts.most_cqs = static_cast<unsigned>(limits.max_cq);
  facts.most_mrs = static_cast<unsigned>(limits.max_mr);
  facts.most_srqs = static_cast<unsigned>(limits.max_srq);
  facts.most_sges = static_cast<unsigned>(limits.max_sge);
  facts.largest_mr = limits.max_mr_size;
  facts.atomics = limits.atomic_cap != IBV_ATOMIC_NONE;
  facts.xrc = (limits.device_cap_flags & IBV_DEVICE_XRC) != 0;
  facts.on_demand_paging = (all.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0;
  std::vector<ibv_gid_entry> entries(kMostGids);
  const ssize_t n = ibv_query_gid_table(context.get(), entries.data(), entries.size(), 0);
  entries.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  for (unsigned p = 1; p <= limits.phys_port_cnt; ++p)
    facts.ports.push_back(port_facts(context.get(), p, folder, entries, sysfs));
  const bool ethernet = !facts.ports.empty() && facts.ports.front().link_layer == "Ethernet";
  facts.transport = device->transport_type == IBV_TRANSPORT_IWARP ? "iWARP" : ethernet ? "RoCE" : "InfiniBand";
  return facts;
}

}  // namespace

std::optional<PcieLink> pcie_link(const std::string& device_folder, const Sysfs& sysfs) {
  const auto speed = sysfs.number(device_folder + "/current_link_speed");  // "16.0 GT/s PCIe"
  const auto width = sysfs.number(device_folder + "/current_link_width");
  if (!speed || !width) return std::nullopt;
  const auto most = sysfs.number(device_folder + "/max_link_speed").value_or(*speed);
  const auto widest = sysfs.number(device_folder + "/max_link_width").value_or(*width);
  return PcieLink{*speed, most, static_cast<unsigned>(*width), static_cast<unsigned>(widest)};
}

HostFacts host_facts(const Sysfs& sysfs) {
  HostFacts host;
  rlimit locked{};
  if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur != RLIM_INFINITY) host.locked_memory = locked.rlim_cur;
  host.huge_pages = static_cast<std::uint64_t>(sysfs.number("/proc/sys/vm/nr_hugepages").value_or(0));
  const std::string boot = fmt::format(" {} ", sysfs.text("/proc/cmdline").value_or(""));  // words between spaces
  host.iommu_passthrough = boot.find(" iommu=pt ") != std::string::npos;
  host.iommu = sysfs.exists("/sys/kernel/iommu_groups/0");
  host.gpu_peer_memory = sysfs.exists("/sys/module/nvidia_peermem") || sysfs.exists("/sys/module/nv_peer_mem");
  host.cpu_governor = sysfs.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return host;
}

Expected<Inventory> take_inventory() {
  const Sysfs sysfs;
  Inventory inventory;
  inventory.host = host_facts(sysfs);
  int count = 0;
  struct FreeList {
    void operator()(ibv_device** list) const noexcept { ibv_free_device_list(list); }
  };
  const std::unique_ptr<ibv_device*, FreeList> list(ibv_get_device_list(&count));
  if (list == nullptr || count == 0) {
    if (const auto names = device_names(); !names) return tl::unexpected(names.error());
    return no_device();
  }
  for (int i = 0; i < count; ++i) inventory.devices.push_back(device_facts(list.get()[i], sysfs));
  return inventory;
}

}  // namespace weft::verbs
