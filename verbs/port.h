// The device, port and GID that traffic uses: as asked, or chosen where one is right.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fabric/error.h"
#include "verbs/owned.h"

namespace weft::verbs {

using Gid = std::array<std::uint8_t, 16>;

// "::ffff:192.0.2.1" or "fe80::1".
[[nodiscard]] std::string to_text(const Gid& gid);
// The GID that an address has: IPv4 as ::ffff:a.b.c.d. Errors: kInput.
[[nodiscard]] Expected<Gid> gid_of_address(const std::string& address);

// The device that rdma_cm uses from a local address: for iWARP, whose GIDs are no addresses. Empty: none.
[[nodiscard]] std::string cm_device_of(const std::string& address);

struct PortRequest {
  std::string device;         // empty: the one that has `local_address`, else the only one that is active
  unsigned port = 0;          // 0: the first active one
  int gid_index = -1;         // -1: that of `local_address`, else the first RoCEv2 one that maps an IPv4 address
  std::string local_address;  // of the connection to the peer; may be empty
};

struct Port {
  Owned<ibv_context> context;
  std::string device;
  ibv_device_attr limits{};
  ibv_port_attr state{};
  std::uint8_t number = 1;
  int gid_index = 0;
  Gid gid{};
  bool iwarp = false;              // connects by rdma_cm only
  std::vector<std::string> notes;  // what was chosen without being asked, a sentence each
};

// Errors: kEnvironment: no device, no active port, no permission; kInput: no such device, port or GID.
[[nodiscard]] Expected<Port> open_port(const PortRequest& request);

}  // namespace weft::verbs
