#include "topologies/routing_endpoints.h"

#include <algorithm>

namespace weft {

EndpointRouter::EndpointRouter(const Topology& topology, const Reachability& reach, std::uint64_t seed)
    : topology_(&topology), hosts_(topology, reach, seed), weighted_(hosts_.sprays()) {}

double EndpointRouter::capacity(std::uint32_t resource) const {
  return static_cast<double>(topology_->rate(LinkId{resource}).bits_per_second);
}

std::uint32_t EndpointRouter::qps(const Connection& c, Via via) const { return weighted_ ? 1 : hosts_.qps(c, via); }

bool EndpointRouter::route(const Connection& c, Via via, std::uint32_t qp, Route& out) {
  WEFT_CHECK(c.source != c.destination);
  out.clear();
  if (via == Via::kScaleUpReduce) return scale_up_half(c.source, false, out);
  if (via == Via::kScaleUpMulticast) return scale_up_half(c.destination, true, out);
  if (hosts_.scale_up(c.source, c.destination)) {
    append_scale_up(c.source, c.destination, out);
    return true;
  }
  return hosts_.first_sender(c, via, [&](GpuId sender, HostPorts::Pairs pairs) {
    if (sender != c.source) append_scale_up(c.source, sender, out);
    const auto network_works = [&](PortId from, PortId to) { return network(flow_of(from, to, c, qp), out); };
    if (weighted_ ? spray_from(sender, c, pairs, out) : hosts_.first_pair(sender, c, qp, pairs, network_works)) {
      return true;
    }
    out.clear();
    return false;
  });
}

void EndpointRouter::append_scale_up(GpuId from, GpuId to, Route& out) const {
  append(topology_->scale_up_link(from, false), 1, out);
  append(topology_->scale_up_link(to, true), 1, out);
  out.delay = out.delay + topology_->spec().hosts.scale_up.latency;
}

bool EndpointRouter::scale_up_half(GpuId gpu, bool down, Route& out) const {
  if (!hosts_.scale_up_half(gpu)) return false;
  append(topology_->scale_up_link(gpu, down), 1, out);
  // Reduction to the switch and multicast from it make one GPU-to-GPU latency together.
  out.delay = Duration{topology_->spec().hosts.scale_up.latency.picoseconds / 2};
  return true;
}

EndpointRouter::Flow EndpointRouter::flow_of(PortId from, PortId to, const Connection& c, std::uint32_t qp) const {
  std::uint16_t source_port = 0;
  if (hosts_.hashes_source_port()) {
    source_port =
        udp_source_port(hosts_.qpn(c.source, c.destination, c, qp), hosts_.qpn(c.destination, c.source, c, qp));
  }
  return {from, to, hosts_.digest(from, to, source_port), 1};
}

bool EndpointRouter::spray_from(GpuId sender, const Connection& c, HostPorts::Pairs pairs, Route& out) {
  // A message ends with its last byte: the longest of the paths counts.
  const Duration before = out.delay;
  Duration longest = before;
  const std::uint32_t live = hosts_.each_spray_pair(sender, c, pairs, [&](PortId from, PortId to, std::uint32_t n) {
    out.delay = before;
    const bool found = network({from, to, 0, 1.0 / n}, out);
    WEFT_CHECK(found);
    longest = std::max(longest, out.delay);
  });
  out.delay = longest;
  return live > 0;
}

}  // namespace weft
