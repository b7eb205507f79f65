// Checks of an explicit topology's switches and links.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "topologies/spec_validate.h"

namespace weft {

// "host3.nic1" (where a NIC has one port) or "host3.nic1.port0" -> port number within the fabric, in the order of
// fabric/topology.h; nullopt when the text is no such name or no such port exists.
[[nodiscard]] std::optional<std::uint32_t> find_nic_port(const HostsSpec& hosts, std::string_view name);

// Names are unique and in use, ends exist, a NIC port has one cable. Linear in switches + links.
[[nodiscard]] std::optional<SpecFault> find_explicit_fault(const FabricSpec& spec);

}  // namespace weft
