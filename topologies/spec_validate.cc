#include "topologies/spec_validate.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>

#include "topologies/spec_explicit.h"
#include "topologies/spec_fields.h"
#include "topologies/spec_validate_packet.h"

namespace weft {
namespace {

using Fault = std::optional<SpecFault>;

bool either_divides(std::uint64_t a, std::uint64_t b) { return a % b == 0 || b % a == 0; }

Fault find_hosts_fault(const HostsSpec& h) {
  const std::uint64_t gpus = std::uint64_t{h.count} * h.gpus;
  if (gpus > kMaxEndpoints) {
    return SpecFault{"hosts.count",
                     fmt::format("{} GPUs, hosts.count x hosts.gpus", gpus),
                     {},
                     fmt::format("the limit is {}", kMaxEndpoints)};
  }
  const std::uint64_t ports = std::uint64_t{h.count} * h.nics * h.ports_per_nic;
  if (ports > kMaxEndpoints) {
    return SpecFault{"hosts.count",
                     fmt::format("{} NIC ports, hosts.count x hosts.nics x hosts.ports_per_nic", ports),
                     {},
                     fmt::format("the limit is {}, the addresses of 10.0.0.0/8", kMaxEndpoints)};
  }
  if (!either_divides(h.gpus, h.nics)) {
    return SpecFault{"hosts.nics",
                     fmt::format("{} NICs do not go with {} GPUs", h.nics, h.gpus),
                     {},
                     "one number must divide the other, so that every GPU has equal NICs"};
  }
  if (h.nics % h.rails != 0) {
    return SpecFault{"hosts.rails",
                     fmt::format("rails do not divide the {} NICs of a host", h.nics),
                     {},
                     "every rail needs equally many NICs"};
  }
  if (h.nic_rate.bits_per_second % h.ports_per_nic != 0) {
    return SpecFault{"hosts.ports_per_nic",
                     fmt::format("{} is not {} whole ports", to_text(h.nic_rate), h.ports_per_nic),
                     {},
                     "the rate of a port must be whole bits per second"};
  }
  const std::uint32_t domain = h.scale_up.domain_gpus;
  if (!either_divides(domain, h.gpus)) {
    return SpecFault{"hosts.scale_up.domain_gpus",
                     fmt::format("a domain is no part of a host of {} GPUs, nor several hosts", h.gpus),
                     {},
                     "it must divide hosts.gpus or be a multiple of it"};
  }
  if (gpus % domain != 0) {
    return SpecFault{"hosts.scale_up.domain_gpus",
                     fmt::format("domains do not divide the {} GPUs of the fabric", gpus),
                     {},
                     fmt::format("let hosts.count be a multiple of {}", domain / h.gpus)};
  }
  return std::nullopt;
}

// A field that only some kinds of topology use, set to something else than its default.
Fault find_foreign_field(const TopologySpec& t) {
  const TopologySpec initial;
  const auto kind_is = [&](auto... kinds) { return ((t.kind == kinds) || ...); };
  struct Use {
    const char* field;
    bool changed;
    bool used;
    const char* kinds;
  };
  const bool dual_tor = kind_is(TopologyKind::kDualTor);
  const std::array uses{
      Use{"join", t.join != initial.join, kind_is(TopologyKind::kRailOptimized, TopologyKind::kRailOnly),
          "rail_optimized"},
      Use{"hosts_per_unit", t.hosts_per_unit.has_value(),
          kind_is(TopologyKind::kRailOptimized, TopologyKind::kRailOnly), "rail_optimized and rail_only"},
      Use{"split", t.split != initial.split, kind_is(TopologyKind::kMultiPlane), "multi_plane"},
      Use{"planes", t.planes != initial.planes, kind_is(TopologyKind::kMultiPlane) || (dual_tor && t.planes == 2),
          "multi_plane (dual_tor always has 2)"},
      Use{"segment_hosts", t.segment_hosts != initial.segment_hosts, dual_tor, "dual_tor"},
      Use{"backup_ports", t.backup_ports != initial.backup_ports, dual_tor, "dual_tor"},
      Use{"segments_per_pod", t.segments_per_pod != initial.segments_per_pod, dual_tor, "dual_tor"},
      Use{"switches", !t.switches.empty(), kind_is(TopologyKind::kExplicit), "explicit"},
      Use{"links", !t.links.empty(), kind_is(TopologyKind::kExplicit), "explicit"}};
  for (const Use& use : uses) {
    if (use.changed && !use.used) {
      return SpecFault{fmt::format("topology.{}", use.field), "no meaning for this kind of topology",
                       std::string(choice_name(t.kind)), fmt::format("it belongs to {}; remove it", use.kinds)};
    }
  }
  return std::nullopt;
}

Fault find_plane_fault(const TopologySpec& t, const HostsSpec& h) {
  if (t.kind == TopologyKind::kDualTor && h.ports_per_nic != 2) {
    return SpecFault{"hosts.ports_per_nic", "a dual_tor NIC has one port on each of its two ToRs",
                     fmt::format("{}", h.ports_per_nic), "set hosts.ports_per_nic: 2"};
  }
  if (t.kind != TopologyKind::kMultiPlane) return std::nullopt;
  const bool by_port = t.split == PlaneSplit::kPort;
  const std::uint32_t ends = by_port ? h.ports_per_nic : h.nics;
  if (ends % t.planes == 0) return std::nullopt;
  return SpecFault{
      "topology.planes",
      fmt::format("{} planes do not divide the {} {}", t.planes, ends, by_port ? "ports of a NIC" : "NICs of a host"),
      {},
      by_port ? "let hosts.ports_per_nic be planes" : "let hosts.nics be a multiple of planes"};
}

Fault find_port_fault(const TopologySpec& t, const SwitchSpec& s) {
  struct Side {
    const char* field;
    const char* tier;
    std::optional<std::uint32_t> ports, other;
    std::uint32_t radix;
  };
  const std::array sides{Side{"leaf_down", "leaf", t.leaf_down, {}, s.leaf_radix},
                         Side{"leaf_up", "leaf", t.leaf_up, t.leaf_down, s.leaf_radix},
                         Side{"spine_down", "spine", t.spine_down, {}, s.spine_radix},
                         Side{"spine_up", "spine", t.spine_up, t.spine_down, s.spine_radix}};
  for (const Side& side : sides) {
    const std::uint32_t used = side.ports.value_or(0) + (side.ports ? side.other.value_or(0) : 0);
    if (used > side.radix) {
      return SpecFault{fmt::format("topology.{}", side.field),
                       fmt::format("{} ports on a {} of radix {}", used, side.tier, side.radix),
                       {},
                       fmt::format("lower it or raise switch.radix.{}", side.tier)};
    }
  }
  if (t.kind == TopologyKind::kDualTor && t.segment_hosts + t.backup_ports > s.leaf_radix) {
    return SpecFault{
        "topology.segment_hosts",
        fmt::format("{} host and backup ports on a leaf of radix {}", t.segment_hosts + t.backup_ports, s.leaf_radix),
        {},
        "lower it or raise switch.radix.leaf"};
  }
  return std::nullopt;
}

Fault find_topology_fault(const FabricSpec& spec) {
  const TopologySpec& t = spec.topology;
  if (auto fault = find_foreign_field(t)) return fault;
  if (t.kind == TopologyKind::kExplicit) return find_explicit_fault(spec);
  if (t.tiers == 1 && t.kind != TopologyKind::kRailOnly) {
    return SpecFault{
        "topology.tiers", "one tier joins nothing beyond a switch", {}, "give 2 or 3; 1 is for kind: rail_only"};
  }
  const bool too_few_tiers_for_cores = t.tiers == 1 || t.tiers == 2;  // 0: as many as the hosts need
  if (t.join == RailJoin::kCore && too_few_tiers_for_cores) {
    return SpecFault{"topology.join", "rails cannot join at a core that is not there", {}, "set topology.tiers: 3"};
  }
  if (t.spine_oversubscription != 1.0 && too_few_tiers_for_cores && t.kind != TopologyKind::kDualTor) {
    return SpecFault{
        "topology.oversubscription.spine", "spines have no uplinks in 2 tiers", {}, "set topology.tiers: 3"};
  }
  if (auto fault = find_plane_fault(t, spec.hosts)) return fault;
  return find_port_fault(t, spec.switches);
}

// radix x port rate <= capacity, for the tiers that the topology has.
Fault find_capacity_fault(const FabricSpec& spec) {
  const SwitchSpec& s = spec.switches;
  if (!s.capacity) return std::nullopt;
  // An explicit list names its ports one by one; radix does not apply. Split ports: the generator caps the radix.
  const TopologySpec& t = spec.topology;
  if (t.kind == TopologyKind::kExplicit || (t.kind == TopologyKind::kMultiPlane && t.split == PlaneSplit::kPort)) {
    return std::nullopt;
  }
  const std::uint32_t tiers = t.tiers;  // 0: known only when the generator has run, which checks too
  struct Tier {
    const char* name;
    std::uint32_t radix;
    std::optional<Rate> rate;
  };
  const std::array all{Tier{"leaf", s.leaf_radix, spec.links.host.rate},
                       Tier{"spine", s.spine_radix, spec.links.leaf_spine.rate},
                       Tier{"core", s.core_radix, spec.links.spine_core.rate}};
  for (std::size_t i = 0; i < tiers; ++i) {
    const Rate rate = all[i].rate.value_or(spec.port_rate());
    const auto sum = static_cast<__int128>(rate.bits_per_second) * all[i].radix;
    if (sum <= s.capacity->bits_per_second) continue;
    return SpecFault{fmt::format("switch.radix.{}", all[i].name),
                     fmt::format("{} ports of {} on a {} exceed the capacity of {}", all[i].radix, to_text(rate),
                                 all[i].name, to_text(*s.capacity)),
                     {},
                     fmt::format("at most {} ports", s.capacity->bits_per_second / rate.bits_per_second)};
  }
  return std::nullopt;
}

Fault find_switch_fault(const SwitchSpec& s) {
  if (s.ecn.kmin > s.ecn.kmax) {
    return SpecFault{"switch.ecn.kmin",
                     fmt::format("kmin above kmax, {}", to_text(s.ecn.kmax)),
                     {},
                     "marking rises from kmin to kmax"};
  }
  if (s.ecn.kmax > s.buffer) {
    return SpecFault{
        "switch.ecn.kmax", fmt::format("kmax above the buffer, {}", to_text(s.buffer)), {}, "no queue would reach it"};
  }
  return std::nullopt;
}

Fault find_failure_fault(const FailureSpec& f, const std::string& path) {
  const bool random = f.count || f.fraction;
  if (!f.name.empty() && random) {
    return SpecFault{path + (f.fraction ? ".fraction" : ".count"),
                     "a named part and random parts in one line",
                     {},
                     "give name, or count or fraction; write two lines for both"};
  }
  if (f.name.empty() && !random) {
    return SpecFault{path, "a failure that names nothing", {}, "give name, or count or fraction with a tier"};
  }
  if (f.count && f.fraction) {
    return SpecFault{path + ".fraction", "both count and fraction", {}, "give one of them"};
  }
  const bool link = f.target == FailureTarget::kLink;
  if (link && f.switch_tier)
    return SpecFault{path + ".switch_tier", "switch_tier with target link", {}, "add target: switch, or use link_tier"};
  if (!link && f.link_tier)
    return SpecFault{path + ".link_tier", "link_tier with target switch", {}, "add target: link, or use switch_tier"};
  if (random && !f.link_tier && !f.switch_tier) {
    return SpecFault{
        path,
        "random parts without a tier",
        {},
        link ? "give link_tier: scale_up, host, leaf_spine or spine_core" : "give switch_tier: leaf, spine or core"};
  }
  if (f.rate_factor >= 1) {
    return SpecFault{path + ".rate_factor", "a failure that leaves the whole rate", {}, "give 0 (dead) to below 1"};
  }
  return find_failure_time_fault(f, path);
}

}  // namespace

std::optional<SpecFault> find_fault(const FabricSpec& spec) {
  if (spec.name.empty()) return SpecFault{"name", "empty", {}, "name the fabric"};
  if (auto fault = find_hosts_fault(spec.hosts)) return fault;
  if (auto fault = find_topology_fault(spec)) return fault;
  if (auto fault = find_capacity_fault(spec)) return fault;
  if (auto fault = find_switch_fault(spec.switches)) return fault;
  const std::uint32_t mtu = spec.transport.mtu;
  if ((mtu & (mtu - 1)) != 0) {
    return SpecFault{"transport.mtu", "not a RoCE path MTU", {}, "give 256, 512, 1024, 2048 or 4096"};
  }
  if (auto fault = find_packet_fault(spec)) return fault;
  for (std::size_t i = 0; i < spec.failures.size(); ++i)
    if (auto fault = find_failure_fault(spec.failures[i], fmt::format("failures.{}", i))) return fault;
  return std::nullopt;
}

}  // namespace weft
