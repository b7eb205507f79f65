#include "topologies/node_names.h"

#include <fmt/format.h>

namespace weft {

std::optional<std::uint32_t> take_numbered(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = text.substr(prefix.size());
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (length > 1 && digits[0] == '0') return std::nullopt;
  text = digits.substr(length);
  return value;
}

std::optional<LinkName> split_link_name(std::string_view text) {
  const std::size_t arrow = text.find('>');
  if (arrow == std::string_view::npos) return std::nullopt;
  LinkName name{text.substr(0, arrow), text.substr(arrow + 1), std::nullopt};
  const std::size_t hash = name.to.find('#');
  if (hash == std::string_view::npos) return name;
  std::string_view parallel = name.to.substr(hash);
  name.to = name.to.substr(0, hash);
  name.parallel = take_numbered(parallel, "#");
  if (!name.parallel || !parallel.empty()) return std::nullopt;
  return name;
}

std::string endpoint_name(const Topology& topology, NodeRef node) {
  const HostsSpec& h = topology.spec().hosts;
  if (node.kind == NodeKind::kGpu) return fmt::format("gpu{}", node.index);
  if (node.kind == NodeKind::kScaleUpSwitch) return fmt::format("scaleup{}", node.index);
  WEFT_CHECK(node.kind == NodeKind::kNicPort);
  const std::uint32_t nic = node.index / h.ports_per_nic;
  return fmt::format("host{}.nic{}.port{}", nic / h.nics, nic % h.nics, node.index % h.ports_per_nic);
}

std::optional<NodeRef> find_endpoint(const Topology& topology, std::string_view name) {
  const HostsSpec& h = topology.spec().hosts;
  std::string_view rest = name;
  if (const auto gpu = take_numbered(rest, "gpu")) {
    if (!rest.empty() || *gpu >= topology.gpu_count()) return std::nullopt;
    return NodeRef{NodeKind::kGpu, *gpu};
  }
  if (const auto domain = take_numbered(rest, "scaleup")) {
    if (!rest.empty() || *domain >= topology.switch_count(NodeKind::kScaleUpSwitch)) return std::nullopt;
    return NodeRef{NodeKind::kScaleUpSwitch, *domain};
  }
  const auto host = take_numbered(rest, "host");
  const auto nic = host ? take_numbered(rest, ".nic") : std::nullopt;
  if (!nic) return std::nullopt;
  std::optional<std::uint32_t> port = 0;
  if (!rest.empty() || h.ports_per_nic > 1) port = take_numbered(rest, ".port");
  if (!port || !rest.empty() || *host >= h.count || *nic >= h.nics || *port >= h.ports_per_nic) return std::nullopt;
  return NodeRef{NodeKind::kNicPort, (*host * h.nics + *nic) * h.ports_per_nic + *port};
}

}  // namespace weft
