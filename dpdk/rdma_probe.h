// Whether a NIC's RDMA engine may take RoCEv2 before DPDK sees it, and what to do.
#pragma once

#include <string>
#include <vector>

#include "dpdk/port.h"

namespace weft::dpdk {

// RDMA devices of the NIC at that bus address, as mlx5_0; none for a virtual port. `sysfs`: where the kernel's files
// are.
[[nodiscard]] std::vector<std::string> rdma_devices_of(const std::string& bus_address,
                                                       const std::string& sysfs = "/sys");

// Asks the driver whether a flow rule could bring UDP 4791 to a queue of ours. Empty: it could; else why not.
[[nodiscard]] std::string why_no_flow_rule(const Port& port);

// For people: empty where no RDMA engine is in the way. `refusal`: what why_no_flow_rule() said.
[[nodiscard]] std::string rdma_warning(const PortFacts& facts, const std::vector<std::string>& devices,
                                       const std::string& refusal);

}  // namespace weft::dpdk
