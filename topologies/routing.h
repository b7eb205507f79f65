// Routing: which links a connection's bytes cross, decided as the switches would decide.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fabric/schedule.h"
#include "fabric/topology.h"
#include "fabric/wire/network_headers.h"

namespace weft {

// What one connection is: a pair of GPUs and a channel. Its QPs differ in their numbers, hence in the
// RoCEv2 UDP source port (rdma-core's rule), hence in their hash.
struct Connection {
  GpuId source, destination;
  std::uint32_t channel = 0;
};

// The resources that one route consumes. `weights` is empty for single paths (every weight 1) and as long
// as `resources` for spray (the share of the rate that crosses each). Reused between calls: no allocation.
struct Route {
  std::vector<std::uint32_t> resources;
  std::vector<double> weights;
  Duration delay{};  // one way, zero bytes: propagation, switch latency, scale-up latency
  void clear() {
    resources.clear();
    weights.clear();
    delay = {};
  }
};

// Resources are the directed links [0, link_count()), then the pools that spray shares evenly (all uplinks of a
// leaf towards spines of one condition, ...), so that a sprayed flow has a handful of entries and not thousands.
class Router {
 public:
  virtual ~Router() = default;

  // Errors: kInput where the topology cannot be routed as asked. `seed` is mixed into QP numbers and switch seeds.
  [[nodiscard]] static Expected<std::unique_ptr<Router>> create(const Topology& topology, std::uint64_t seed);

  [[nodiscard]] virtual std::uint32_t resource_count() const = 0;
  [[nodiscard]] virtual double capacity(std::uint32_t resource) const = 0;  // bits/s
  // Links behind a resource: itself, or the pool's. For loads by name.
  [[nodiscard]] virtual std::uint32_t pool_size(std::uint32_t resource) const = 0;
  [[nodiscard]] virtual LinkId pool_link(std::uint32_t resource, std::uint32_t i) const = 0;
  [[nodiscard]] virtual bool weighted() const = 0;  // routes carry weights
  [[nodiscard]] virtual bool stateful() const = 0;  // adaptive: the order of calls matters, one thread only
  virtual void start_step() = 0;                    // stateful: forget the loads of the step before

  // Routes one connection. `qps`: how many single paths it has (its QPs; 1 inside a scale-up domain, and for spray).
  [[nodiscard]] virtual std::uint32_t qps(const Connection& connection, Via via) const = 0;
  // False where no path is left (failures, rails that never join and no scale-up way round).
  [[nodiscard]] virtual bool route(const Connection& connection, Via via, std::uint32_t qp, Route& out) = 0;
};

// Errors: kInput where NIC ports outnumber the addresses that switches hash.
[[nodiscard]] Expected<void> check_addresses(const Topology& topology);

// RoCEv2 UDP source port of a connection: what ECMP hashes.
using wire::udp_source_port;
using wire::udp_source_port_from_flow_label;

}  // namespace weft
