// The part of routing that hosts decide: which NIC port a QP leaves from, and the way through the scale-up domain.
// What the switches decide is left to the subclass.
#pragma once

#include <cstdint>
#include <vector>

#include "topologies/hash.h"
#include "topologies/routing.h"

namespace weft {

// A set of cables as bits; no memory while it is empty.
class CableSet {
 public:
  void insert(std::uint32_t cable) {
    if (cable / 64 >= bits_.size()) bits_.resize(cable / 64 + 1);
    bits_[cable / 64] |= std::uint64_t{1} << (cable % 64);
  }
  [[nodiscard]] bool contains(std::uint32_t cable) const {
    return cable / 64 < bits_.size() && (bits_[cable / 64] >> (cable % 64) & 1U) != 0;
  }
  [[nodiscard]] bool empty() const { return bits_.empty(); }

 private:
  std::vector<std::uint64_t> bits_;
};

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
class EndpointRouter : public Router {
 public:
  [[nodiscard]] double capacity(std::uint32_t resource) const override;
  [[nodiscard]] std::uint32_t resource_count() const override { return topology_->link_count(); }
  [[nodiscard]] std::uint32_t pool_size(std::uint32_t) const override { return 1; }
  [[nodiscard]] LinkId pool_link(std::uint32_t resource, std::uint32_t) const override { return LinkId{resource}; }
  [[nodiscard]] bool weighted() const override { return topology_->spec().routing.kind == RoutingKind::kSpray; }
  [[nodiscard]] bool stateful() const override { return topology_->spec().routing.kind == RoutingKind::kAdaptive; }
  void start_step() override {}

  [[nodiscard]] std::uint32_t qps(const Connection& connection, Via via) const override;
  [[nodiscard]] bool route(const Connection& connection, Via via, std::uint32_t qp, Route& out) override;

 protected:
  EndpointRouter(const Topology& topology, std::uint64_t seed, CableSet dead);

  // What the fabric sees of one QP.
  struct Flow {
    PortId from, to;
    std::uint64_t digest = 0;  // of the tuple that its switches hash
    double share = 1;          // of the connection's rate; spray over several ports only
  };

  // Could the ports reach one another in the fabric without failures?
  [[nodiscard]] virtual bool joined(PortId from, PortId to) const = 0;
  // On the same rail of the same plane?
  [[nodiscard]] virtual bool aligned(PortId from, PortId to) const = 0;
  // Is there a path today, host links aside?
  [[nodiscard]] virtual bool reachable(PortId from, PortId to) const = 0;
  // Appends everything from the host's up link to the far host's down link. False, and `out` unchanged, where there is
  // no path. The host links are alive.
  [[nodiscard]] virtual bool network(const Flow& flow, Route& out) = 0;

  void append(LinkId link, double share, Route& out) const { append(link.value, share, out); }
  void append(std::uint32_t resource, double share, Route& out) const {
    out.resources.push_back(resource);
    if (weighted_) out.weights.push_back(share);
  }
  [[nodiscard]] const Topology& topology() const { return *topology_; }
  [[nodiscard]] const CableSet& dead() const { return dead_; }
  [[nodiscard]] const SwitchHash& hash() const { return hash_; }

 private:
  // Which pairs of ports a search may use.
  enum class Pairs : std::uint8_t { kAny, kAligned };

  bool scale_up(GpuId from, GpuId to, Route& out) const;
  bool scale_up_half(GpuId gpu, bool down, Route& out) const;
  bool from_gpu(GpuId gpu, const Connection& c, std::uint32_t qp, Pairs pairs, Route& out);
  bool spray_from(GpuId gpu, const Connection& c, Pairs pairs, Route& out);
  bool pair_works(PortId from, PortId to, Pairs pairs) const;
  bool through_proxy(const Connection& c, std::uint32_t qp, Pairs pairs, Route& out);
  bool by_way_of(GpuId proxy, const Connection& c, std::uint32_t qp, Pairs pairs, Route& out);
  [[nodiscard]] bool ever_meet(GpuId from, GpuId to) const;
  [[nodiscard]] bool host_alive(PortId port) const {
    return !dead_.contains(topology_->host_link(port, false).value / 2);
  }
  [[nodiscard]] std::uint32_t first_port(const Connection& c, std::uint32_t qp) const;
  [[nodiscard]] Flow flow_of(PortId from, PortId to, const Connection& c, std::uint32_t qp) const;

  [[nodiscard]] PortId port_of(GpuId gpu, std::uint32_t k) const {
    return whole_nics_ ? PortId{gpu.value * ports_per_gpu_ + k} : topology_->port_of(gpu, k);
  }

  const Topology* topology_;
  std::uint32_t ports_per_gpu_;
  bool whole_nics_;  // each GPU has NICs of its own, so that ports count through the GPUs
  std::uint64_t seed_;
  CableSet dead_;
  SwitchHash hash_;
  bool weighted_;
};

}  // namespace weft
