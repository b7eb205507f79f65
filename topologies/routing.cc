#include "topologies/routing.h"

#include <fmt/format.h>

#include "topologies/clos.h"
#include "topologies/routing_clos.h"
#include "topologies/routing_graph.h"
#include "topologies/routing_spray.h"

namespace weft {

Expected<void> check_addresses(const Topology& topology) {
  if (topology.port_count() > kMaxAddresses) {
    return input_error("the fabric has more NIC ports than 10.0.0.0/8 has addresses",
                       fmt::format("{}", topology.port_count()), fmt::format("the limit is {}", kMaxAddresses));
  }
  return {};
}

Expected<std::unique_ptr<Router>> Router::create(const Topology& topology, std::uint64_t seed) {
  if (auto fits = check_addresses(topology); !fits) return tl::unexpected(fits.error());
  const auto* clos = dynamic_cast<const ClosTopology*>(&topology);
  if (clos == nullptr) return GraphRouter::create(topology, seed);
  if (topology.spec().routing.kind == RoutingKind::kSpray) return SprayRouter::create(*clos, seed);
  return std::unique_ptr<Router>(new ClosRouter(*clos, seed));
}

}  // namespace weft
