#include "apps/dpdk_tables.h"

#include <fmt/format.h>

#include <cmath>

namespace weft {
namespace {

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-3; }

// Gb/s on the wire, and without preamble and gap.
double l1(std::uint64_t packets, std::uint64_t bytes, double seconds) {
  return 8e-9 * static_cast<double>(bytes + packets * dpdk::kWireOverhead) / seconds;
}
double l2(std::uint64_t packets, std::uint64_t bytes, double seconds) {
  return 8e-9 * static_cast<double>(bytes + packets * dpdk::kFcs) / seconds;
}

double counter(const TrafficPoint& point, const char* name) {
  const auto found = point.counters.find(name);
  return found == point.counters.end() ? 0 : found->second;
}

std::string rates(const TrafficPoint& p) {
  return fmt::format("{:.0f} packets in {:.6f} s: {:.6f} Mpps, {:.3f} Gb/s on the wire (L1), {:.3f} Gb/s L2",
                     counter(p, "packets"), p.time.seconds(), 1e-6 * counter(p, "packets_per_s"),
                     counter(p, "l1_gbits_per_s"), counter(p, "l2_gbits_per_s"));
}

std::string sent_text(const TrafficPoint& p) {
  std::string out =
      fmt::format("sent      {}: {} {} of {} B by {:.0f} QPs, {} messages, {:.3f} Gb/s of payload\n", p.from,
                  p.transport, p.operation, p.size.count, counter(p, "qps"), p.messages, p.gbits_average);
  out += fmt::format("          {}\n", rates(p));
  if (const double asked = counter(p, "packets_per_s_asked"); asked > 0)
    out += fmt::format("          asked {:.6f} Mpps; {:.0f} packets given up behind schedule\n", 1e-6 * asked,
                       counter(p, "packets_given_up_behind_schedule"));
  std::string injected;
  for (const auto& [name, count] : p.counters)
    if (name.starts_with("injected_"))
      injected += fmt::format("{} {:.0f}", injected.empty() ? "" : ",", count) + " " + name.substr(9);
  if (!injected.empty()) out += fmt::format("          injected:{}\n", injected);
  return out;
}

std::string latency_text(const char* name, const LatencySummary& l) {
  return fmt::format(
      "{}: min {:.3f}  p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  p99.99 {:.3f}  max {:.3f}  ({} samples)\n",
      name, l.min.microseconds(), l.p50.microseconds(), l.p90.microseconds(), l.p99.microseconds(),
      l.p999.microseconds(), l.p9999.microseconds(), l.max.microseconds(), l.samples);
}

std::string received_text(const TrafficPoint& p) {
  std::string out = fmt::format("received  {}: {}\n", p.to, rates(p));
  out += fmt::format("          {:.0f} flows, {} requests, {:.0f} responses, {:.0f} CNPs, {:.0f} foreign frames\n",
                     counter(p, "flows"), p.messages, counter(p, "responses"), counter(p, "cnps_received"),
                     counter(p, "foreign_frames"));
  out += fmt::format("          lost {:.0f}, reordered {:.0f} (depth {:.0f}), duplicates {:.0f}\n", counter(p, "lost"),
                     counter(p, "reordered"), counter(p, "reorder_depth_max"), counter(p, "duplicates"));
  out += fmt::format(
      "          ICRC: {:.0f} wrong of {:.0f} checked; CE marks {:.0f}, CNPs sent {:.0f}; missed by the "
      "port {:.0f}\n",
      counter(p, "icrc_bad"), counter(p, "icrc_checked"), counter(p, "ce_marked"), counter(p, "cnps_sent"),
      counter(p, "missed_by_port"));
  if (p.counters.contains("reflected"))
    out += fmt::format("          reflected {:.0f}, could not reflect {:.0f}\n", counter(p, "reflected"),
                       counter(p, "reflections_dropped"));
  if (p.latency) out += latency_text("latency   us", *p.latency);
  return out;
}

std::string round_trip_text(const TrafficPoint& p) {
  std::string out = fmt::format(
      "returned  {}: {:.0f} packets; not returned {:.0f}, reordered {:.0f}, duplicates {:.0f}, CE marks {:.0f}\n", p.to,
      counter(p, "packets"), counter(p, "not_returned"), counter(p, "reordered"), counter(p, "duplicates"),
      counter(p, "ce_marked"));
  if (p.latency) out += latency_text("roundtrip us", *p.latency);
  return out;
}

std::string point_text(const TrafficPoint& p) {
  if (p.operation == "round_trip") return round_trip_text(p);
  return p.operation == "received" ? received_text(p) : sent_text(p);
}

std::string worst_text(const dpdk::Judged& judged) {
  std::string rows;
  for (const dpdk::FlowResult& f : judged.worst) {
    const auto& c = f.counts;
    if (c.lost + c.reordered + c.duplicates + c.too_late == 0) continue;
    const bool v4 = (f.key >> 62) == 1;
    const std::uint64_t ip = f.key >> 24 & 0xFFFFFFFF;
    const std::string from =
        v4 ? fmt::format("{}.{}.{}.{}", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255) : "IPv6";
    rows += fmt::format("  {:<16} 0x{:06x} {:>12} {:>10} {:>10} {:>6} {:>10}\n", from, f.key & wire::kMask24, c.packets,
                        c.lost, c.reordered, c.depth, c.duplicates);
  }
  if (rows.empty()) return {};
  return fmt::format("\nflows with the most to complain of\n  {:<16} {:>8} {:>12} {:>10} {:>10} {:>6} {:>10}\n", "from",
                     "dest QP", "packets", "lost", "reordered", "depth", "duplicates") +
         rows;
}

}  // namespace

std::string LiveTable::line(const dpdk::TrafficSnapshot& now) {
  std::string out;
  if (lines_++ % 20 == 0)
    out = fmt::format("{:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "s", "tx Mpps", "tx L1 Gb",
                      "tx L2 Gb", "rx Mpps", "rx L1 Gb", "rx L2 Gb", "lost", "CE", "p50 us", "p99 us");
  const double seconds = std::max(1e-6, now.seconds - last_.seconds);
  const std::uint64_t sent = now.sent.packets - last_.sent.packets, sent_bytes = now.sent.bytes - last_.sent.bytes;
  const auto &j = now.judged, &b = last_.judged;
  const std::uint64_t came = j.packets - b.packets, bytes = j.bytes - b.bytes;
  out +=
      fmt::format("{:>7.1f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9} {:>9} {:>9.1f} {:>9.1f}\n",
                  now.seconds, 1e-6 * static_cast<double>(sent) / seconds, l1(sent, sent_bytes, seconds),
                  l2(sent, sent_bytes, seconds), 1e-6 * static_cast<double>(came) / seconds, l1(came, bytes, seconds),
                  l2(came, bytes, seconds), static_cast<std::int64_t>(j.lost - b.lost), j.marked_ce - b.marked_ce,
                  microseconds(j.latency.quantile(0.5)), microseconds(j.latency.quantile(0.99)));
  last_ = now;
  return out;
}

std::string traffic_text(const Measurement& measurement, const dpdk::TrafficResult& result) {
  std::string out;
  for (const TrafficPoint& point : measurement.traffic) out += point_text(point);
  out += worst_text(result.judged);
  for (const TrafficPoint& point : measurement.traffic)
    for (const std::string& failure : point.failures) out += "failed: " + failure + "\n";
  for (const std::string& note : measurement.notes) out += "note: " + note + "\n";
  return out;
}

}  // namespace weft
