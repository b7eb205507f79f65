// What a switch must agree with the NIC's netdev on: PFC, trust, ECN, pause, MTU.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "verbs/optics.h"
#include "verbs/sysfs.h"

namespace weft::verbs {

// Empty members could not be read: the driver has no DCB, or the file is not there.
struct NetdevSettings {
  std::string name;
  std::uint32_t mtu = 0;                              // B
  std::optional<std::uint8_t> pfc_priorities;         // a bit each, 802.1Qbb
  std::optional<bool> trusts_dscp;                    // else PCP
  std::optional<std::uint8_t> ecn_reaction;           // priorities whose QPs slow down on CNPs (mlx5)
  std::optional<std::uint8_t> ecn_notification;       // priorities whose CE marks bring CNPs (mlx5)
  std::optional<bool> receive_pause, transmit_pause;  // global pause, 802.3x
  std::optional<Optics> optics;                       // of the pluggable module; root alone may read them
};

[[nodiscard]] NetdevSettings netdev_settings(const std::string& name, const Sysfs& sysfs);

// PFC and trust of a reply to RTM_GETDCB (linux/dcbnl.h, IEEE 802.1Qaz): attributes as the kernel sent them, not
// trusted.
void read_dcb_reply(std::span<const std::uint8_t> attributes, NetdevSettings& settings);

}  // namespace weft::verbs
