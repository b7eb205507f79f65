// The part of routing that hosts decide: which NIC ports a QP uses, and the way through the scale-up domain.
#pragma once

#include <algorithm>
#include <cstdint>

#include "topologies/hash.h"
#include "topologies/reachability.h"
#include "topologies/routing.h"

namespace weft {

// Port choice. A connection on channel c uses NIC c % (NICs of the GPU); its QPs take that NIC's ports in turn, from a
// first one that a hash of the pair picks (bonded ports, planes), and arrive at the port of the same index, so that
// both ends are on the same plane. A connection with fewer QPs than its NIC has ports therefore uses only that many of
// them. Under spray a connection is one path over all ports of one NIC: NIC c % (NICs of the GPU), split evenly.
//
// Port failure. Where that pair of ports has no live path, the QP moves to the next index at both ends, then to any
// pair of ports that still has a path (a bonded dual-ToR NIC; host routes withdrawn where a leaf is cut off).
//
// PXN (Via::kRailAligned, and kAuto where no pair of ports can ever meet): scale-up to a GPU of the source's domain
// that is on the destination's rail and plane, the one with the destination's place in the source's host first.
class HostPorts {
 public:
  // Which pairs of ports a search may use.
  enum class Pairs : std::uint8_t { kAny, kAligned };

  // Both must outlive it.
  HostPorts(const Topology& topology, const Reachability& reach, std::uint64_t seed);

  [[nodiscard]] bool sprays() const { return sprays_; }
  // Single paths of a connection: its QPs, or 1 inside a scale-up domain.
  [[nodiscard]] std::uint32_t qps(const Connection& connection, Via via) const;
  // Within one domain whose two cables are alive.
  [[nodiscard]] bool scale_up(GpuId from, GpuId to) const;
  // The cable of the GPU, where it has one alive.
  [[nodiscard]] bool scale_up_half(GpuId gpu) const;

  // Calls use(GPU, Pairs), which says whether it found a way from that GPU's ports, for the source and then for each
  // proxy that may send in its place, until one has. REQUIRES: not scale_up(source, destination).
  template <class Use>
  bool first_sender(const Connection& c, Via via, Use use) const;
  // Calls use(from, to), which says whether the pair has a path, for pairs with live host links in the order of the
  // rules above, until one has.
  template <class Use>
  bool first_pair(GpuId sender, const Connection& c, std::uint32_t qp, Pairs pairs, Use use) const;
  // Spray: calls use(from, to, live) for each of the `live` pairs that share the connection evenly. Returns `live`.
  template <class Use>
  std::uint32_t each_spray_pair(GpuId sender, const Connection& c, Pairs pairs, Use use) const;

  [[nodiscard]] std::uint32_t qpn(GpuId owner, GpuId peer, const Connection& c, std::uint32_t qp) const {
    return queue_pair_number(seed_, owner, peer, c.channel, qp);
  }
  // Of what switches hash: the 5-tuple, or without routing.hash.udp_source_port the 3-tuple.
  [[nodiscard]] bool hashes_source_port() const { return hashes_source_port_; }
  [[nodiscard]] std::uint64_t digest(PortId from, PortId to, std::uint16_t udp_source_port) const {
    const FiveTuple tuple{
        .source_ip = port_address(from), .destination_ip = port_address(to), .source_port = udp_source_port};
    return hashes_source_port_ ? digest_five_tuple(tuple) : digest_three_tuple(tuple);
  }

 private:
  [[nodiscard]] bool pair_works(PortId from, PortId to, Pairs pairs) const;
  [[nodiscard]] bool ever_meet(GpuId from, GpuId to) const;
  [[nodiscard]] bool host_alive(PortId port) const {
    return reach_->alive(topology_->host_link(port, false).value / 2);
  }
  [[nodiscard]] std::uint32_t first_port(const Connection& c, std::uint32_t qp) const;
  [[nodiscard]] PortId port_of(GpuId gpu, std::uint32_t k) const {
    return whole_nics_ ? PortId{gpu.value * ports_per_gpu_ + k} : topology_->port_of(gpu, k);
  }

  const Topology* topology_;
  const Reachability* reach_;
  std::uint32_t ports_per_gpu_;
  bool whole_nics_;  // each GPU has NICs of its own, so that ports count through the GPUs
  bool sprays_, hashes_source_port_;
  std::uint64_t seed_;
};

template <class Use>
bool HostPorts::first_sender(const Connection& c, Via via, Use use) const {
  const Pairs pairs = via == Via::kRailAligned ? Pairs::kAligned : Pairs::kAny;
  if (use(c.source, pairs)) return true;
  // A GPU whose own ports are dead does not borrow a neighbour's: its communicator fails.
  if (pairs == Pairs::kAny && ever_meet(c.source, c.destination)) return false;
  if (!topology_->has_scale_up()) return false;
  const auto by_way_of = [&](GpuId proxy) {
    return proxy != c.source && proxy != c.destination && scale_up(c.source, proxy) && use(proxy, pairs);
  };
  const HostsSpec& hosts = topology_->spec().hosts;
  const GpuId same_place{topology_->host_of(c.source).value * hosts.gpus + c.destination.value % hosts.gpus};
  if (by_way_of(same_place)) return true;
  const std::uint32_t first = topology_->domain_of(c.source) * hosts.scale_up.domain_gpus;
  const std::uint32_t size = std::min(hosts.scale_up.domain_gpus, topology_->gpu_count() - first);
  for (std::uint32_t i = 1; i < size; ++i) {
    const GpuId proxy{first + (c.source.value - first + i) % size};
    if (proxy != same_place && by_way_of(proxy)) return true;
  }
  return false;
}

template <class Use>
bool HostPorts::first_pair(GpuId sender, const Connection& c, std::uint32_t qp, Pairs pairs, Use use) const {
  const std::uint32_t ports = ports_per_gpu_;
  const auto try_pair = [&](std::uint32_t i, std::uint32_t j) {
    const PortId from = port_of(sender, i), to = port_of(c.destination, j);
    if (!host_alive(from) || !host_alive(to)) return false;
    if (pairs == Pairs::kAligned && !reach_->aligned(from, to)) return false;
    return use(from, to);
  };
  const std::uint32_t first = ports == 1 ? 0 : first_port(c, qp);
  for (std::uint32_t i = 0; i < ports; ++i) {
    if (try_pair((first + i) % ports, (first + i) % ports)) return true;
  }
  for (std::uint32_t i = 0; i < ports; ++i) {
    for (std::uint32_t j = 1; j < ports; ++j) {
      if (try_pair((first + i) % ports, (first + i + j) % ports)) return true;
    }
  }
  return false;
}

template <class Use>
std::uint32_t HostPorts::each_spray_pair(GpuId sender, const Connection& c, Pairs pairs, Use use) const {
  const std::uint32_t ports = ports_per_gpu_;
  const std::uint32_t per_nic = topology_->spec().hosts.ports_per_nic;
  const std::uint32_t nics = ports / per_nic;
  for (std::uint32_t n = 0; n < nics; ++n) {
    const std::uint32_t first = (c.channel + n) % nics * per_nic;
    std::uint32_t live = 0;
    const auto from = [&](std::uint32_t i) { return port_of(sender, first + i); };
    const auto to = [&](std::uint32_t i) { return port_of(c.destination, first + i); };
    for (std::uint32_t i = 0; i < per_nic; ++i) live += pair_works(from(i), to(i), pairs) ? 1U : 0U;
    if (live == 0) continue;
    for (std::uint32_t i = 0; i < per_nic; ++i) {
      if (pair_works(from(i), to(i), pairs)) use(from(i), to(i), live);
    }
    return live;
  }
  for (std::uint32_t i = 0; i < ports; ++i) {
    for (std::uint32_t j = 0; j < ports; ++j) {
      const PortId a = port_of(sender, i), b = port_of(c.destination, j);
      if (!pair_works(a, b, pairs)) continue;
      use(a, b, 1U);
      return 1;
    }
  }
  return 0;
}

}  // namespace weft
