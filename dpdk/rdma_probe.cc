#include "dpdk/rdma_probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_flow.h>

#include <algorithm>
#include <filesystem>

namespace weft::dpdk {

std::vector<std::string> rdma_devices_of(const std::string& bus_address, const std::string& sysfs) {
  std::vector<std::string> devices;
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(sysfs) / "bus/pci/devices" / bus_address / "infiniband";
  if (bus_address.find('/') != std::string::npos) return devices;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
    devices.push_back(entry.path().filename());
  std::ranges::sort(devices);
  return devices;
}

std::string why_no_flow_rule(const Port& port) {
  rte_flow_attr attributes{};
  attributes.ingress = 1;
  rte_flow_item_udp udp{}, mask{};
  udp.hdr.dst_port = rte_cpu_to_be_16(wire::kRoceV2Port);
  mask.hdr.dst_port = 0xFFFF;
  rte_flow_item items[4]{};
  items[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  items[1].type = RTE_FLOW_ITEM_TYPE_IPV4;
  items[2].type = RTE_FLOW_ITEM_TYPE_UDP;
  items[2].spec = &udp;
  items[2].mask = &mask;
  items[3].type = RTE_FLOW_ITEM_TYPE_END;
  const rte_flow_action_queue queue{0};
  rte_flow_action actions[2]{};
  actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
  actions[0].conf = &queue;
  actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  rte_flow_error error{};
  if (rte_flow_validate(port.index(), &attributes, items, actions, &error) == 0) return {};
  return error.message == nullptr ? "no reason given" : error.message;
}

std::string rdma_warning(const PortFacts& facts, const std::vector<std::string>& devices, const std::string& refusal) {
  if (devices.empty()) return {};
  return fmt::format(
      "port {} is RDMA device {} too: its RDMA engine may take UDP 4791 before DPDK sees it. {}; or turn RoCE off "
      "(devlink dev param set pci/{} name enable_roce value false cmode driverinit, then devlink dev reload)",
      facts.name, fmt::join(devices, ", "),
      refusal.empty() ? "The driver takes a flow rule for UDP 4791: run in isolated mode with one (docs/hardware.md)"
                      : "The driver takes no flow rule for UDP 4791 (" + refusal + ")",
      facts.name);
}

}  // namespace weft::dpdk
