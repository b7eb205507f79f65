#include "topologies/spec_validate_packet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fabric/pfc.h"
#include "fabric/priorities.h"
#include "topologies/spec_choices.h"

namespace weft {
namespace {

using Fault = std::optional<SpecFault>;

Fault fault_of(const char* path, const Error& error) {
  return SpecFault{path, error.message, error.item, error.way_out};
}

// PFC pauses lossless priorities; data on another priority would be dropped behind its back.
Fault find_priority_fault(const FabricSpec& spec) {
  const SwitchSpec& s = spec.switches;
  const auto lossless = parse_priorities(s.lossless_priorities);
  if (!lossless) return fault_of("switch.lossless_priorities", lossless.error());
  if (!s.pfc) return std::nullopt;
  const std::uint32_t data = spec.transport.data_priority;
  if (lossless->size() == 0) {
    return SpecFault{"switch.lossless_priorities",
                     "PFC is on, but no priority is lossless",
                     {},
                     fmt::format("name transport.data_priority, {}, or set switch.pfc: false", data)};
  }
  if (!lossless->has(data)) {
    return SpecFault{
        "transport.data_priority",
        fmt::format("PFC is on, but the data priority {} is not lossless", data),
        {},
        fmt::format("add it to switch.lossless_priorities, \"{}\", or set switch.pfc: false", s.lossless_priorities)};
  }
  return std::nullopt;
}

// Headroom is reserved for every port and lossless priority; what is left of the buffer is shared. Only for
// generated fabrics: an explicit list names its ports one by one.
Fault find_headroom_fault(const FabricSpec& spec) {
  const SwitchSpec& s = spec.switches;
  const TopologySpec& t = spec.topology;
  if (!s.pfc || t.kind == TopologyKind::kExplicit) return std::nullopt;
  const LinksSpec& l = spec.links;
  struct Tier {
    const char* name;
    std::uint32_t radix;
    const LinkTierSpec* down;
    const LinkTierSpec* up;
  };
  const std::array all{Tier{"leaf", s.leaf_radix, &l.host, &l.leaf_spine},
                       Tier{"spine", s.spine_radix, &l.leaf_spine, &l.spine_core},
                       Tier{"core", s.core_radix, &l.spine_core, nullptr}};
  const auto needed = [&](const LinkTierSpec& link) {
    return pfc_headroom(link.rate.value_or(spec.port_rate()), link.delay, s.latency, spec.transport.mtu,
                        spec.transport.header_bytes);
  };
  const std::uint32_t priorities = parse_priorities(s.lossless_priorities)->size();
  const std::size_t tiers = t.tiers == 0 ? 2 : t.tiers;  // 0: two or three
  for (std::size_t i = 0; i < tiers; ++i) {
    const Tier& tier = all[i];
    Bytes headroom = needed(*tier.down);
    if (i + 1 < tiers) headroom = std::max(headroom, needed(*tier.up));
    headroom = s.headroom.value_or(headroom);
    std::int64_t ports = tier.radix;
    const Rate port = tier.down->rate.value_or(spec.port_rate());
    if (s.capacity) ports = std::min(ports, s.capacity->bits_per_second / port.bits_per_second);
    const auto sum = static_cast<__int128>(headroom.count) * ports * priorities;
    if (sum < s.buffer.count) continue;
    return SpecFault{
        s.headroom ? "switch.headroom" : "switch.buffer",
        fmt::format("the PFC headroom of a {}, {} ports x {} x {} lossless priorit{}, leaves nothing of the buffer, {}",
                    tier.name, ports, to_text(headroom), priorities, priorities == 1 ? "y" : "ies", to_text(s.buffer)),
        {},
        s.headroom ? "lower it, raise switch.buffer, or set switch.pfc: false"
                   : "raise it, shorten the links, set switch.headroom, or set switch.pfc: false"};
  }
  return std::nullopt;
}

Fault find_queue_fault(const SwitchSpec& s) {
  if (s.scheduling == QueueScheduling::kStrict && !s.weights.empty()) {
    return SpecFault{
        "switch.weights", "weights with strict scheduling", {}, "set switch.scheduling: dwrr, or remove it"};
  }
  if (const auto weights = parse_weights(s.weights); !weights) return fault_of("switch.weights", weights.error());
  if (s.xoff && *s.xoff > s.buffer) {
    return SpecFault{
        "switch.xoff", fmt::format("xoff above the buffer, {}", to_text(s.buffer)), {}, "no queue would reach it"};
  }
  if (s.xoff && s.xon_offset > *s.xoff) {
    return SpecFault{
        "switch.xon_offset",
        fmt::format("a pause at {} would end at less than nothing, {} below", to_text(*s.xoff), to_text(s.xon_offset)),
        {},
        "it is at most switch.xoff"};
  }
  return std::nullopt;
}

// A field that only some kind of routing uses, set to something else than its default.
Fault find_foreign_routing(const RoutingSpec& r) {
  const RoutingSpec initial;
  struct Use {
    const char* field;
    bool changed;
    RoutingKind kind;
  };
  const std::array uses{Use{"spray_paths", r.spray_paths != initial.spray_paths, RoutingKind::kSpray},
                        Use{"adaptive_unit", r.adaptive_unit != initial.adaptive_unit, RoutingKind::kAdaptive},
                        Use{"flowlet_gap", r.flowlet_gap != initial.flowlet_gap, RoutingKind::kFlowlet}};
  for (const Use& use : uses) {
    if (use.changed && use.kind != r.kind) {
      return SpecFault{fmt::format("routing.{}", use.field), "no meaning for this kind of routing",
                       std::string(choice_name(r.kind)),
                       fmt::format("it belongs to {}; remove it", choice_name(use.kind))};
    }
  }
  return std::nullopt;
}

// Periods that would never pass, or pass without end.
Fault find_zero_fault(const TransportSpec& t) {
  struct Period {
    const char* field;
    std::int64_t value;
    const char* way_out;
  };
  constexpr const char* kTime = "give a time above 0, as 1us";
  const auto ps = [](const std::optional<Duration>& d) { return d ? d->picoseconds : 1; };
  const std::array periods{Period{"dcqcn.rpg_time_reset", t.dcqcn.rpg_time_reset.picoseconds, kTime},
                           Period{"dcqcn.rpg_byte_reset", t.dcqcn.rpg_byte_reset.count, "1TB turns the counter off"},
                           Period{"dcqcn.dce_tcp_rtt", t.dcqcn.dce_tcp_rtt.picoseconds, kTime},
                           Period{"timely.min_rtt", ps(t.timely.min_rtt), kTime},
                           Period{"swift.base_target", ps(t.swift.base_target), kTime},
                           Period{"nscc.target_queuing_delay", ps(t.nscc.target_queuing_delay), kTime},
                           Period{"retransmit_timeout", t.retransmit_timeout.picoseconds, kTime}};
  for (const Period& period : periods) {
    if (period.value == 0) {
      return SpecFault{fmt::format("transport.{}", period.field), "zero is no period", {}, period.way_out};
    }
  }
  return std::nullopt;
}

Fault find_transport_fault(const TransportSpec& t) {
  if (t.window && t.window->count < t.mtu) {
    return SpecFault{"transport.window",
                     fmt::format("the window is below one packet, {} B of payload", t.mtu),
                     {},
                     "no packet could ever be sent; raise it or lower transport.mtu"};
  }
  if (t.timely.t_low >= t.timely.t_high) {
    return SpecFault{"transport.timely.t_low",
                     fmt::format("t_low is not below t_high, {}", to_text(t.timely.t_high)),
                     {},
                     "the gradient counts between the two"};
  }
  if (t.swift.fs_min_cwnd >= t.swift.fs_max_cwnd) {
    return SpecFault{"transport.swift.fs_min_cwnd",
                     fmt::format("fs_min_cwnd is not below fs_max_cwnd, {}", t.swift.fs_max_cwnd),
                     {},
                     "flow scaling falls from one to the other"};
  }
  return find_zero_fault(t);
}

}  // namespace

std::optional<SpecFault> find_packet_fault(const FabricSpec& spec) {
  if (auto fault = find_queue_fault(spec.switches)) return fault;
  if (auto fault = find_priority_fault(spec)) return fault;
  if (auto fault = find_headroom_fault(spec)) return fault;
  if (auto fault = find_foreign_routing(spec.routing)) return fault;
  return find_transport_fault(spec.transport);
}

std::optional<SpecFault> find_failure_time_fault(const FailureSpec& f, const std::string& path) {
  if (f.until && !f.at)
    return SpecFault{path + ".until", "an end without a beginning", {}, "add at; 0s is the start of the operation"};
  if (f.period && !f.until)
    return SpecFault{path + ".period", "what never works again cannot fail again", {}, "add until, or remove period"};
  if (f.until && *f.until <= *f.at)
    return SpecFault{path + ".until",
                     fmt::format("ends at {}, not after it begins at {}", to_text(*f.until), to_text(*f.at)),
                     {},
                     "until is a time, not a length; raise it"};
  if (f.period && *f.period < *f.until - *f.at)
    return SpecFault{path + ".period",
                     fmt::format("begins again before it has ended: it lasts {}", to_text(*f.until - *f.at)),
                     {},
                     "period counts from one beginning to the next; raise it"};
  return std::nullopt;
}

}  // namespace weft
