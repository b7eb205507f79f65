// Forwarding, one switch at a time, over links that die and come back while it runs: what the packet engine asks.
// Routes (routing.h) are the same choices made all at once over failures that stay.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "topologies/host_ports.h"
#include "topologies/next_hops.h"

namespace weft {

// Fluid's Router::route is endpoints(), then the scale-up links to `proxy` if any, then path(): by construction, since
// both ask HostPorts which ports and ClosHops or GraphHops which next hop, and tests/property holds them together.
class Forwarding {
 public:
  virtual ~Forwarding() = default;

  // The topology must outlive it. Errors: those of Router::create.
  [[nodiscard]] static Expected<std::unique_ptr<Forwarding>> create(const Topology& topology, std::uint64_t seed);

  // What one QP of a connection looks like from outside. Ports, digest and numbers are 0 where scale_up_only.
  struct Endpoints {
    bool scale_up_only = false;    // no NIC: GPU to GPU in a domain, or to or from its switch
    std::optional<GpuId> proxy{};  // PXN: over scale-up to this GPU first, whose port `from` is
    PortId from{}, to{};
    std::uint64_t digest = 0;  // what switches hash
    std::uint16_t udp_source_port = 0;
    std::uint32_t source_qpn = 0, destination_qpn = 0;
  };
  // By the rules of HostPorts and today's links; nullopt: no way. REQUIRES: source != destination.
  // Under spray the connection has an Endpoints for each pair of ports that shares it, told apart by qp % qps().
  [[nodiscard]] std::optional<Endpoints> endpoints(const Connection& connection, Via via, std::uint32_t qp) const;
  // At least 1. Under spray it follows the links, so ask when the connection is made.
  [[nodiscard]] std::uint32_t qps(const Connection& connection, Via via) const;
  // The responder's side, where ACKs come from: ports and QP numbers change places, the UDP source port is computed as
  // rdma-core does there. ACKs end at the NIC, so there is no proxy.
  [[nodiscard]] Endpoints reverse(const Endpoints& forward) const;
  // What switches hash of packets between two ports; for paths chosen by UDP source port.
  [[nodiscard]] std::uint64_t digest(PortId from, PortId to, std::uint16_t udp_source_port) const {
    return hosts_.digest(from, to, udp_source_port);
  }

  // Next hops at the switch that `arrived_by` leads to, for a packet to the NIC port `to`. At the port's own leaf the
  // one choice is the host's down link. Routes in a Clos are valley-free: a packet on its way down has no choices at a
  // leaf that is not its own. Allocates nothing, but for the first use of a destination in a graph after a change.
  // REQUIRES: a link that leads to a switch.
  [[nodiscard]] virtual NextHops next_hops(LinkId arrived_by, PortId to) const = 0;
  // The link is up, and its far side still reaches the destination.
  [[nodiscard]] virtual bool alive(const NextHops& hops, std::uint32_t choice) const = 0;
  // What the switch's hash picks, or D-mod-k under kStatic. nullopt: none alive.
  [[nodiscard]] virtual std::optional<std::uint32_t> hashed_choice(const NextHops& hops,
                                                                   std::uint64_t digest) const = 0;

  // Appends the links from the host's up link to the far host's down link, by hashed_choice at every switch.
  // False, and `out` unchanged, where there is no way.
  [[nodiscard]] bool path(PortId from, PortId to, std::uint64_t digest, std::vector<LinkId>& out) const;

  // What routing knows of a cable (LinkId / 2) from now on, of any tier, scale-up too. Ends the life of every NextHops.
  // Starts with the cables dead whose rate in the topology is 0.
  virtual void set_cable(std::uint32_t cable, bool alive) = 0;
  [[nodiscard]] bool cable_alive(std::uint32_t cable) const { return reach_->alive(cable); }

 protected:
  // Both must outlive it.
  Forwarding(const Topology& topology, const Reachability& reach, std::uint64_t seed)
      : topology_(&topology), reach_(&reach), hosts_(topology, reach, seed) {}

 private:
  [[nodiscard]] Endpoints between(PortId from, PortId to, const Connection& c, std::uint32_t qp) const;

  const Topology* topology_;
  const Reachability* reach_;
  HostPorts hosts_;
};

}  // namespace weft
