#include "topologies/routing_clos.h"

namespace weft {

ClosDelays::ClosDelays(const ClosTopology& topology) {
  const FabricSpec& spec = topology.spec();
  same_leaf = spec.links.host.delay * 2 + spec.switches.latency;
  same_block = same_leaf + (spec.links.leaf_spine.delay + spec.switches.latency) * 2;
  over_core = same_block + (spec.links.spine_core.delay + spec.switches.latency) * 2;
}

ClosRouter::ClosRouter(const ClosTopology& topology, std::uint64_t seed)
    : EndpointRouter(topology, seed, dead_cables(topology)),
      reach_(topology),
      kind_(topology.spec().routing.kind),
      resilient_(topology.spec().routing.resilient),
      first_spine_(topology.shape().planes * topology.shape().leaves()),
      first_core_(first_spine_ + topology.shape().planes * topology.shape().total_spines()),
      leaf_up_(topology.shape().leaf_up()),
      spine_up_(topology.shape().spine_up()),
      leaves_(topology.shape().leaves()),
      total_spines_(topology.shape().total_spines()),
      total_cores_(topology.shape().total_cores()),
      core_groups_(topology.shape().tiers >= 3 ? topology.shape().core_groups() : 0) {
  const ClosDelays delays(topology);
  same_leaf_ = delays.same_leaf;
  same_block_ = delays.same_block;
  over_core_ = delays.over_core;
  if (kind_ == RoutingKind::kAdaptive) loads_.resize(topology.link_count());
}

void ClosRouter::start_step() { loads_.assign(loads_.size(), 0); }

bool ClosRouter::joined(PortId from, PortId to) const { return reach_.joined(reach_.place(from), reach_.place(to)); }

bool ClosRouter::aligned(PortId from, PortId to) const {
  return topology().rail_of(from) == topology().rail_of(to) && reach_.place(from).plane == reach_.place(to).plane;
}

bool ClosRouter::reachable(PortId from, PortId to) const {
  return reach_.reachable(reach_.place(from), reach_.place(to));
}

ClosRouter::Digits ClosRouter::digits(PortId to) const {
  Digits d;
  const ClosShape& s = reach_.shape();
  if (kind_ != RoutingKind::kStatic || s.tiers < 2) return d;
  const Attachment at = reach_.topology().attachment(to);
  const std::uint32_t index = at.leaf * s.leaf_down + at.leaf_port;
  const std::uint32_t lane = index % s.spines;
  const std::uint32_t parallel = index / s.spines % s.trunk;
  d.c1 = lane * s.trunk + parallel;
  d.c4 = parallel;
  if (s.tiers < 3) return d;
  const std::uint32_t upper = index / s.spines % s.spine_up();
  const std::uint32_t core_parallel = upper / s.cores;
  d.c2 = upper % s.cores * s.core_trunk + core_parallel;
  d.c3 = lane % s.group_spines * s.core_trunk + core_parallel;
  return d;
}

template <class Live>
std::optional<std::uint32_t> ClosRouter::choose_ecmp(const Hop& hop, std::uint64_t digest, Live live) const {
  if (hop.choices == 1 && !hop.suspect) return 0;
  const std::uint32_t h = hash()(digest, hop.switch_id);
  const std::uint32_t first = h % hop.choices;
  if (!hop.suspect || (resilient_ && live(first))) return first;
  std::uint32_t members = 0;
  for (std::uint32_t c = 0; c < hop.choices; ++c) members += live(c) ? 1U : 0U;
  if (members == 0) return std::nullopt;
  // A resilient table refills the dead member's buckets from the live ones, independently of the first choice.
  std::uint32_t left = (resilient_ ? hash()(mix64(digest), hop.switch_id) : h) % members;
  for (std::uint32_t c = 0; c < hop.choices; ++c) {
    if (live(c) && left-- == 0) return c;
  }
  return std::nullopt;
}

template <class Live, class LinkOf>
std::optional<std::uint32_t> ClosRouter::choose_least_loaded(const Hop& hop, std::uint64_t digest, Live live,
                                                             LinkOf link_of) {
  std::uint32_t c = hash()(digest, hop.switch_id) % hop.choices;
  std::optional<std::uint32_t> best;
  std::uint32_t least = 0;
  for (std::uint32_t i = 0; i < hop.choices; ++i, c = c + 1 == hop.choices ? 0 : c + 1) {
    const std::uint32_t load = loads_[link_of(c).value];
    if ((best && load >= least) || (hop.suspect && !live(c))) continue;
    best = c;
    least = load;
    if (load == 0) break;
  }
  if (best) ++loads_[link_of(*best).value];
  return best;
}

template <class Live, class LinkOf>
std::optional<std::uint32_t> ClosRouter::choose(const Hop& hop, std::uint64_t digest, Live live, LinkOf link_of) {
  if (kind_ == RoutingKind::kAdaptive) return choose_least_loaded(hop, digest, live, link_of);
  if (kind_ != RoutingKind::kStatic) return choose_ecmp(hop, digest, live);
  for (std::uint32_t i = 0; i < hop.choices; ++i) {
    const std::uint32_t c = (hop.digit + i) % hop.choices;
    if (!hop.suspect || live(c)) return c;
  }
  return std::nullopt;
}

bool ClosRouter::network(const Flow& flow, Route& out) {
  const Place from = reach_.place(flow.from), to = reach_.place(flow.to);
  if (!reach_.joined(from, to)) return false;
  const LinkId host_up = topology().host_link(flow.from, false), host_down = topology().host_link(flow.to, true);
  if (from.leaf == to.leaf) {
    append(host_up, 1, out);
    append(host_down, 1, out);
    out.delay = out.delay + same_leaf_;
    return true;
  }
  const Digits d = digits(flow.to);
  std::uint32_t lane = 0;
  const std::size_t mark = out.resources.size();
  append(host_up, 1, out);
  if (!up_to_spine(flow, from, to, d, lane, out)) {
    out.resources.resize(mark);
    return false;
  }
  if (from.block != to.block) over_core(flow, from, to, d, lane, out);
  down_to_leaf(flow, to, d, lane, out);
  append(host_down, 1, out);
  out.delay = out.delay + (from.block == to.block ? same_block_ : over_core_);
  return true;
}

bool ClosRouter::up_to_spine(const Flow& flow, const Place& from, const Place& to, const Digits& d, std::uint32_t& lane,
                             Route& out) {
  const ClosShape& s = reach_.shape();
  const std::uint32_t first = reach_.topology().leaf_spine_cable(from.plane, from.leaf, 0);
  const Hop hop{from.plane * leaves_ + from.leaf, leaf_up_, d.c1, reach_.path_suspect(from, to)};
  const auto live = [&](std::uint32_t c) {
    return reach_.alive(first + c) && reach_.spine_reaches(from, quotient(c, s.trunk), to);
  };
  const auto link = [&](std::uint32_t c) { return LinkId{2 * (first + c)}; };
  const auto c1 = choose(hop, flow.digest, live, link);
  if (!c1) return false;
  lane = quotient(*c1, s.trunk);
  append(link(*c1), 1, out);
  return true;
}

void ClosRouter::over_core(const Flow& flow, const Place& from, const Place& to, const Digits& d, std::uint32_t& lane,
                           Route& out) {
  const ClosShape& s = reach_.shape();
  const std::uint32_t group = quotient(lane, s.group_spines);
  const bool far_suspect = reach_.leaf_suspect(to) || reach_.block_suspect(to);

  const std::uint32_t spine = reach_.spine(from, lane);
  const std::uint32_t first_up = reach_.topology().spine_core_cable(from.plane, spine, 0);
  const Hop up{first_spine_ + from.plane * total_spines_ + spine, spine_up_, d.c2,
               far_suspect || reach_.block_suspect(from)};
  const auto up_live = [&](std::uint32_t c) {
    return reach_.alive(first_up + c) && reach_.core_reaches(group, quotient(c, s.core_trunk), to);
  };
  const auto up_link = [&](std::uint32_t c) { return LinkId{2 * (first_up + c)}; };
  const auto c2 = choose(up, flow.digest, up_live, up_link);
  WEFT_CHECK(c2.has_value());  // the leaf only picks spines that reach
  append(up_link(*c2), 1, out);

  const std::uint32_t core = quotient(*c2, s.core_trunk);
  const std::uint32_t domain = remainder(from.block, s.core_domains);
  const std::uint32_t core_index = from.plane * total_cores_ + (domain * core_groups_ + group) * s.cores + core;
  const Hop down{first_core_ + core_index, s.group_spines * s.core_trunk, d.c3, far_suspect};
  const auto far_lane = [&](std::uint32_t c) { return group * s.group_spines + quotient(c, s.core_trunk); };
  const auto cable = [&](std::uint32_t c) {
    return reach_.topology().spine_core_cable(to.plane, reach_.spine(to, far_lane(c)),
                                              core * s.core_trunk + remainder(c, s.core_trunk));
  };
  const auto down_live = [&](std::uint32_t c) {
    return reach_.alive(cable(c)) && reach_.spine_reaches_down(far_lane(c), to);
  };
  const auto down_link = [&](std::uint32_t c) { return LinkId{2 * cable(c) + 1}; };
  const auto c3 = choose(down, flow.digest, down_live, down_link);
  WEFT_CHECK(c3.has_value());
  append(down_link(*c3), 1, out);
  lane = far_lane(*c3);
}

void ClosRouter::down_to_leaf(const Flow& flow, const Place& to, const Digits& d, std::uint32_t lane, Route& out) {
  const ClosShape& s = reach_.shape();
  const std::uint32_t first = reach_.topology().leaf_spine_cable(to.plane, to.leaf, lane * s.trunk);
  const Hop hop{first_spine_ + to.plane * total_spines_ + reach_.spine(to, lane), s.trunk, d.c4,
                reach_.leaf_suspect(to)};
  const auto live = [&](std::uint32_t c) { return reach_.alive(first + c); };
  const auto link = [&](std::uint32_t c) { return LinkId{2 * (first + c) + 1}; };
  const auto c4 = choose(hop, flow.digest, live, link);
  WEFT_CHECK(c4.has_value());
  append(link(*c4), 1, out);
}

}  // namespace weft
