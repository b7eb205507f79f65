#include "topologies/cabling.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <numeric>
#include <ostream>

#include "topologies/clos.h"
#include "topologies/explicit.h"

namespace weft {
namespace {

constexpr double kPicosecondsPerMetre = 5000.0;  // light in fibre, refractive index about 1.5

CablePlugs clos_plugs(const ClosTopology& t, std::uint32_t cable) {
  const ClosShape& s = t.shape();
  const LinkEnds e = t.ends(LinkId{2 * cable});
  switch (t.tier(LinkId{2 * cable})) {
    case LinkTier::kHost:
      return {{e.from, e.from.index % t.spec().hosts.ports_per_nic},
              {e.to, t.attachment(PortId{e.from.index}).leaf_port}};
    case LinkTier::kLeafSpine: {
      const std::uint32_t c1 = (cable - t.leaf_spine_cable(0, 0, 0)) % s.leaf_up();
      const std::uint32_t leaf = e.from.index % s.leaves();
      const std::uint32_t in_block = leaf - s.first_leaf(s.block_of_leaf(leaf));
      return {{e.from, s.leaf_down + c1}, {e.to, in_block * s.trunk + c1 % s.trunk}};
    }
    case LinkTier::kSpineCore: {
      const std::uint32_t c2 = (cable - t.spine_core_cable(0, 0, 0)) % s.spine_up();
      const std::uint32_t spine = e.from.index % s.total_spines();
      const std::uint32_t block_of_domain = spine / s.spines / s.core_domains;
      const std::uint32_t below = std::max(s.leaves_per_block, s.last_leaves) * s.trunk;
      const std::uint32_t member = spine % s.spines % s.group_spines;
      return {{e.from, below + c2},
              {e.to, (block_of_domain * s.group_spines + member) * s.core_trunk + c2 % s.core_trunk}};
    }
    case LinkTier::kScaleUp:
      break;
  }
  WEFT_CHECK(false);
  return {};
}

std::uint32_t place_among_neighbours(const ExplicitTopology& t, NodeRef node, LinkId link) {
  const auto links = t.neighbours(node);
  return static_cast<std::uint32_t>(std::lower_bound(links.begin(), links.end(), link) - links.begin());
}

CablePlugs explicit_plugs(const ExplicitTopology& t, std::uint32_t cable) {
  const LinkEnds e = t.ends(LinkId{2 * cable});
  const std::uint32_t from = e.from.kind == NodeKind::kNicPort ? e.from.index % t.spec().hosts.ports_per_nic
                                                               : place_among_neighbours(t, e.from, LinkId{2 * cable});
  return {{e.from, from}, {e.to, place_among_neighbours(t, e.to, LinkId{2 * cable + 1})}};
}

}  // namespace

CablePlugs plugs_of(const Topology& topology, std::uint32_t cable) {
  if (const auto* clos = dynamic_cast<const ClosTopology*>(&topology)) return clos_plugs(*clos, cable);
  const auto* graph = dynamic_cast<const ExplicitTopology*>(&topology);
  WEFT_CHECK(graph != nullptr);
  return explicit_plugs(*graph, cable);
}

Expected<void> write_cabling_plan(const Topology& topology, std::ostream& out) {
  out << "cable,from,from_port,to,to_port,rate,delay,length_m\n";
  for (std::uint32_t cable = topology.first_host_link() / 2; cable < topology.link_count() / 2; ++cable) {
    const CablePlugs plugs = plugs_of(topology, cable);
    const LinkId link{2 * cable};
    const Duration delay = topology.delay(link);
    const Rate rate = topology.rate(link);
    fmt::print(out, "{},{},{},{},{},{},{},{:g}\n", cable, topology.name(plugs.from.node), plugs.from.port,
               topology.name(plugs.to.node), plugs.to.port, rate.bits_per_second == 0 ? "dead" : to_text(rate),
               to_text(delay), static_cast<double>(delay.picoseconds) / kPicosecondsPerMetre);
    if (!out) return environment_error("the cabling plan could not be written", {}, "room and permission to write");
  }
  return {};
}

}  // namespace weft
