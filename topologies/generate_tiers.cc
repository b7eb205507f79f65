// How the ports of leaves, spines and cores are divided and how many of each a fabric takes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "topologies/generate.h"

namespace weft {
namespace {

// Shares of a double such as 7:1 that ought to be whole are taken as whole.
constexpr double kNearlyWhole = 1e-9;

Expected<std::uint32_t> check_radix(const FabricSpec& spec, const char* field, std::uint32_t radix, Rate rate,
                                    bool cap) {
  if (radix == 0) return input_error(fmt::format("switch.radix.{}: a switch has at least one port", field), "0");
  if (!spec.switches.capacity) return radix;
  const std::int64_t fed = spec.switches.capacity->bits_per_second / rate.bits_per_second;
  if (static_cast<std::int64_t>(radix) <= fed) return radix;
  if (cap && fed > 0) return static_cast<std::uint32_t>(fed);
  return input_error(fmt::format("switch.radix.{}: {} ports of {} exceed the capacity of {}", field, radix,
                                 to_text(rate), to_text(*spec.switches.capacity)),
                     std::to_string(radix), fmt::format("at most {} ports", fed));
}

struct Division {
  const char* tier;  // "leaf" or "spine"
  std::uint32_t radix;
  Rate down_rate, up_rate;
  double oversubscription;
  std::optional<std::uint32_t> down, up;
  std::optional<Rate> capacity;
};

std::uint32_t whole_below(double x) { return static_cast<std::uint32_t>(std::floor(x + kNearlyWhole)); }
std::uint32_t whole_above(double x) { return static_cast<std::uint32_t>(std::ceil(x - kNearlyWhole)); }

Expected<TierPorts> check_division(const Division& d, TierPorts ports) {
  const std::string text = fmt::format("{} down, {} up", ports.down, ports.up);
  if (ports.down == 0 || ports.up == 0) {
    return input_error(fmt::format("topology: a {} needs ports both ways", d.tier), text,
                       fmt::format("raise switch.radix.{} or lower the oversubscription", d.tier));
  }
  if (std::uint64_t{ports.down} + ports.up > d.radix) {
    return input_error(fmt::format("topology: a {} has more ports than switch.radix.{}", d.tier, d.tier), text,
                       fmt::format("at most {} in all", d.radix));
  }
  if (d.capacity &&
      d.down_rate.bits_per_second * ports.down + d.up_rate.bits_per_second * ports.up > d.capacity->bits_per_second) {
    return input_error(fmt::format("topology: the ports of a {} exceed switch.capacity", d.tier), text,
                       fmt::format("{} in all at most", to_text(*d.capacity)));
  }
  return ports;
}

Expected<TierPorts> divide(const Division& d) {
  if (!(d.oversubscription > 0.0 && d.oversubscription <= 1024.0)) {
    return input_error(fmt::format("topology.oversubscription.{}: outside its range", d.tier),
                       fmt::format("{}", d.oversubscription),
                       "1 is full bandwidth, 3 is three down to one up; at most 1024");
  }
  const auto down_rate = static_cast<double>(d.down_rate.bits_per_second);
  const auto up_rate = static_cast<double>(d.up_rate.bits_per_second);
  const double down_per_up = d.oversubscription * up_rate / down_rate;  // ports
  if (d.down && d.up) return check_division(d, {*d.down, *d.up});
  if (d.down) return check_division(d, {*d.down, whole_above(*d.down / down_per_up)});
  if (d.up) {
    const std::uint32_t left = d.radix > *d.up ? d.radix - *d.up : 0;
    return check_division(d, {std::min(left, whole_below(*d.up * down_per_up)), *d.up});
  }
  // Uplinks round up and downlinks down: never more oversubscribed than asked.
  const double by_radix = d.radix / (1.0 + down_per_up);
  std::uint32_t up = whole_above(by_radix);
  std::uint32_t down = std::min(d.radix - std::min(up, d.radix), whole_below(up * down_per_up));
  if (d.capacity) {
    const auto capacity = static_cast<double>(d.capacity->bits_per_second);
    const double by_capacity = capacity / (down_per_up * down_rate + up_rate);
    if (by_capacity < by_radix) {
      up = whole_above(by_capacity);
      down = std::min(whole_below((capacity - up * up_rate) / down_rate), whole_below(up * down_per_up));
    }
  }
  return check_division(d, {down, up});
}

// Whole numbers that divide `n` next to `wanted`: what an error offers.
std::string nearest_divisors(std::uint32_t n, std::uint32_t wanted) {
  std::uint32_t below = 1, above = n;
  for (const std::uint32_t d : divisors(n)) {
    if (d <= wanted) below = d;
    if (d >= wanted) {
      above = d;
      break;
    }
  }
  return below == above ? std::to_string(below) : fmt::format("{} or {}", below, above);
}

// Spines of a block: the smallest divisor of a leaf's uplinks whose spines have ports for every leaf's trunk.
Expected<void> add_spines(const FabricSpec& spec, TierPorts leaf, std::uint32_t spine_down, ClosShape& shape) {
  const std::uint32_t leaves = shape.full_blocks > 0 ? shape.leaves_per_block : shape.last_leaves;
  if (leaves > spine_down) {
    return input_error(fmt::format("topology: {} leaves meet at spines that have {} ports down", leaves, spine_down),
                       fmt::format("{} tiers, {} hosts", shape.tiers, spec.hosts.count),
                       shape.tiers == 2
                           ? fmt::format("topology.tiers: 3, fewer hosts, or switch.radix.spine of at least {}", leaves)
                           : std::string("fewer topology.leaves_per_pod or more ports down"));
  }
  if (spec.topology.spines) {
    const std::uint32_t asked = *spec.topology.spines;
    if (asked == 0 || leaf.up % asked != 0) {
      return input_error(fmt::format("topology.spines: does not divide the {} uplinks of a leaf", leaf.up),
                         std::to_string(asked), nearest_divisors(leaf.up, asked) + " would");
    }
    if (std::uint64_t{leaves} * (leaf.up / asked) > spine_down) {
      return input_error(fmt::format("topology.spines: {} leaves with {} links each need more than the {} ports down",
                                     leaves, leaf.up / asked, spine_down),
                         std::to_string(asked),
                         fmt::format("at least {}", divide_up(std::uint64_t{leaves} * leaf.up, spine_down)));
    }
    shape.spines = asked;
  } else {
    for (const std::uint32_t spines : divisors(leaf.up)) {
      shape.spines = spines;
      if (std::uint64_t{leaves} * (leaf.up / spines) <= spine_down) break;
    }
  }
  shape.trunk = leaf.up / shape.spines;
  return {};
}

// Cores: among the ways to divide spines into groups and uplinks over cores, the one with the fewest cores; among
// equals the one with the fewest spines a group, which is the textbook fat tree.
Expected<void> add_cores(TierPorts spine, std::uint32_t core_radix, ClosShape& shape) {
  const std::uint64_t blocks = divide_up(shape.blocks, shape.core_domains);
  std::uint64_t best = ~std::uint64_t{0};
  for (const std::uint32_t group : divisors(shape.spines)) {
    for (const std::uint32_t cores : divisors(spine.up)) {
      const std::uint64_t total = std::uint64_t{shape.spines / group} * cores;
      if (blocks * group * (spine.up / cores) > core_radix || total >= best) continue;
      best = total;
      shape.group_spines = group;
      shape.cores = cores;
    }
  }
  if (best == ~std::uint64_t{0}) {
    return input_error(fmt::format("topology: {} pods meet at cores that have {} ports", blocks, core_radix),
                       fmt::format("{} pods", blocks),
                       fmt::format("fewer hosts or switch.radix.core of at least {}", blocks));
  }
  shape.core_trunk = spine.up / shape.cores;
  return {};
}

}  // namespace

std::vector<std::uint32_t> divisors(std::uint32_t n) {
  std::vector<std::uint32_t> small, large;
  for (std::uint32_t d = 1; std::uint64_t{d} * d <= n; ++d) {
    if (n % d != 0) continue;
    small.push_back(d);
    if (d != n / d) large.push_back(n / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

Expected<SwitchPorts> switch_ports(const FabricSpec& spec, bool cap_radix) {
  const Rate port = spec.port_rate();
  SwitchPorts out;
  out.host = spec.links.host.rate.value_or(port);
  out.leaf_spine = spec.links.leaf_spine.rate.value_or(port);
  out.spine_core = spec.links.spine_core.rate.value_or(port);
  if (out.host.bits_per_second <= 0 || out.leaf_spine.bits_per_second <= 0 || out.spine_core.bits_per_second <= 0) {
    return input_error("links: every tier needs a rate above zero");
  }
  const auto leaf = check_radix(spec, "leaf", spec.switches.leaf_radix, std::min(out.host, out.leaf_spine), cap_radix);
  if (!leaf) return tl::unexpected(leaf.error());
  const auto spine =
      check_radix(spec, "spine", spec.switches.spine_radix, std::min(out.leaf_spine, out.spine_core), cap_radix);
  if (!spine) return tl::unexpected(spine.error());
  const auto core = check_radix(spec, "core", spec.switches.core_radix, out.spine_core, cap_radix);
  if (!core) return tl::unexpected(core.error());
  out.leaf_radix = *leaf;
  out.spine_radix = *spine;
  out.core_radix = *core;
  return out;
}

Expected<TierPorts> divide_leaf(const FabricSpec& spec, const SwitchPorts& ports, std::uint32_t tiers) {
  const TopologySpec& t = spec.topology;
  if (tiers >= 2) {
    return divide({"leaf", ports.leaf_radix, ports.host, ports.leaf_spine, t.leaf_oversubscription, t.leaf_down,
                   t.leaf_up, spec.switches.capacity});
  }
  const std::uint32_t down = t.leaf_down.value_or(ports.leaf_radix);
  if (down == 0 || down > ports.leaf_radix) {
    return input_error("topology.leaf_down: outside the switch's ports", std::to_string(down),
                       fmt::format("1 to {}", ports.leaf_radix));
  }
  return TierPorts{down, 0};
}

Expected<TierPorts> divide_spine(const FabricSpec& spec, const SwitchPorts& ports, std::uint32_t tiers) {
  const TopologySpec& t = spec.topology;
  if (tiers < 3) return TierPorts{std::min(ports.spine_radix, t.spine_down.value_or(ports.spine_radix)), 0};
  return divide({"spine", ports.spine_radix, ports.leaf_spine, ports.spine_core, t.spine_oversubscription, t.spine_down,
                 t.spine_up, spec.switches.capacity});
}

Expected<void> add_upper_tiers(const FabricSpec& spec, const SwitchPorts& ports, TierPorts leaf, TierPorts spine,
                               ClosShape& shape) {
  if (shape.tiers < 2) return {};
  if (auto added = add_spines(spec, leaf, spine.down, shape); !added) return added;
  if (shape.tiers < 3) return {};
  return add_cores(spine, ports.core_radix, shape);
}

}  // namespace weft
