#include "apps/print_measurement.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft {
namespace {

std::string table(const Measurement& m) {
  std::string out = fmt::format("# {} of {} ranks", m.collective, m.ranks);
  if (m.group_size != m.ranks) out += fmt::format(" in {} groups of {}", m.ranks / m.group_size, m.group_size);
  out += fmt::format(", {} backend, seed {}, {}\n", m.provenance.backend, m.provenance.seed, m.provenance.spec_name);
  out +=
      fmt::format("#{:>15} {:>16} {:>10} {:>10}  {:<18} {}\n", "size", "time", "algbw", "busbw", "algorithm", "proto");
  out += fmt::format("#{:>15} {:>16} {:>10} {:>10}\n", "(B)", "(us)", "(GB/s)", "(GB/s)");
  for (const Operation& op : m.operations)
    out += fmt::format("{:>16} {:>16.2f} {:>10.2f} {:>10.2f}  {:<18} {}\n", op.size.count, op.time.microseconds(),
                       op.algbw, op.busbw, op.algorithm, op.protocol);
  return out;
}

std::string tier_table(const Measurement& m) {
  if (m.tiers.empty()) return {};
  std::string out = fmt::format("\n{:<18} {:>10} {:>8} {:>8} {:>8}   of the rate, largest size\n", "utilisation",
                                "links", "min", "mean", "max");
  for (const TierUse& t : m.tiers)
    out += fmt::format("{:<18} {:>10} {:>7.1f}% {:>7.1f}% {:>7.1f}%\n", t.tier, t.links, 100 * t.min, 100 * t.mean,
                       100 * t.max);
  return out;
}

std::string hot_table(const Measurement& m) {
  if (m.hot_links.empty()) return {};
  std::string out = "\nhottest links\n";
  for (const HotLink& h : m.hot_links)
    out += fmt::format("  {:<40} {:>6.1f}%  {:.6g} paths\n", h.name, 100 * h.utilisation, h.flows);
  return out;
}

std::string change(double ratio) { return ratio > 0 ? fmt::format("{:+.1f}%", 100 * (ratio - 1)) : "-"; }

std::string verification_table(const Verification& v) {
  std::string out =
      fmt::format("\nverified by packets: bottlenecks of '{}', {} B, last finish of the flows played (us)\n", v.phase,
                  v.size.count);
  out += fmt::format("  {:<40} {:>7} {:>6} {:>7} {:>11} {:>11} {:>11} {:>8} {:>8}\n", "link", "", "flows", "beside",
                     "fluid, all", "fluid", "packets", "differ", "grown");
  for (const VerifiedComponent& c : v.components)
    out += fmt::format("  {:<40} {:>7} {:>6} {:>7} {:>11.2f} {:>11.2f} {:>11.2f} {:>8} {:>8}\n", c.link,
                       c.random ? "random" : "", c.flows, c.background, 1e6 * c.full_seconds, 1e6 * c.fluid_seconds,
                       1e6 * c.packet_seconds, change(c.ratio()), change(c.grown_ratio()));
  if (v.high.picoseconds > 0)
    out += fmt::format("interval on the {} B above: {:.2f} to {:.2f} us, {:.3f} to {:.3f} times the fluid data time\n",
                       v.size.count, v.low.microseconds(), v.high.microseconds(), v.low_ratio, v.high_ratio);
  if (v.unfinished > 0) out += fmt::format("{} more components were not played to their end\n", v.unfinished);
  for (const std::string& note : v.notes) out += fmt::format("  {}\n", note);
  return out;
}

std::string explanation(const Measurement& m) {
  std::string out = "\nwhere the time goes, size by size\n";
  for (const Operation& op : m.operations) {
    out += fmt::format("  {:>14} B  {}\n", op.size.count, op.why.sentence);
    for (const PhaseTime& p : op.phases)
      out += fmt::format("  {:>18}{:<28} {:>9} steps {:>16.2f} us alone\n", "", p.name, p.steps, 1e6 * p.seconds);
  }
  if (!m.counters.empty()) out += "\ncounters\n";
  for (const auto& [name, value] : m.counters) out += fmt::format("  {:<24} {:.6g}\n", name, value);
  return out;
}

}  // namespace

std::string print_measurement(const Measurement& m, bool explain) {
  std::string out = table(m);
  if (!m.operations.empty()) {
    const auto largest = std::max_element(m.operations.begin(), m.operations.end(),
                                          [](const Operation& a, const Operation& b) { return a.size < b.size; });
    out += fmt::format("\nwhy ({} B): {}\n", largest->size.count, largest->why.sentence);
  }
  if (m.max_mean_ratio > 0)
    out += fmt::format("paths per link, fullest / mean (MMR) {:.2f}; fairness of rates (Jain) {:.3f}\n",
                       m.max_mean_ratio, m.jain_index);
  if (m.counters.contains("transfer_rate_mean_gbps"))
    out += fmt::format("rates of transfers: mean {:.1f} Gb/s, slowest {:.1f} Gb/s\n",
                       m.counters.at("transfer_rate_mean_gbps"), m.counters.at("transfer_rate_min_gbps"));
  out += tier_table(m) + hot_table(m);
  if (m.verification) out += verification_table(*m.verification);
  if (explain) out += explanation(m);
  for (const std::string& note : m.notes) out += fmt::format("\nnote: {}\n", note);
  return out;
}

}  // namespace weft
