// A route from GPU to GPU: what hosts decide, by HostPorts, around what the switches decide, which is the subclass's.
#pragma once

#include <cstdint>

#include "topologies/host_ports.h"
#include "topologies/routing.h"

namespace weft {

class EndpointRouter : public Router {
 public:
  [[nodiscard]] double capacity(std::uint32_t resource) const override;
  [[nodiscard]] std::uint32_t resource_count() const override { return topology_->link_count(); }
  [[nodiscard]] std::uint32_t pool_size(std::uint32_t) const override { return 1; }
  [[nodiscard]] LinkId pool_link(std::uint32_t resource, std::uint32_t) const override { return LinkId{resource}; }
  [[nodiscard]] bool weighted() const override { return weighted_; }
  [[nodiscard]] bool stateful() const override { return topology_->spec().routing.kind == RoutingKind::kAdaptive; }
  void start_step() override {}

  [[nodiscard]] std::uint32_t qps(const Connection& connection, Via via) const override;
  [[nodiscard]] bool route(const Connection& connection, Via via, std::uint32_t qp, Route& out) override;

 protected:
  // Both must outlive it.
  EndpointRouter(const Topology& topology, const Reachability& reach, std::uint64_t seed);

  // What the fabric sees of one QP.
  struct Flow {
    PortId from, to;
    std::uint64_t digest = 0;  // of the tuple that its switches hash
    double share = 1;          // of the connection's rate; spray over several ports only
  };

  // Appends everything from the host's up link to the far host's down link. False, and `out` unchanged, where there is
  // no path. The host links are alive.
  [[nodiscard]] virtual bool network(const Flow& flow, Route& out) = 0;

  void append(LinkId link, double share, Route& out) const { append(link.value, share, out); }
  void append(std::uint32_t resource, double share, Route& out) const {
    out.resources.push_back(resource);
    if (weighted_) out.weights.push_back(share);
  }
  [[nodiscard]] const Topology& topology() const { return *topology_; }

 private:
  void append_scale_up(GpuId from, GpuId to, Route& out) const;
  bool scale_up_half(GpuId gpu, bool down, Route& out) const;
  [[nodiscard]] Flow flow_of(PortId from, PortId to, const Connection& c, std::uint32_t qp) const;
  bool spray_from(GpuId sender, const Connection& c, HostPorts::Pairs pairs, Route& out);

  const Topology* topology_;
  HostPorts hosts_;
  bool weighted_;
};

}  // namespace weft
