// The text of node names, shared by every topology: "gpu17", "scaleup2", "host3.nic1.port0".
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fabric/topology.h"

namespace weft {

// "FROM>TO" or "FROM>TO#2".
struct LinkName {
  std::string_view from, to;
  std::optional<std::uint32_t> parallel;
};
[[nodiscard]] std::optional<LinkName> split_link_name(std::string_view text);

// Takes `prefix` and a decimal number (no sign, no leading zero) off the front of `text`.
[[nodiscard]] std::optional<std::uint32_t> take_numbered(std::string_view& text, std::string_view prefix);

// GPUs, scale-up switches and NIC ports; REQUIRES: node is one of these.
[[nodiscard]] std::string endpoint_name(const Topology& topology, NodeRef node);
// "host3.nic1" stands for its port 0 where a NIC has one port.
[[nodiscard]] std::optional<NodeRef> find_endpoint(const Topology& topology, std::string_view name);

}  // namespace weft
