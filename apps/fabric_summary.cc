#include "apps/fabric_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "topologies/failures.h"
#include "topologies/spec_fields.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

constexpr NodeKind kSwitchKinds[] = {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore};
constexpr LinkTier kLinkTiers[] = {LinkTier::kScaleUp, LinkTier::kHost, LinkTier::kLeafSpine, LinkTier::kSpineCore};

std::string_view kind_name(TopologyKind kind) {
  for (const auto& [name, value] : Choices<TopologyKind>::kAll)
    if (value == kind) return name;
  return "";
}

std::uint32_t radix_of(const FabricSpec& spec, NodeKind kind) {
  if (kind == NodeKind::kLeaf) return spec.switches.leaf_radix;
  return kind == NodeKind::kSpine ? spec.switches.spine_radix : spec.switches.core_radix;
}

// Cables of every switch of a tier.
struct Plugged {
  std::vector<std::uint32_t> down, up, live;
};

class Counter {
 public:
  explicit Counter(const Topology& t) : t_(t) {
    for (const NodeKind kind : kSwitchKinds) {
      Plugged& tier = of(kind);
      tier.down.assign(t.switch_count(kind), 0);
      tier.up = tier.live = tier.down;
    }
  }
  void add(std::uint32_t cable) {
    const LinkId link{2 * cable};
    const LinkEnds ends = t_.ends(link);
    const Rate rate = t_.rate(link);
    const bool live = rate.bits_per_second > 0;
    CableTier& tier = cables[static_cast<int>(t_.tier(link))];
    ++tier.count;
    tier.rate = std::max(tier.rate, rate);
    tier.delay = std::max(tier.delay, t_.delay(link));
    if (is_switch(ends.from.kind)) ++of(ends.from.kind).up[ends.from.index];
    if (is_switch(ends.to.kind))
      ++(ends.from.kind < ends.to.kind ? of(ends.to.kind).down : of(ends.to.kind).up)[ends.to.index];
    for (const NodeRef end : {ends.from, ends.to})
      if (live && is_switch(end.kind)) ++of(end.kind).live[end.index];
  }
  [[nodiscard]] SwitchTier tier(NodeKind kind) {
    const Plugged& p = of(kind);
    SwitchTier out{kind, t_.switch_count(kind), radix_of(t_.spec(), kind), 0, ~0U, 0, 0, 0};
    for (std::size_t i = 0; i < p.down.size(); ++i) {
      const std::uint32_t used = p.down[i] + p.up[i];
      out.ports_used = std::max(out.ports_used, used);
      out.fewest_ports_used = std::min(out.fewest_ports_used, used);
      out.down = std::max(out.down, p.down[i]);
      out.up = std::max(out.up, p.up[i]);
      if (p.live[i] == 0) ++out.unreachable;
    }
    return out;
  }
  CableTier cables[4];

 private:
  [[nodiscard]] static bool is_switch(NodeKind kind) { return kind >= NodeKind::kLeaf; }
  [[nodiscard]] Plugged& of(NodeKind kind) {
    return plugged_[static_cast<int>(kind) - static_cast<int>(NodeKind::kLeaf)];
  }
  const Topology& t_;
  Plugged plugged_[3];
};

double bisection_share(const PartsList& parts) {
  const auto full = static_cast<double>(parts.full_bisection.bits_per_second);
  return full > 0 ? static_cast<double>(parts.bisection.bits_per_second) / full : 0;
}

// 1,234,567; dollars and watts are read by people only.
std::string grouped(double value) { return fmt::format("{}", fmt::group_digits(std::llround(value))); }

// Sums over a tier, all in one unit.
std::string terabits(Rate rate) { return fmt::format("{:.8g} Tbps", rate.gigabits_per_second() / 1000); }

void print_nodes(std::back_insert_iterator<std::string> to, const Topology& t, const FabricSummary& s) {
  const FabricSpec& spec = t.spec();
  const HostsSpec& h = spec.hosts;
  const std::size_t tiers = s.switches.size();
  fmt::format_to(to, "{}: {}, {} tier{}, {} plane{}, spec {}\n\n", spec.name, kind_name(spec.topology.kind), tiers,
                 tiers == 1 ? "" : "s", t.plane_count(), t.plane_count() == 1 ? "" : "s", spec_digest(spec));
  fmt::format_to(to, "{:<14} {:>9}  {} per host, scale-up domains of {} at {} a GPU\n", "GPUs", t.gpu_count(), h.gpus,
                 h.scale_up.domain_gpus, to_text(h.scale_up.rate_per_gpu));
  fmt::format_to(to, "{:<14} {:>9}  {}\n", "hosts", t.host_count(), h.gpu);
  fmt::format_to(to, "{:<14} {:>9}  {} a host, {} rail{}, {} each\n", "NICs", std::uint64_t{t.host_count()} * h.nics,
                 h.nics, h.rails, h.rails == 1 ? "" : "s", to_text(h.nic_rate));
  fmt::format_to(to, "{:<14} {:>9}  {} a NIC, {} each\n\n", "NIC ports", t.port_count(), h.ports_per_nic,
                 to_text(spec.port_rate()));
}

void print_switches(std::back_insert_iterator<std::string> to, const FabricSummary& s) {
  fmt::format_to(to, "{:<14} {:>9} {:>7} {:>7} {:>7} {:>7}\n", "switches", "count", "radix", "down", "up", "used");
  for (const SwitchTier& tier : s.switches) {
    fmt::format_to(to, "{:<14} {:>9} {:>7} {:>7} {:>7} {:>7}", to_text(tier.kind), tier.count, tier.radix, tier.down,
                   tier.up, tier.ports_used);
    if (tier.fewest_ports_used != tier.ports_used) fmt::format_to(to, "  emptiest uses {}", tier.fewest_ports_used);
    if (tier.unreachable > 0) fmt::format_to(to, "  {} without a live cable", tier.unreachable);
    fmt::format_to(to, "\n");
  }
}

void print_cables(std::back_insert_iterator<std::string> to, const FabricSummary& s) {
  fmt::format_to(to, "\n{:<14} {:>9} {:>11} {:>8} {:>7} {:>9} {:>14}  {}\n", "cables", "count", "rate", "delay", "dead",
                 "degraded", "one way", "oversubscription as built");
  for (const CableTier& tier : s.cables) {
    const auto bandwidth = std::find_if(s.parts.tiers.begin(), s.parts.tiers.end(),
                                        [&](const TierBandwidth& b) { return b.tier == tier.tier; });
    const bool known = bandwidth != s.parts.tiers.end();
    fmt::format_to(to, "{:<14} {:>9} {:>11} {:>8} {:>7} {:>9} {:>14}", to_text(tier.tier), tier.count,
                   tier.rate.bits_per_second > 0 ? to_text(tier.rate) : "dead", to_text(tier.delay), tier.dead,
                   tier.degraded, known ? terabits(bandwidth->one_way) : "");
    if (known && bandwidth->oversubscription) fmt::format_to(to, "  {:.6g}:1", *bandwidth->oversubscription);
    fmt::format_to(to, "\n");
  }
  fmt::format_to(to, "\nbisection {}, {:.4g} % of full bisection ({})\n", terabits(s.parts.bisection),
                 100 * bisection_share(s.parts), terabits(s.parts.full_bisection));
}

void print_parts(std::back_insert_iterator<std::string> to, const FabricSummary& s) {
  fmt::format_to(to, "\n{:<18} {:>9} {:>18} {:>14}  source\n", "parts", "count", "dollars", "watts");
  for (const PartLine& line : s.parts.lines)
    fmt::format_to(to, "{:<18} {:>9} {:>18} {:>14}  {}\n", line.part, line.count,
                   line.dollars ? grouped(*line.dollars) : "-", line.watts.value_or(0) > 0 ? grouped(*line.watts) : "-",
                   line.dollars ? line.source : "no price in the file");
  fmt::format_to(to, "{:<18} {:>9} {:>18} {:>14}{}\n", "total", "", grouped(s.parts.dollars), grouped(s.parts.watts),
                 s.parts.all_priced ? "" : "  of the priced parts only");
}

void print_timed_failures(std::back_insert_iterator<std::string> to, const FabricSummary& s) {
  fmt::format_to(to, "\n{} cable{} for a time; only the packet engine plays that\n", s.timed_failure_count,
                 s.timed_failure_count == 1 ? " fails" : "s fail");
  for (const std::string& line : s.timed_failures) fmt::format_to(to, "  {}\n", line);
  if (s.timed_failure_count > s.timed_failures.size())
    fmt::format_to(to, "  and {} more\n", s.timed_failure_count - s.timed_failures.size());
}

void print_failures(std::back_insert_iterator<std::string> to, const FabricSummary& s) {
  std::uint64_t all = 0;
  for (const CableTier& tier : s.cables) all += std::uint64_t{tier.dead} + tier.degraded;
  if (s.timed_failure_count > 0) print_timed_failures(to, s);
  if (all == 0 && s.timed_failure_count == 0) fmt::format_to(to, "\nno failures\n");
  if (all == 0) return;
  fmt::format_to(to, "\n{} cable{} dead or degraded\n", all, all == 1 ? "" : "s");
  for (const std::string& line : s.failures) fmt::format_to(to, "  {}\n", line);
  if (all > s.failures.size()) fmt::format_to(to, "  and {} more; see --links or --cabling\n", all - s.failures.size());
}

std::string failure_text(const Topology& topology, std::uint32_t cable, double rate_factor) {
  return topology.name(LinkId{2 * cable}) +
         (rate_factor == 0 ? " dead" : fmt::format(" at {:.4g} % of its rate", 100 * rate_factor));
}

}  // namespace

Expected<FabricSummary> summarize(const Topology& topology) {
  FabricSummary out;
  Counter counter(topology);
  for (std::uint32_t cable = 0; cable < topology.link_count() / 2; ++cable) counter.add(cable);
  const auto deviations = resolve_failures(topology);
  if (!deviations) return tl::unexpected(deviations.error());
  for (const CableDeviation& d : deviations->sorted()) {
    if (d.rate_factor >= 1) continue;
    CableTier& tier = counter.cables[static_cast<int>(topology.tier(LinkId{2 * d.cable}))];
    ++(d.rate_factor == 0 ? tier.dead : tier.degraded);
    if (out.failures.size() < kMaxNamedFailures) out.failures.push_back(failure_text(topology, d.cable, d.rate_factor));
  }
  const auto timed = resolve_timed_failures(topology);
  if (!timed) return tl::unexpected(timed.error());
  out.timed_failure_count = timed->size();
  for (std::size_t i = 0; i < std::min(timed->size(), kMaxNamedFailures); ++i) {
    const TimedDeviation& d = (*timed)[i];
    out.timed_failures.push_back(fmt::format("{} from {}{}{}", failure_text(topology, d.cable, d.rate_factor),
                                             to_text(d.at), d.until ? " until " + to_text(*d.until) : "",
                                             d.period ? ", again every " + to_text(*d.period) : ""));
  }
  for (const NodeKind kind : kSwitchKinds)
    if (topology.switch_count(kind) > 0) out.switches.push_back(counter.tier(kind));
  for (const LinkTier tier : kLinkTiers) {
    CableTier& cables = counter.cables[static_cast<int>(tier)];
    cables.tier = tier;
    if (cables.count > 0) out.cables.push_back(cables);
  }
  out.parts = list_parts(topology);
  return out;
}

std::string summary_text(const Topology& topology, const FabricSummary& summary) {
  std::string out;
  const auto to = std::back_inserter(out);
  print_nodes(to, topology, summary);
  print_switches(to, summary);
  print_cables(to, summary);
  print_parts(to, summary);
  print_failures(to, summary);
  return out;
}

std::string summary_json(const Topology& topology, const FabricSummary& summary, const WiringReport* wiring) {
  using Json = nlohmann::ordered_json;
  const FabricSpec& spec = topology.spec();
  Json switches = Json::array(), cables = Json::array(), parts = Json::array();
  for (const SwitchTier& t : summary.switches)
    switches.push_back({{"tier", to_text(t.kind)},
                        {"count", t.count},
                        {"radix", t.radix},
                        {"down", t.down},
                        {"up", t.up},
                        {"ports_used", t.ports_used},
                        {"fewest_ports_used", t.fewest_ports_used},
                        {"without_live_cable", t.unreachable}});
  for (const CableTier& t : summary.cables) {
    Json line = {{"tier", to_text(t.tier)},         {"count", t.count}, {"rate_bps", t.rate.bits_per_second},
                 {"delay_ps", t.delay.picoseconds}, {"dead", t.dead},   {"degraded", t.degraded}};
    for (const TierBandwidth& b : summary.parts.tiers) {
      if (b.tier != t.tier) continue;
      line["one_way_bps"] = b.one_way.bits_per_second;
      if (b.oversubscription) line["oversubscription"] = *b.oversubscription;
    }
    cables.push_back(std::move(line));
  }
  for (const PartLine& p : summary.parts.lines) {
    Json line = {{"part", p.part}, {"count", p.count}};
    if (p.dollars) line["dollars"] = *p.dollars;
    if (p.watts) line["watts"] = *p.watts;
    if (!p.source.empty()) line["source"] = p.source;
    parts.push_back(std::move(line));
  }
  Json out = {{"schema", "weft-topology-1"},
              {"name", spec.name},
              {"spec_digest", spec_digest(spec)},
              {"kind", kind_name(spec.topology.kind)},
              {"planes", topology.plane_count()},
              {"gpus", topology.gpu_count()},
              {"hosts", topology.host_count()},
              {"nic_ports", topology.port_count()},
              {"switches", switches},
              {"cables", cables},
              {"parts", parts},
              {"dollars", summary.parts.dollars},
              {"watts", summary.parts.watts},
              {"all_priced", summary.parts.all_priced},
              {"bisection_bps", summary.parts.bisection.bits_per_second},
              {"full_bisection_bps", summary.parts.full_bisection.bits_per_second},
              {"failures", summary.failures},
              {"timed_failures", summary.timed_failures}};
  if (wiring != nullptr)
    out["wiring"] = {
        {"problem_count", wiring->problem_count}, {"problems", wiring->problems}, {"notes", wiring->notes}};
  return out.dump(1) + "\n";
}

}  // namespace weft
