// How large a frame the buffers of a virtual port are, by the arguments that it was made with: its driver neither tells
// nor refuses larger ones. No DPDK in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fabric/error.h"

namespace weft::dpdk {

struct VdevRoom {
  std::uint32_t frame = 0;  // bytes of the largest frame that passes whole, without FCS; 0: no limit known
  std::uint32_t mbuf = 0;   // bytes that the driver wants of a receive buffer; 0: whatever
};

// driver: "net_memif", "net_af_packet", ...; arguments: what follows the name in --vdev, "role=server,bsize=8192".
[[nodiscard]] VdevRoom vdev_room(std::string_view driver, std::string_view arguments);

// Errors: a frame of that size, without FCS, would not pass whole: which argument to give. `interface_mtu`: of the
// kernel interface behind a net_af_packet; 0: unknown.
[[nodiscard]] Expected<void> check_vdev_room(const std::string& name, std::string_view driver,
                                             std::string_view arguments, std::uint32_t largest_frame,
                                             std::uint32_t interface_mtu);

// The value of `key` in such arguments; empty where there is none.
[[nodiscard]] std::string vdev_argument(std::string_view arguments, std::string_view key);

}  // namespace weft::dpdk
