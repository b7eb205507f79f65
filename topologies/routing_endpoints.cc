#include "topologies/routing_endpoints.h"

#include <algorithm>
#include <utility>

namespace weft {

EndpointRouter::EndpointRouter(const Topology& topology, std::uint64_t seed, CableSet dead)
    : topology_(&topology),
      ports_per_gpu_(topology.ports_per_gpu()),
      whole_nics_(topology.spec().hosts.nics % topology.spec().hosts.gpus == 0),
      seed_(seed),
      dead_(std::move(dead)),
      hash_(topology.spec().routing, seed),
      weighted_(topology.spec().routing.kind == RoutingKind::kSpray) {}

double EndpointRouter::capacity(std::uint32_t resource) const {
  return static_cast<double>(topology_->rate(LinkId{resource}).bits_per_second);
}

std::uint32_t EndpointRouter::qps(const Connection& c, Via via) const {
  const bool inside = topology_->has_scale_up() && topology_->same_domain(c.source, c.destination);
  if (inside || weighted_ || via == Via::kScaleUpReduce || via == Via::kScaleUpMulticast) return 1;
  return topology_->spec().transport.qps_per_connection;
}

bool EndpointRouter::route(const Connection& c, Via via, std::uint32_t qp, Route& out) {
  WEFT_CHECK(c.source != c.destination);
  out.clear();
  if (via == Via::kScaleUpReduce) return scale_up_half(c.source, false, out);
  if (via == Via::kScaleUpMulticast) return scale_up_half(c.destination, true, out);
  if (scale_up(c.source, c.destination, out)) return true;
  const Pairs pairs = via == Via::kRailAligned ? Pairs::kAligned : Pairs::kAny;
  if (from_gpu(c.source, c, qp, pairs, out)) return true;
  // A GPU whose own ports are dead does not borrow a neighbour's: its communicator fails.
  if (pairs == Pairs::kAny && ever_meet(c.source, c.destination)) return false;
  return through_proxy(c, qp, pairs, out);
}

bool EndpointRouter::scale_up(GpuId from, GpuId to, Route& out) const {
  // GPUs further apart than a domain is long need no division.
  const std::uint32_t apart = from.value < to.value ? to.value - from.value : from.value - to.value;
  if (apart >= topology_->spec().hosts.scale_up.domain_gpus) return false;
  if (!topology_->has_scale_up() || !topology_->same_domain(from, to)) return false;
  const LinkId up = topology_->scale_up_link(from, false);
  const LinkId down = topology_->scale_up_link(to, true);
  if (dead_.contains(up.value / 2) || dead_.contains(down.value / 2)) return false;
  append(up, 1, out);
  append(down, 1, out);
  out.delay = out.delay + topology_->spec().hosts.scale_up.latency;
  return true;
}

bool EndpointRouter::scale_up_half(GpuId gpu, bool down, Route& out) const {
  if (!topology_->has_scale_up()) return false;
  const LinkId link = topology_->scale_up_link(gpu, down);
  if (dead_.contains(link.value / 2)) return false;
  append(link, 1, out);
  // Reduction to the switch and multicast from it make one GPU-to-GPU latency together.
  out.delay = Duration{topology_->spec().hosts.scale_up.latency.picoseconds / 2};
  return true;
}

EndpointRouter::Flow EndpointRouter::flow_of(PortId from, PortId to, const Connection& c, std::uint32_t qp) const {
  FiveTuple tuple{.source_ip = port_address(from), .destination_ip = port_address(to)};
  if (!topology_->spec().routing.hash_udp_source_port) return {from, to, digest_three_tuple(tuple), 1};
  tuple.source_port = udp_source_port(queue_pair_number(seed_, c.source, c.destination, c.channel, qp),
                                      queue_pair_number(seed_, c.destination, c.source, c.channel, qp));
  return {from, to, digest_five_tuple(tuple), 1};
}

std::uint32_t EndpointRouter::first_port(const Connection& c, std::uint32_t qp) const {
  const std::uint32_t per_nic = topology_->spec().hosts.ports_per_nic;
  const std::uint32_t nic = c.channel % (ports_per_gpu_ / per_nic);
  if (per_nic == 1) return nic;
  const std::uint64_t pair = std::uint64_t{c.source.value} << 32U | c.destination.value;
  const auto start = static_cast<std::uint32_t>(mix64(mix64(pair ^ seed_) + c.channel) % per_nic);
  return nic * per_nic + (start + qp) % per_nic;
}

bool EndpointRouter::from_gpu(GpuId gpu, const Connection& c, std::uint32_t qp, Pairs pairs, Route& out) {
  if (weighted_) return spray_from(gpu, c, pairs, out);
  const std::uint32_t ports = ports_per_gpu_;
  const auto try_pair = [&](std::uint32_t i, std::uint32_t j) {
    const PortId from = port_of(gpu, i), to = port_of(c.destination, j);
    if (!host_alive(from) || !host_alive(to)) return false;
    if (pairs == Pairs::kAligned && !aligned(from, to)) return false;
    return network(flow_of(from, to, c, qp), out);
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

bool EndpointRouter::pair_works(PortId from, PortId to, Pairs pairs) const {
  return host_alive(from) && host_alive(to) && (pairs == Pairs::kAny || aligned(from, to)) && reachable(from, to);
}

bool EndpointRouter::spray_from(GpuId gpu, const Connection& c, Pairs pairs, Route& out) {
  const std::uint32_t ports = ports_per_gpu_;
  const std::uint32_t per_nic = topology_->spec().hosts.ports_per_nic;
  const std::uint32_t nics = ports / per_nic;
  for (std::uint32_t n = 0; n < nics; ++n) {
    const std::uint32_t first = (c.channel + n) % nics * per_nic;
    std::uint32_t live = 0;
    const auto from = [&](std::uint32_t i) { return port_of(gpu, first + i); };
    const auto to = [&](std::uint32_t i) { return port_of(c.destination, first + i); };
    for (std::uint32_t i = 0; i < per_nic; ++i) live += pair_works(from(i), to(i), pairs) ? 1U : 0U;
    if (live == 0) continue;
    // A message ends with its last byte: the longest of the paths counts.
    const Duration before = out.delay;
    Duration longest = before;
    for (std::uint32_t i = 0; i < per_nic; ++i) {
      if (!pair_works(from(i), to(i), pairs)) continue;
      out.delay = before;
      const bool found = network({from(i), to(i), 0, 1.0 / live}, out);
      WEFT_CHECK(found);
      longest = std::max(longest, out.delay);
    }
    out.delay = longest;
    return true;
  }
  for (std::uint32_t i = 0; i < ports; ++i) {
    for (std::uint32_t j = 0; j < ports; ++j) {
      const PortId a = port_of(gpu, i), b = port_of(c.destination, j);
      if (pair_works(a, b, pairs)) return network({a, b, 0, 1.0}, out);
    }
  }
  return false;
}

bool EndpointRouter::ever_meet(GpuId from, GpuId to) const {
  for (std::uint32_t i = 0; i < ports_per_gpu_; ++i) {
    for (std::uint32_t j = 0; j < ports_per_gpu_; ++j) {
      if (joined(port_of(from, i), port_of(to, j))) return true;
    }
  }
  return false;
}

bool EndpointRouter::through_proxy(const Connection& c, std::uint32_t qp, Pairs pairs, Route& out) {
  if (!topology_->has_scale_up()) return false;
  const HostsSpec& hosts = topology_->spec().hosts;
  const GpuId same_place{topology_->host_of(c.source).value * hosts.gpus + c.destination.value % hosts.gpus};
  if (by_way_of(same_place, c, qp, pairs, out)) return true;
  const std::uint32_t first = topology_->domain_of(c.source) * hosts.scale_up.domain_gpus;
  const std::uint32_t size = std::min(hosts.scale_up.domain_gpus, topology_->gpu_count() - first);
  for (std::uint32_t i = 1; i < size; ++i) {
    const GpuId proxy{first + (c.source.value - first + i) % size};
    if (proxy != same_place && by_way_of(proxy, c, qp, pairs, out)) return true;
  }
  return false;
}

bool EndpointRouter::by_way_of(GpuId proxy, const Connection& c, std::uint32_t qp, Pairs pairs, Route& out) {
  if (proxy == c.source || proxy == c.destination) return false;
  if (!scale_up(c.source, proxy, out)) return false;
  if (from_gpu(proxy, c, qp, pairs, out)) return true;
  out.clear();
  return false;
}

}  // namespace weft
