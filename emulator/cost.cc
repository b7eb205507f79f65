#include "emulator/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

namespace weft {
namespace {

// What one protocol makes of a schedule; seconds.
struct Priced {
  DataTime data;       // scaled, overlap taken off
  double latency = 0;  // hops, path and pipeline fill
  double base = 0;
  double slower_data = 0;  // data time that the protocol's bandwidth share adds
  std::vector<PhaseTime> phases;
  std::string binding_tier;
  [[nodiscard]] double total() const { return data.total() + slower_data + latency + base; }
};

void add_scaled(DataTime& to, const DataTime& from, double factor) {
  to.ideal += from.ideal * factor;
  to.scale_up += from.scale_up * factor;
  to.protocol += from.protocol * factor;
  to.oversubscription += from.oversubscription * factor;
  to.failures += from.failures * factor;
  to.hash_collisions += from.hash_collisions * factor;
}

double chunk_count(const ScheduleCost& cost, Bytes size, const Constants& constants) {
  if (constants.pipeline_chunk.count == 0) return std::numeric_limits<double>::infinity();
  const double shard = static_cast<double>(size.count) / cost.shards;
  return std::max(1.0, shard / static_cast<double>(constants.pipeline_chunk.count));
}

struct Group {
  std::map<std::uint32_t, double> stages;  // data seconds
  double slowest = 0, sum = 0;
  std::uint32_t base = 0;  // the stage that the time is told by: the slowest of those that use a NIC, or of all
  [[nodiscard]] double seconds(double chunks) const { return slowest + (sum - slowest) / chunks; }
};

std::map<std::uint32_t, Group> overlap_groups(const ScheduleCost& cost) {
  std::map<std::uint32_t, Group> groups;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> nic_stage;
  for (const PhaseCost& p : cost.phases) {
    if (p.overlap_group == 0) continue;
    groups[p.overlap_group].stages[p.stage] += p.data.total();
    nic_stage[{p.overlap_group, p.stage}] |= p.uses_nic;
  }
  for (auto& [id, group] : groups) {
    bool found = false, found_nic = false;
    for (const auto& [stage, seconds] : group.stages) {
      group.slowest = std::max(group.slowest, seconds);
      group.sum += seconds;
      const bool nic = nic_stage.at({id, stage});
      const bool better = !found || (nic && !found_nic) || (nic == found_nic && seconds > group.stages.at(group.base));
      if (!better) continue;
      group.base = stage;
      found = true;
      found_nic = nic;
    }
  }
  return groups;
}

double hop_seconds(const PhaseCost& p, const ProtocolConstants& protocol, const Constants& constants) {
  const double injection = constants.nic_message_rate > 0 ? p.messages / constants.nic_message_rate : 0.0;
  return injection + p.scale_up_hops * protocol.scale_up_step.seconds() +
         p.scale_out_hops * protocol.scale_out_step.seconds() + (constants.count_path_delay ? p.path_seconds : 0.0);
}

Priced price_with(const ScheduleCost& cost, Bytes size, const Constants& constants, const ProtocolConstants& protocol) {
  const double chunks = chunk_count(cost, size, constants);
  const double growth = static_cast<double>(size.count) / static_cast<double>(cost.reference.count);
  const std::map<std::uint32_t, Group> groups = overlap_groups(cost);
  bool any_nic = false;
  for (const PhaseCost& p : cost.phases) any_nic = any_nic || p.uses_nic;
  Priced out;
  out.base = protocol.base.seconds();
  std::map<std::string, double> tier_seconds;  // by binding tier, of the phases that nothing hides
  for (const PhaseCost& p : cost.phases) {
    DataTime data = p.data;
    // Where the message crosses NICs, time in the domain is what the domain costs, not part of the ideal.
    if (any_nic && !p.uses_nic) data.scale_up += std::exchange(data.ideal, 0.0);
    if (p.overlap_group == 0 || groups.at(p.overlap_group).base == p.stage) add_scaled(out.data, data, growth);
    const double alone = p.data.total() * growth / protocol.bandwidth;
    const double fill = p.depth > 1 ? static_cast<double>(p.depth - 1) * alone / chunks : 0.0;
    const double hops = hop_seconds(p, protocol, constants);
    out.latency += fill + hops;
    out.phases.push_back({p.name, p.steps, alone + fill + hops});
    const bool hidden =
        p.overlap_group > 0 && groups.at(p.overlap_group).stages.at(p.stage) < groups.at(p.overlap_group).slowest;
    if (!hidden) tier_seconds[p.binding_tier] += alone;
  }
  const auto binding = std::max_element(tier_seconds.begin(), tier_seconds.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
  if (binding != tier_seconds.end()) out.binding_tier = binding->first;
  // The stages beside the base stage lie in the scale-up domain: what they do not hide is its cost.
  for (const auto& [id, group] : groups)
    out.data.scale_up += growth * (group.seconds(chunks) - group.stages.at(group.base));
  out.slower_data = out.data.total() * (1.0 / protocol.bandwidth - 1.0);
  return out;
}

std::string sentence_of(const Why& why) {
  struct Cause {
    std::string_view name;
    double share;
  };
  std::array causes{Cause{"hash collisions", why.hash_collisions}, Cause{"oversubscription", why.oversubscription},
                    Cause{"the scale-up domain", why.scale_up},    Cause{"latency and message rate", why.latency},
                    Cause{"protocol overhead", why.protocol},      Cause{"failed or slow links", why.failures}};
  std::stable_sort(causes.begin(), causes.end(), [](const Cause& a, const Cause& b) { return a.share > b.share; });
  std::string text = fmt::format("{:.1f} % of the ideal", 100 * why.ideal_share);
  std::string_view lead = "; lost to ";
  for (const Cause& cause : causes) {
    if (cause.share < 0.005) continue;
    text += fmt::format("{}{} {:.1f} %", lead, cause.name, 100 * cause.share);
    lead = ", ";
  }
  if (!why.binding_tier.empty()) text += fmt::format("; {} binds", why.binding_tier);
  return text;
}

Why why_of(const Priced& priced) {
  Why why;
  const double total = priced.total();
  why.binding_tier = priced.binding_tier;
  if (total > 0) {
    why.ideal_share = priced.data.ideal / total;
    why.hash_collisions = priced.data.hash_collisions / total;
    why.oversubscription = priced.data.oversubscription / total;
    why.scale_up = priced.data.scale_up / total;
    why.failures = priced.data.failures / total;
    why.protocol = (priced.data.protocol + priced.slower_data) / total;
    why.latency = (priced.latency + priced.base) / total;
  }
  why.sentence = sentence_of(why);
  return why;
}

}  // namespace

Operation price(const ScheduleCost& cost, Bytes size, CollectiveKind kind, std::uint32_t ranks,
                const Constants& constants) {
  WEFT_CHECK(cost.reference.count > 0);
  const ProtocolConstants* best_protocol = nullptr;
  Priced best;
  for (const ProtocolConstants& protocol : constants.protocols) {
    if (cost.simple_only && &protocol != &constants.protocols.back()) continue;
    Priced priced = price_with(cost, size, constants, protocol);
    if (best_protocol != nullptr && priced.total() >= best.total()) continue;
    best = std::move(priced);
    best_protocol = &protocol;
  }
  Operation op;
  op.size = size;
  op.algorithm = cost.algorithm;
  op.protocol = best_protocol->name;
  op.time = Duration::from_seconds(best.total());
  if (op.time.picoseconds > 0) op.algbw = static_cast<double>(size.count) / best.total() / 1e9;
  op.busbw = op.algbw * bus_bandwidth_factor(kind, ranks);
  op.phases = std::move(best.phases);
  op.why = why_of(best);
  return op;
}

std::vector<std::string> packet_engine_notes(const FabricSpec& spec) {
  std::vector<std::string> notes;
  if (const std::size_t timed = spec.timed_failures(); timed > 0)
    notes.push_back(fmt::format("{} timed failure{} left out: only the packet engine plays {}", timed,
                                timed == 1 ? " is" : "s are", timed == 1 ? "it" : "them"));
  const RoutingSpec& routing = spec.routing;
  if (routing.kind == RoutingKind::kFlowlet)
    notes.emplace_back("flowlets stay on the path of their hash, as with ecmp: only the packet engine moves them");
  if (routing.kind == RoutingKind::kAdaptive && routing.adaptive_unit == AdaptiveUnit::kPacket)
    notes.emplace_back("adaptive routing places whole flows: only the packet engine places packets");
  if (routing.kind == RoutingKind::kSpray && routing.spray_paths > 0)
    notes.emplace_back("spray goes over all equal paths: only the packet engine keeps to spray_paths");
  return notes;
}

}  // namespace weft
