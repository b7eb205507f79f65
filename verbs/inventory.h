// What there is on this host: RDMA devices with their ports and GIDs, and the settings of the host that decide whether
// they deliver. Plain values; checks.h judges them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "verbs/netdev_settings.h"
#include "verbs/sysfs.h"

namespace weft::verbs {

struct GidFacts {
  unsigned index = 0;
  std::string gid, type;  // "RoCE v2", "RoCE v1", "InfiniBand"
  bool maps_ipv4 = false;
};

struct PortFacts {
  unsigned number = 1;
  std::string state, link_layer;           // "ACTIVE"; "Ethernet", "InfiniBand"
  std::optional<double> rate_gbits;        // the kernel's figure; of a link that is down, too
  std::uint32_t mtu = 0, largest_mtu = 0;  // B, of the path
  std::vector<GidFacts> gids;
  std::optional<NetdevSettings> netdev;
};

// A PCIe link: GT/s of a lane, lanes.
struct PcieLink {
  double speed = 0, largest_speed = 0;
  unsigned width = 0, largest_width = 0;
};

struct DeviceFacts {
  std::string name, driver, board, firmware, transport, pci_address;  // transport: "RoCE", "InfiniBand", "iWARP"
  std::optional<int> numa_node;
  std::optional<PcieLink> pcie;
  unsigned most_qps = 0, most_cqs = 0, most_mrs = 0, most_srqs = 0, most_sges = 0;
  std::uint64_t largest_mr = 0;  // B
  bool atomics = false, xrc = false, on_demand_paging = false;
  std::vector<PortFacts> ports;
  std::string problem;  // why it could not be opened; then only the name is known
};

struct HostFacts {
  std::optional<std::uint64_t> locked_memory;  // B that a process may lock; empty: no limit
  std::uint64_t huge_pages = 0;                // reserved, of the default size
  bool iommu = false, iommu_passthrough = false;
  bool gpu_peer_memory = false;             // nvidia_peermem is loaded
  std::optional<std::string> cpu_governor;  // of CPU 0
};

struct Inventory {
  HostFacts host;
  std::vector<DeviceFacts> devices;
};

// Errors: kEnvironment when there is no device, or the kernel's RDMA support cannot be reached.
[[nodiscard]] Expected<Inventory> take_inventory();

// The parts that come from /sys and /proc alone.
[[nodiscard]] HostFacts host_facts(const Sysfs& sysfs);
[[nodiscard]] std::optional<PcieLink> pcie_link(const std::string& device_folder, const Sysfs& sysfs);

}  // namespace weft::verbs
