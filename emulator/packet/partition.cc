#include "emulator/packet/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace weft::packet {
namespace {

constexpr std::uint32_t kMostParts = 4096;
constexpr std::uint32_t kNoPod = 0xFFFFFFFFU;

// Sets of hosts and switches, united along cables.
class Sets {
 public:
  explicit Sets(std::uint32_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0U); }
  [[nodiscard]] std::uint32_t find(std::uint32_t x) {
    for (; parent_[x] != x; x = parent_[x]) parent_[x] = parent_[parent_[x]];
    return x;
  }
  void unite(std::uint32_t a, std::uint32_t b) { parent_[find(b)] = find(a); }

 private:
  std::vector<std::uint32_t> parent_;
};

// Hosts, leaves and spines in one row of numbers.
struct Row {
  std::uint32_t hosts, leaves, spines;
  [[nodiscard]] std::uint32_t count() const { return hosts + leaves + spines; }
};

std::uint32_t place_of(const Topology& topology, const Row& row, NodeRef node) {
  const HostsSpec& hosts = topology.spec().hosts;
  switch (node.kind) {
    case NodeKind::kNicPort:
      return node.index / (hosts.nics * hosts.ports_per_nic);
    case NodeKind::kLeaf:
      return row.hosts + node.index;
    case NodeKind::kSpine:
      return row.hosts + row.leaves + node.index;
    default:
      return kNoPod;
  }
}

Sets unite(const Topology& topology, const Row& row, bool with_spines) {
  Sets sets(row.count());
  const std::uint32_t gpus = topology.spec().hosts.gpus;
  for (std::uint32_t gpu = gpus; gpu < topology.gpu_count(); gpu += gpus) {  // domains of several hosts
    if (topology.same_domain(GpuId{gpu - 1}, GpuId{gpu})) sets.unite(gpu / gpus - 1, gpu / gpus);
  }
  for (std::uint32_t link = topology.first_host_link(); link < topology.link_count(); link += 2) {
    const LinkTier tier = topology.tier(LinkId{link});
    if (tier != LinkTier::kHost && !(with_spines && tier == LinkTier::kLeafSpine)) continue;
    const LinkEnds ends = topology.ends(LinkId{link});
    const std::uint32_t a = place_of(topology, row, ends.from), b = place_of(topology, row, ends.to);
    if (a != kNoPod && b != kNoPod) sets.unite(a, b);
  }
  return sets;
}

// Part of each pod: by its middle host, and none stays empty. REQUIRES: hosts.size() >= parts.
std::vector<std::uint16_t> deal_out(const std::vector<std::uint32_t>& hosts, std::uint64_t all, std::uint32_t parts) {
  const auto pods = static_cast<std::uint32_t>(hosts.size());
  std::vector<std::uint16_t> part;
  std::uint64_t before = 0;
  for (std::uint32_t pod = 0; pod < pods; ++pod) {
    const auto even = static_cast<std::uint32_t>((2 * before + hosts[pod]) * parts / (2 * all));
    const std::uint32_t most = pod == 0 ? 0 : std::min(part.back() + 1U, parts - 1);
    const std::uint32_t least = parts - std::min(parts, pods - pod);
    part.push_back(static_cast<std::uint16_t>(std::clamp(even, least, most)));
    before += hosts[pod];
  }
  return part;
}

}  // namespace

// By place in the row; kNoPod where no host is.
struct Partition::Pods {
  std::vector<std::uint32_t> of;
  std::vector<std::uint32_t> hosts;  // how many each has, in the order of their first host
};

Partition::Pods Partition::find_pods(const Topology& topology, bool with_spines) {
  const Row row{topology.host_count(), topology.switch_count(NodeKind::kLeaf), topology.switch_count(NodeKind::kSpine)};
  Sets sets = unite(topology, row, with_spines);
  std::vector<std::uint32_t> pod_of_set(row.count(), kNoPod);
  Pods pods;
  for (std::uint32_t place = 0; place < row.count(); ++place) {
    std::uint32_t& pod = pod_of_set[sets.find(place)];
    if (place < row.hosts && pod == kNoPod) {
      pod = static_cast<std::uint32_t>(pods.hosts.size());
      pods.hosts.push_back(0);
    }
    if (place < row.hosts) ++pods.hosts[pod];
    pods.of.push_back(pod);
  }
  return pods;
}

std::uint32_t Partition::part_of(NodeRef node) const {
  switch (node.kind) {
    case NodeKind::kGpu:
      return hosts_[topology_->host_of(GpuId{node.index}).value];
    case NodeKind::kScaleUpSwitch: {
      const HostsSpec& hosts = topology_->spec().hosts;
      return hosts_[std::uint64_t{node.index} * hosts.scale_up.domain_gpus / hosts.gpus];
    }
    case NodeKind::kNicPort:
      return hosts_[node.index / (topology_->spec().hosts.nics * topology_->spec().hosts.ports_per_nic)];
    case NodeKind::kLeaf:
      return leaves_[node.index];
    case NodeKind::kSpine:
      return spines_[node.index];
    case NodeKind::kCore:
      return cores_[node.index];
  }
  return 0;
}

bool Partition::crosses(LinkId link) const {
  if (link.value < topology_->first_fabric_link()) return false;  // a host is with its leaves
  const LinkEnds ends = topology_->ends(link);
  return part_of(ends.from) != part_of(ends.to);
}

// Pods are few; the rest of the fabric is dealt out.
Partition::Partition(const Topology& topology, std::uint32_t parts, const Pods& pods)
    : topology_(&topology), parts_(parts) {
  const auto part = deal_out(pods.hosts, topology.host_count(), parts);
  const auto fill = [&](std::vector<std::uint16_t>& out, std::uint32_t count, const std::uint32_t* pod) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool above = pod == nullptr || pod[i] == kNoPod;
      out.push_back(above ? static_cast<std::uint16_t>(std::uint64_t{i} * parts / count) : part[pod[i]]);
    }
  };
  const std::uint32_t hosts = topology.host_count(), leaves = topology.switch_count(NodeKind::kLeaf);
  fill(hosts_, hosts, pods.of.data());
  fill(leaves_, leaves, pods.of.data() + hosts);
  fill(spines_, topology.switch_count(NodeKind::kSpine), pods.of.data() + hosts + leaves);
  fill(cores_, topology.switch_count(NodeKind::kCore), nullptr);
}

Expected<Partition> Partition::by_pod(const Topology& topology, std::uint32_t parts) {
  if (parts > kMostParts)
    return input_error("too many parts of a fabric", fmt::format("{}", parts), fmt::format("at most {}", kMostParts));
  const bool has_cores = topology.switch_count(NodeKind::kCore) > 0;
  Pods pods = find_pods(topology, has_cores);  // without cores spines join all leaves
  if (has_cores && pods.hosts.size() < parts) pods = find_pods(topology, false);
  if (pods.hosts.size() < parts)
    return input_error("the fabric has fewer pods than parts", fmt::format("{}", parts),
                       "start fewer processes: a pod is not cut");
  return Partition(topology, parts, pods);
}

}  // namespace weft::packet
