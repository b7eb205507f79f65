#include "topologies/clos.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

namespace weft {
namespace {

// A million GPUs with eight planes each stay far below; ids are 32 bits and a link is 2 * cable + direction.
constexpr std::uint64_t kMaxCables = std::uint64_t{1} << 30;

std::uint64_t cable_count(const Topology& topology, const ClosShape& s) {
  const std::uint64_t leaf_spine = std::uint64_t{s.planes} * s.leaves() * s.leaf_up();
  const std::uint64_t spine_core = s.tiers >= 3 ? std::uint64_t{s.planes} * s.total_spines() * s.spine_up() : 0;
  return topology.first_fabric_link() / 2 + leaf_spine + spine_core;
}

}  // namespace

ClosTopology::ClosTopology(FabricSpec fabric, ClosShape shape) : Topology(std::move(fabric)), shape_(shape) {
  const FabricSpec& s = spec();
  const Rate port = s.port_rate();
  tier_rate_[static_cast<int>(LinkTier::kScaleUp)] = s.hosts.scale_up.rate_per_gpu;
  tier_rate_[static_cast<int>(LinkTier::kHost)] = s.links.host.rate.value_or(port);
  tier_rate_[static_cast<int>(LinkTier::kLeafSpine)] = s.links.leaf_spine.rate.value_or(port);
  tier_rate_[static_cast<int>(LinkTier::kSpineCore)] = s.links.spine_core.rate.value_or(port);
  first_leaf_spine_ = first_fabric_link() / 2;
  first_spine_core_ = first_leaf_spine_ + shape_.planes * shape_.leaves() * shape_.leaf_up();
  link_count_ = static_cast<std::uint32_t>(2 * cable_count(*this, shape_));
}

Expected<std::unique_ptr<ClosTopology>> ClosTopology::create(FabricSpec spec, ClosShape shape) {
  std::unique_ptr<ClosTopology> topology(new ClosTopology(std::move(spec), shape));
  if (cable_count(*topology, shape) > kMaxCables) {
    return input_error("the fabric has too many cables", std::to_string(cable_count(*topology, shape)),
                       fmt::format("the limit is {}", kMaxCables));
  }
  if (!topology->spec().failures.empty()) {
    auto deviations = resolve_failures(*topology);
    if (!deviations) return tl::unexpected(std::move(deviations.error()));
    topology->deviations_ = std::move(*deviations);
  }
  return topology;
}

Attachment ClosTopology::attachment(PortId port) const {
  const HostsSpec& h = spec().hosts;
  const std::uint32_t per_host = h.nics * h.ports_per_nic;
  const std::uint32_t host = port.value / per_host;
  const std::uint32_t nic = port.value % per_host / h.ports_per_nic;
  const std::uint32_t j = port.value % h.ports_per_nic;

  Attachment at;
  // The host as one plane sees it: `nics` NICs of `ports` ports, this one being (local_nic, local_port).
  std::uint32_t nics = h.nics, ports = h.ports_per_nic, local_nic = nic, local_port = j;
  if (shape_.planes > 1 && shape_.split == PlaneSplit::kPort) {
    ports /= shape_.planes;
    at.plane = j % shape_.planes;
    local_port = j / shape_.planes;
  } else if (shape_.planes > 1) {
    nics /= shape_.planes;
    at.plane = nic / nics;
    local_nic = nic % nics;
  }

  if (!shape_.by_rail) {
    const std::uint32_t place = (host * nics + local_nic) * ports + local_port;
    at.leaf = place / shape_.leaf_down;
    at.leaf_port = place % shape_.leaf_down;
    return at;
  }
  const std::uint32_t rail = local_nic % shape_.rails;
  const std::uint32_t unit = host / shape_.unit_hosts;
  const std::uint32_t place =
      host % shape_.unit_hosts * shape_.rail_ports + local_nic / shape_.rails * ports + local_port;
  const std::uint32_t unit_leaf = place / shape_.leaf_down;
  at.leaf_port = place % shape_.leaf_down;
  if (shape_.rail_blocks) {
    const std::uint32_t block = unit / shape_.units_per_block * shape_.rails + rail;
    at.leaf = shape_.first_leaf(block) + unit % shape_.units_per_block * shape_.unit_leaves + unit_leaf;
  } else {
    at.leaf = (unit * shape_.rails + rail) * shape_.unit_leaves + unit_leaf;
  }
  return at;
}

LinkTier ClosTopology::tier(LinkId link) const {
  WEFT_DCHECK(link.value < link_count_);
  if (link.value < first_host_link()) return LinkTier::kScaleUp;
  if (link.value < first_fabric_link()) return LinkTier::kHost;
  return link.value / 2 < first_spine_core_ ? LinkTier::kLeafSpine : LinkTier::kSpineCore;
}

Rate ClosTopology::rate(LinkId link) const {
  const Rate full = tier_rate_[static_cast<int>(tier(link))];
  const std::uint32_t cable = link.value / 2;
  if (!deviations_.deviates(cable)) return full;
  return Rate{std::llround(static_cast<double>(full.bits_per_second) * deviations_.rate_factor(cable))};
}

Duration ClosTopology::delay(LinkId link) const {
  switch (tier(link)) {
    case LinkTier::kScaleUp:
      return Duration{};  // the whole latency of the domain is scale_up.latency
    case LinkTier::kHost:
      return spec().links.host.delay;
    case LinkTier::kLeafSpine:
      return spec().links.leaf_spine.delay;
    case LinkTier::kSpineCore:
      return spec().links.spine_core.delay;
  }
  return Duration{};
}

NodeRef ClosTopology::spine_of(std::uint32_t leaf_spine) const {
  const std::uint32_t leaf = leaf_spine / shape_.leaf_up();  // over all planes
  const std::uint32_t plane = leaf / shape_.leaves();
  const std::uint32_t block = shape_.block_of_leaf(leaf % shape_.leaves());
  const std::uint32_t j = leaf_spine % shape_.leaf_up() / shape_.trunk;
  return {NodeKind::kSpine, plane * shape_.total_spines() + block * shape_.spines + j};
}

NodeRef ClosTopology::core_of(std::uint32_t spine_core) const {
  const std::uint32_t spine = spine_core / shape_.spine_up();  // over all planes
  const std::uint32_t plane = spine / shape_.total_spines();
  const std::uint32_t block = spine % shape_.total_spines() / shape_.spines;
  const std::uint32_t group = spine % shape_.spines / shape_.group_spines;
  const std::uint32_t domain = block % shape_.core_domains;
  const std::uint32_t u = spine_core % shape_.spine_up() / shape_.core_trunk;
  return {NodeKind::kCore, plane * shape_.total_cores() + (domain * shape_.core_groups() + group) * shape_.cores + u};
}

LinkEnds ClosTopology::ends(LinkId link) const {
  const std::uint32_t cable = link.value / 2;
  LinkEnds up;
  switch (tier(link)) {
    case LinkTier::kScaleUp:
      up = {{NodeKind::kGpu, cable}, {NodeKind::kScaleUpSwitch, domain_of(GpuId{cable})}};
      break;
    case LinkTier::kHost: {
      const PortId port{cable - first_host_link() / 2};
      const Attachment at = attachment(port);
      up = {{NodeKind::kNicPort, port.value}, {NodeKind::kLeaf, at.plane * shape_.leaves() + at.leaf}};
      break;
    }
    case LinkTier::kLeafSpine: {
      const std::uint32_t offset = cable - first_leaf_spine_;
      up = {{NodeKind::kLeaf, offset / shape_.leaf_up()}, spine_of(offset)};
      break;
    }
    case LinkTier::kSpineCore: {
      const std::uint32_t offset = cable - first_spine_core_;
      up = {{NodeKind::kSpine, offset / shape_.spine_up()}, core_of(offset)};
      break;
    }
  }
  return link.value % 2 == 0 ? up : LinkEnds{up.to, up.from};
}

std::uint32_t ClosTopology::switch_count(NodeKind kind) const {
  switch (kind) {
    case NodeKind::kLeaf:
      return shape_.planes * shape_.leaves();
    case NodeKind::kSpine:
      return shape_.planes * shape_.total_spines();
    case NodeKind::kCore:
      return shape_.planes * shape_.total_cores();
    case NodeKind::kGpu:
      return 0;
    case NodeKind::kNicPort:
      return 0;
    case NodeKind::kScaleUpSwitch:
      return has_scale_up() ? (gpu_count() - 1) / spec().hosts.scale_up.domain_gpus + 1 : 0;
  }
  return 0;
}

}  // namespace weft
