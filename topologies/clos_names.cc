// Names of a Clos fabric's parts and the way back.
#include <fmt/format.h>

#include "topologies/clos.h"
#include "topologies/node_names.h"

namespace weft {

std::string ClosTopology::plane_prefix(std::uint32_t plane) const {
  return shape_.planes > 1 ? fmt::format("p{}.", plane) : std::string();
}

std::string ClosTopology::name(NodeRef node) const {
  std::uint32_t per_plane = 0;
  switch (node.kind) {
    case NodeKind::kLeaf:
      per_plane = shape_.leaves();
      break;
    case NodeKind::kSpine:
      per_plane = shape_.total_spines();
      break;
    case NodeKind::kCore:
      per_plane = shape_.total_cores();
      break;
    default:
      return endpoint_name(*this, node);
  }
  return fmt::format("{}{}{}", plane_prefix(node.index / per_plane), to_text(node.kind), node.index % per_plane);
}

std::string ClosTopology::name(LinkId link) const {
  const LinkEnds e = ends(link);
  const std::uint32_t cable = link.value / 2;
  std::string text = name(e.from) + ">" + name(e.to);
  const LinkTier t = tier(link);
  if (t == LinkTier::kLeafSpine && shape_.trunk > 1) {
    text += fmt::format("#{}", (cable - first_leaf_spine_) % shape_.trunk);
  } else if (t == LinkTier::kSpineCore && shape_.core_trunk > 1) {
    text += fmt::format("#{}", (cable - first_spine_core_) % shape_.core_trunk);
  }
  return text;
}

std::optional<NodeRef> ClosTopology::find_node(std::string_view text) const {
  if (const auto endpoint = find_endpoint(*this, text)) return endpoint;
  std::uint32_t plane = 0;
  if (shape_.planes > 1) {
    const auto p = take_numbered(text, "p");
    if (!p || *p >= shape_.planes || !text.starts_with('.')) return std::nullopt;
    plane = *p;
    text.remove_prefix(1);
  }
  for (const NodeKind kind : {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore}) {
    std::string_view rest = text;
    const auto index = take_numbered(rest, to_text(kind));
    if (!index || !rest.empty()) continue;
    const std::uint32_t per_plane = switch_count(kind) / shape_.planes;
    if (*index >= per_plane) return std::nullopt;
    return NodeRef{kind, plane * per_plane + *index};
  }
  return std::nullopt;
}

std::optional<LinkId> ClosTopology::find_up_link(NodeRef from, NodeRef to, std::uint32_t parallel) const {
  LinkId candidate;
  if (from.kind == NodeKind::kGpu && to.kind == NodeKind::kScaleUpSwitch) {
    candidate = scale_up_link(GpuId{from.index}, false);
  } else if (from.kind == NodeKind::kNicPort && to.kind == NodeKind::kLeaf) {
    candidate = host_link(PortId{from.index}, false);
  } else if (from.kind == NodeKind::kLeaf && to.kind == NodeKind::kSpine && parallel < shape_.trunk) {
    const std::uint32_t c1 = to.index % shape_.spines * shape_.trunk + parallel;
    candidate = LinkId{2 * leaf_spine_cable(0, from.index, c1)};
  } else if (from.kind == NodeKind::kSpine && to.kind == NodeKind::kCore && parallel < shape_.core_trunk) {
    const std::uint32_t c2 = to.index % shape_.cores * shape_.core_trunk + parallel;
    candidate = LinkId{2 * spine_core_cable(0, from.index, c2)};
  } else {
    return std::nullopt;
  }
  // Right kinds may still stand in different blocks, groups or planes.
  const LinkEnds e = ends(candidate);
  if (e.from != from || e.to != to) return std::nullopt;
  return candidate;
}

std::optional<LinkId> ClosTopology::find_link(std::string_view text) const {
  const auto parts = split_link_name(text);
  if (!parts) return std::nullopt;
  const auto from = find_node(parts->from);
  const auto to = find_node(parts->to);
  if (!from || !to) return std::nullopt;
  const std::uint32_t parallel = parts->parallel.value_or(0);
  std::optional<LinkId> link = find_up_link(*from, *to, parallel);
  if (!link) {
    link = find_up_link(*to, *from, parallel);
    if (link) link->value += 1;
  }
  // "#i" belongs to parallel links and to no other.
  if (link && parts->parallel.has_value() != (name(*link).find('#') != std::string::npos)) return std::nullopt;
  return link;
}

}  // namespace weft
