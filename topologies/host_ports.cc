#include "topologies/host_ports.h"

namespace weft {

HostPorts::HostPorts(const Topology& topology, const Reachability& reach, std::uint64_t seed)
    : topology_(&topology),
      reach_(&reach),
      ports_per_gpu_(topology.ports_per_gpu()),
      whole_nics_(topology.spec().hosts.nics % topology.spec().hosts.gpus == 0),
      sprays_(topology.spec().routing.kind == RoutingKind::kSpray),
      hashes_source_port_(topology.spec().routing.hash_udp_source_port),
      seed_(seed) {}

std::uint32_t HostPorts::qps(const Connection& c, Via via) const {
  const bool inside = topology_->has_scale_up() && topology_->same_domain(c.source, c.destination);
  if (inside || via == Via::kScaleUpReduce || via == Via::kScaleUpMulticast) return 1;
  return topology_->spec().transport.qps_per_connection;
}

bool HostPorts::scale_up(GpuId from, GpuId to) const {
  // GPUs further apart than a domain is long need no division.
  const std::uint32_t apart = from.value < to.value ? to.value - from.value : from.value - to.value;
  if (apart >= topology_->spec().hosts.scale_up.domain_gpus) return false;
  return topology_->has_scale_up() && topology_->same_domain(from, to) && scale_up_half(from) && scale_up_half(to);
}

bool HostPorts::scale_up_half(GpuId gpu) const {
  return topology_->has_scale_up() && reach_->alive(topology_->scale_up_link(gpu, false).value / 2);
}

std::uint32_t HostPorts::first_port(const Connection& c, std::uint32_t qp) const {
  const std::uint32_t per_nic = topology_->spec().hosts.ports_per_nic;
  const std::uint32_t nic = c.channel % (ports_per_gpu_ / per_nic);
  if (per_nic == 1) return nic;
  const std::uint64_t pair = std::uint64_t{c.source.value} << 32U | c.destination.value;
  const auto start = static_cast<std::uint32_t>(mix64(mix64(pair ^ seed_) + c.channel) % per_nic);
  return nic * per_nic + (start + qp) % per_nic;
}

bool HostPorts::pair_works(PortId from, PortId to, Pairs pairs) const {
  return host_alive(from) && host_alive(to) && (pairs == Pairs::kAny || reach_->aligned(from, to)) &&
         reach_->reachable(from, to);
}

bool HostPorts::ever_meet(GpuId from, GpuId to) const {
  for (std::uint32_t i = 0; i < ports_per_gpu_; ++i) {
    for (std::uint32_t j = 0; j < ports_per_gpu_; ++j) {
      if (reach_->joined(port_of(from, i), port_of(to, j))) return true;
    }
  }
  return false;
}

}  // namespace weft
