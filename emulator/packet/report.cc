#include "emulator/packet/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "emulator/link_use.h"
#include "emulator/version.h"
#include "topologies/spec_yaml.h"

namespace weft::packet {
namespace {

constexpr std::size_t kHotLinks = 5, kHotLinksExplained = 20;
constexpr std::size_t kFindings = 8;

// Wire bits of each link, headers and retransmissions included.
std::vector<double> wire_bits(const Network& network, std::uint32_t links) {
  std::vector<double> bits(links);
  for (std::uint32_t l = 0; l < links; ++l) bits[l] = 8.0 * static_cast<double>(network.port(LinkId{l}).tx_bytes);
  return bits;
}

// Seconds that links need for what crossed them.
struct Drains {
  double nic = 0, scale_up = 0, fullest = 0;
  std::size_t fullest_class = 0;
};

Drains drains_of(const Topology& topology, const std::vector<double>& bits) {
  Drains d;
  for (std::uint32_t l = 0; l < bits.size(); ++l) {
    const double rate = static_cast<double>(topology.rate(LinkId{l}).bits_per_second);
    if (bits[l] == 0.0 || rate == 0.0) continue;
    const double seconds = bits[l] / rate;
    double& of_tier = l < topology.first_host_link() ? d.scale_up : d.nic;
    if (l < topology.first_fabric_link()) of_tier = std::max(of_tier, seconds);
    if (seconds <= d.fullest) continue;
    d.fullest = seconds;
    d.fullest_class = link_class(topology, LinkId{l});
  }
  return d;
}

// What the packet engine can tell apart: the busiest NIC's payload, its headers, what the fullest link needs beyond
// that, and the rest: latency, queues, congestion control, waiting for one another.
Why why_of(const Topology& topology, const Drains& d, double seconds) {
  Why why;
  if (seconds <= 0) return why;
  const TransportSpec& transport = topology.spec().transport;
  const double payload = static_cast<double>(transport.mtu) / (transport.mtu + transport.header_bytes);
  double left = 1;
  const auto take = [&](double of_time) {
    const double share = std::clamp(of_time / seconds, 0.0, left);
    left -= share;
    return share;
  };
  const double base = d.nic > 0 ? d.nic * payload : d.scale_up;
  why.ideal_share = take(base);
  why.protocol = take(d.nic * (1 - payload));
  why.scale_up = take(d.scale_up - std::max(base, d.nic));
  const RoutingKind routing = topology.spec().routing.kind;
  const bool sprayed = routing == RoutingKind::kSpray || routing == RoutingKind::kStatic;
  (sprayed ? why.oversubscription : why.hash_collisions) = take(d.fullest - std::max(d.nic, d.scale_up));
  why.latency = left;
  why.binding_tier = link_class_name(d.fullest_class);
  why.sentence = fmt::format(
      "{:.1f} % of the ideal; headers {:.1f} %, the fullest link {:.1f} %, scale-up {:.1f} %; latency, queues and "
      "congestion control {:.1f} %; {} is fullest",
      100 * why.ideal_share, 100 * why.protocol, 100 * (why.oversubscription + why.hash_collisions), 100 * why.scale_up,
      100 * why.latency, why.binding_tier);
  return why;
}

void count(const Topology& topology, Network& network, const CollectiveRun& run, Measurement& m) {
  const NetworkCounters& c = network.counters();
  const auto put = [&](const char* name, auto value) { m.counters[name] = static_cast<double>(value); };
  put("data_packets", c.data_frames);
  put("data_packet_hops", c.data_hops);
  put("delivered_bytes", c.delivered_bytes);
  put("acks", c.acks);
  put("naks", c.naks);
  put("rnr_naks", c.rnr_naks);
  put("cnps", c.cnps);
  put("ecn_marks", c.marks);
  put("drops", c.drops);
  put("drops_bit_errors", c.corrupted);
  put("drops_dead_links", c.lost_on_dead_links);
  put("trimmed_packets", c.trims);
  put("retransmitted_packets", c.retransmissions);
  put("timeouts", c.timeouts);
  put("pauses", c.pauses);
  put("resumes", c.resumes);
  put("flowlet_choices", c.flowlets);
  put("port_events", c.events);
  std::uint32_t queue = 0;
  for (std::uint32_t l = topology.first_host_link(); l < topology.link_count(); ++l) {
    const Port& p = network.port(LinkId{l});
    if (p.at_switch != kNone) queue = std::max(queue, p.queue_peak);
  }
  put("queue_max_bytes", queue);
  std::uint64_t buffer = 0;
  for (std::uint32_t s = 0; s < network.switch_count(); ++s) buffer = std::max(buffer, network.buffer(s).peak);
  put("buffer_max_bytes", buffer);
  const DurationHistogram& times = run.completion_times();
  put("messages", times.count());
  put("fct_p50_us", 1e-6 * static_cast<double>(times.percentile(0.50)));
  put("fct_p99_us", 1e-6 * static_cast<double>(times.percentile(0.99)));
  put("fct_max_us", 1e-6 * static_cast<double>(times.max()));
}

// The phase that stands for the fabric: the longest of those that use it.
const PhaseStats* busiest_phase(const CollectiveRun& run) {
  const PhaseStats* best = nullptr;
  for (const PhaseStats& phase : run.phases()) {
    if (phase.flows > 0 && (best == nullptr || phase.seconds() >= best->seconds())) best = &phase;
  }
  return best;
}

void note_findings(Network& network, Measurement& m) {
  const auto& findings = network.pfc_watch().findings();
  for (std::size_t i = 0; i < std::min(findings.size(), kFindings); ++i)
    m.notes.push_back(network.pfc_watch().describe(findings[i]));
  if (findings.size() > kFindings)
    m.notes.push_back(fmt::format("and {} PFC findings more", findings.size() - kFindings));
}

Operation operation_of(const Schedule& schedule, const Plan& plan, const CollectiveRun& run) {
  Operation op;
  op.size = schedule.size;
  op.time = Duration{run.last_received()};
  const double seconds = op.time.seconds();
  if (seconds > 0) op.algbw = static_cast<double>(op.size.count) * plan.share / seconds / 1e9;
  op.busbw = op.algbw * bus_bandwidth_factor(schedule.collective, schedule.group_size);
  op.algorithm = schedule.algorithm;
  op.protocol = "packet";
  std::vector<std::uint64_t> steps(schedule.phases.size(), 0);
  for (const Stage& stage : plan.stages)
    steps[stage.phase_index] += stage.phase->depth > 0 ? stage.phase->depth : stage.steps;
  for (std::size_t p = 0; p < schedule.phases.size(); ++p) {
    if (steps[p] > 0) op.phases.push_back({schedule.phases[p].name, steps[p], run.phases()[p].seconds()});
  }
  return op;
}

}  // namespace

Measurement report_identity(const Topology& topology, const Schedule& schedule) {
  Measurement m;
  m.provenance = {"packet", std::string(kVersion), topology.spec().name, spec_digest(topology.spec()), 0, {}};
  m.collective = name_of(schedule.collective);
  m.algorithm = schedule.algorithm;
  m.ranks = schedule.ranks;
  m.group_size = schedule.group_size;
  return m;
}

Measurement report(const Topology& topology, const Schedule& schedule, const Plan& plan, Network& network,
                   const CollectiveRun& run, bool explain) {
  Measurement m = report_identity(topology, schedule);
  Operation op = operation_of(schedule, plan, run);
  const double seconds = op.time.seconds();
  const std::vector<double> bits = wire_bits(network, topology.link_count());
  op.why = why_of(topology, drains_of(topology, bits), seconds);
  m.operations.push_back(std::move(op));
  const PhaseStats* busiest = busiest_phase(run);
  std::vector<double> flows(topology.link_count(), 0.0);
  if (busiest != nullptr) std::copy(busiest->flows_on_link.begin(), busiest->flows_on_link.end(), flows.begin());
  if (seconds > 0) {
    m.tiers = tier_uses(topology, bits, seconds);
    m.hot_links = hottest_links(topology, bits, flows, seconds, explain ? kHotLinksExplained : kHotLinks);
  }
  m.max_mean_ratio = max_mean_ratio(topology, flows);
  m.jain_index = busiest == nullptr ? 1.0 : busiest->jain();
  count(topology, network, run, m);
  if (busiest != nullptr) {
    m.counters["transfer_rate_mean_gbps"] = busiest->rate_sum / static_cast<double>(busiest->flows) / 1e9;
    m.counters["transfer_rate_min_gbps"] = busiest->rate_min / 1e9;
  }
  m.notes = plan.notes;
  note_findings(network, m);
  return m;
}

}  // namespace weft::packet
