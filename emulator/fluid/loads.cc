#include "emulator/fluid/loads.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "topologies/clos.h"

namespace weft {
namespace {

// Adds `amount(variable) x weight` of every entry to the links behind its resource.
template <typename Amount>
std::vector<double> spread_over_links(const FlowSet& flows, const Router& router, std::uint32_t links, Amount amount) {
  std::vector<double> of_resource(router.resource_count(), 0.0);
  const MaxMinArrays& arrays = flows.arrays;
  for (std::size_t v = 0; v + 1 < arrays.offsets.size(); ++v) {
    const double value = amount(v);
    for (std::uint32_t e = arrays.offsets[v]; e < arrays.offsets[v + 1]; ++e)
      of_resource[arrays.resources[e]] += arrays.weights.empty() ? value : value * arrays.weights[e];
  }
  std::vector<double> of_link(of_resource.begin(), of_resource.begin() + links);
  for (std::uint32_t r = links; r < router.resource_count(); ++r) {
    if (of_resource[r] == 0.0) continue;
    const std::uint32_t size = router.pool_size(r);
    for (std::uint32_t i = 0; i < size; ++i) of_link[router.pool_link(r, i).value] += of_resource[r] / size;
  }
  return of_link;
}

double rate_of(const Topology& topology, LinkId link) {
  return static_cast<double>(topology.rate(link).bits_per_second);
}

// The rate of a healthy link of each tier: the largest seen.
std::array<double, 4> nominal_rates(const Topology& topology) {
  std::array<double, 4> nominal{};
  for (std::uint32_t l = 0; l < topology.link_count(); l += 2) {
    double& rate = nominal[static_cast<std::size_t>(topology.tier(LinkId{l}))];
    rate = std::max(rate, rate_of(topology, LinkId{l}));
  }
  return nominal;
}

struct PoolSums {
  std::vector<double> bits, live, healthy;  // capacity in bits/s
};

// Links of an explicit fabric may differ by design: no telling what failed.
bool is_uniform(const Topology& topology) { return topology.spec().topology.kind != TopologyKind::kExplicit; }

PoolSums sum_pools(const Topology& topology, const LinkPools& pools, const std::vector<double>& bits,
                   const TierShares& shares, const std::array<double, 4>& nominal) {
  const bool uniform = is_uniform(topology);
  PoolSums sums{std::vector<double>(pools.count(), 0.0), std::vector<double>(pools.count(), 0.0),
                std::vector<double>(pools.count(), 0.0)};
  for (std::uint32_t l = topology.first_fabric_link(); l < topology.link_count(); ++l) {
    const LinkId link{l};
    const LinkTier tier = topology.tier(link);
    const std::uint32_t pool = pools.of(link);
    const double live = rate_of(topology, link) * shares.of(tier);
    sums.bits[pool] += bits[l];
    sums.live[pool] += live;
    sums.healthy[pool] += uniform ? nominal[static_cast<std::size_t>(tier)] * shares.of(tier) : live;
  }
  return sums;
}

// Drain time of the busiest NIC with all its ports as built: what a host could do at best. Seconds.
double busiest_nic(const Topology& topology, const std::vector<double>& bits, const std::array<double, 4>& nominal) {
  const std::uint32_t per_nic = topology.spec().hosts.ports_per_nic;
  const bool uniform = is_uniform(topology);
  double busiest = 0;
  for (std::uint32_t first = 0; first < topology.port_count(); first += per_nic) {
    for (const bool down : {false, true}) {
      double sum = 0, rate = 0;
      for (std::uint32_t p = first; p < first + per_nic; ++p) {
        const LinkId link = topology.host_link(PortId{p}, down);
        sum += bits[link.value];
        rate += uniform ? nominal[static_cast<std::size_t>(LinkTier::kHost)] : rate_of(topology, link);
      }
      if (sum > 0) busiest = std::max(busiest, sum / rate);
    }
  }
  return busiest;
}

}  // namespace

LinkPools::LinkPools(const Topology& topology) : topology_(topology) {
  if (const auto* clos = dynamic_cast<const ClosTopology*>(&topology)) {
    leaf_pools_ = 2 * clos->shape().planes * clos->shape().leaves();
    count_ = leaf_pools_ + 2 * clos->shape().planes * clos->shape().blocks;
  } else {
    leaf_pools_ = 2 * topology.switch_count(NodeKind::kLeaf);
    count_ = leaf_pools_ + 2 * topology.switch_count(NodeKind::kSpine);
  }
}

std::uint32_t LinkPools::of(LinkId link) const {
  const bool down = (link.value & 1U) != 0;
  const LinkEnds ends = topology_.ends(link);
  const std::uint32_t lower = down ? ends.to.index : ends.from.index;
  if (topology_.tier(link) == LinkTier::kLeafSpine) return 2 * lower + (down ? 1U : 0U);
  std::uint32_t block = lower;  // an explicit fabric: each spine for itself
  if (const auto* clos = dynamic_cast<const ClosTopology*>(&topology_)) block = lower / clos->shape().spines;
  return leaf_pools_ + 2 * block + (down ? 1U : 0U);
}

std::vector<double> link_bits(const FlowSet& flows, const Router& router, std::uint32_t links) {
  return spread_over_links(flows, router, links, [&](std::size_t v) { return flows.work[v]; });
}

std::vector<double> link_flows(const FlowSet& flows, const Router& router, std::uint32_t links) {
  return spread_over_links(flows, router, links, [](std::size_t) { return 1.0; });
}

DataTime explain_time(const Topology& topology, const LinkPools& pools, const std::vector<double>& bits,
                      const TierShares& shares, double seconds, std::string& tier) {
  const std::array<double, 4> nominal = nominal_rates(topology);
  const bool uniform = is_uniform(topology);
  const double nic = busiest_nic(topology, bits, nominal);
  double gpu = 0, healthy = 0, live = 0, worst = 0;  // drain times of links no path can avoid, and of any
  std::size_t worst_class = 0;
  for (std::uint32_t l = 0; l < topology.link_count(); ++l) {
    if (bits[l] == 0.0) continue;
    const LinkId link{l};
    const LinkTier link_tier = topology.tier(link);
    const double payload_drain = bits[l] / rate_of(topology, link) / shares.of(link_tier);
    if (payload_drain > worst) {
      worst = payload_drain;
      worst_class = link_class(topology, link);
    }
    if (l >= topology.first_fabric_link()) continue;
    const double drain = bits[l] / (uniform ? nominal[static_cast<std::size_t>(link_tier)] : rate_of(topology, link));
    if (l < topology.first_host_link()) gpu = std::max(gpu, drain);
    healthy = std::max(healthy, drain / shares.of(link_tier));
    live = std::max(live, payload_drain);
  }
  tier = link_class_name(worst_class);
  const PoolSums sums = sum_pools(topology, pools, bits, shares, nominal);
  double pooled_healthy = healthy, pooled_live = live;
  for (std::uint32_t p = 0; p < pools.count(); ++p) {
    if (sums.bits[p] == 0.0) continue;
    pooled_healthy = std::max(pooled_healthy, sums.bits[p] / sums.healthy[p]);
    pooled_live = std::max(pooled_live, sums.bits[p] / sums.live[p]);
  }
  DataTime time;
  time.ideal = nic > 0 ? nic : gpu;
  time.scale_up = std::max(gpu, time.ideal) - time.ideal;
  const double whole = std::max(nic / shares.host, gpu / shares.scale_up);  // all ports of each NIC shared evenly
  time.protocol = std::max(0.0, std::min(whole, healthy) - time.ideal - time.scale_up);
  time.oversubscription = pooled_healthy - healthy;
  time.failures = pooled_live - pooled_healthy;
  // Ports of one NIC that carry unequal shares: the hash of the pair dealt them, or a port is dead.
  const double uneven_ports = std::max(0.0, healthy - whole);
  time.hash_collisions = std::max(0.0, seconds - pooled_live);
  (topology.spec().failing_from_start() ? time.failures : time.hash_collisions) += uneven_ports;
  return time;
}

}  // namespace weft
