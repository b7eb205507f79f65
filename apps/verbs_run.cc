#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/verbs_hosts.h"
#include "apps/verbs_options.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"
#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/coordinator.h"

namespace weft {
namespace {

constexpr std::size_t kMostColumns = 16;  // of the matrix on a screen

struct RunCommand {
  PairCommand pair;  // its plan, thresholds and files
  HostsChoice where;
  std::string shape = "matrix";
  std::uint32_t hub = 0;
  double slow_share = 0.8;
};

void say(const std::string& text) { std::fputs(fmt::format("weft: {}\n", text).c_str(), stderr); }

Expected<verbs::ClusterRequest> to_request(const RunCommand& command) {
  verbs::ClusterRequest request;
  auto hosts = read_hosts(command.where);
  if (!hosts) return tl::unexpected(hosts.error());
  request.hosts = std::move(*hosts);
  const auto shape = verbs::parse_shape(command.shape);
  if (!shape) return tl::unexpected(shape.error());
  request.shape = *shape;
  request.hub = command.hub;
  auto plan = to_plan(command.pair);
  if (!plan) return tl::unexpected(plan.error());
  request.plan = std::move(*plan);
  auto security = read_security(command.where.channel);
  if (!security) return tl::unexpected(security.error());
  request.security = std::move(*security);
  request.weft = kVersion;
  request.rule = {command.pair.min_gbits, command.slow_share};
  request.hello = std::chrono::seconds(command.where.wait_seconds);
  return request;
}

Measurement measurement_of(const verbs::ClusterRequest& request, const verbs::ClusterResult& result) {
  Measurement m;
  m.provenance.backend = "verbs";
  m.provenance.version = kVersion;
  const auto plan = verbs::to_json(request.plan);
  for (const auto& [key, value] : plan.items()) m.provenance.options[key] = value.dump();
  m.provenance.options["shape"] = verbs::to_text(request.shape);
  m.ranks = static_cast<std::uint32_t>(request.hosts.size());
  m.traffic = result.points;
  m.counters = result.counters;
  m.notes = result.notes;
  for (const std::string& failure : result.failures) m.notes.push_back("failed: " + failure);
  for (const verbs::Blame& blame : result.slow) m.notes.push_back("slow: " + blame.sentence());
  if (result.error) m.notes.push_back("ended early: " + result.error->text());
  return m;
}

TrafficUnit unit_of(const PairCommand& pair) { return pair.unit == "mib" ? TrafficUnit::kMib : TrafficUnit::kGbits; }
const char* name_of(TrafficUnit unit) { return unit == TrafficUnit::kMib ? "MiB/s" : "Gb/s"; }
double bandwidth(const TrafficPoint& point, TrafficUnit unit) {
  return unit == TrafficUnit::kMib ? point.gbits_average * 1e9 / 8 / (1 << 20) : point.gbits_average;
}

std::string row(const TrafficPoint& point, bool latency, TrafficUnit unit) {
  std::string text =
      fmt::format("{:<36} {:>10} {:>10} ", point.from + " > " + point.to, point.size.count, point.messages);
  if (latency && point.latency)
    return text + fmt::format("{:>10.2f} us typical {:>10.2f} us 99 %\n", point.latency->p50.microseconds(),
                              point.latency->p99.microseconds());
  return text + fmt::format("{:>10.3f} {} {:>12.0f} msg/s\n", bandwidth(point, unit), name_of(unit),
                            point.messages_per_second);
}

// At the last size, senders down, receivers across.
std::string matrix(const verbs::ClusterRequest& request, const std::vector<TrafficPoint>& points, TrafficUnit unit) {
  std::string text = fmt::format("\n{:<20}", fmt::format("{}, from \\ to", name_of(unit)));
  const auto short_name = [](const std::string& name) {
    return name.size() > 12 ? name.substr(name.size() - 12) : name;
  };
  for (const auto& to : request.hosts) text += fmt::format(" {:>12}", short_name(to.name));
  text += '\n';
  for (const auto& from : request.hosts) {
    text += fmt::format("{:<20}", from.name.substr(0, 20));
    for (const auto& to : request.hosts) {
      const auto at = std::find_if(points.rbegin(), points.rend(), [&](const TrafficPoint& point) {
        return point.from == from.name && point.to == to.name;
      });
      text += at == points.rend() ? fmt::format(" {:>12}", "-") : fmt::format(" {:>12.3f}", bandwidth(*at, unit));
    }
    text += '\n';
  }
  return text;
}

int report(const RunCommand& command, const verbs::ClusterRequest& request, verbs::ClusterResult& result) {
  const PairCommand& pair = command.pair;
  std::vector<std::string> misses;
  for (TrafficPoint& point : result.points) {
    for (const std::string& miss : missed(pair, point)) point.failures.push_back(miss);
    for (const std::string& failure : point.failures)
      misses.push_back(fmt::format("{} > {}: {}", point.from, point.to, failure));
  }
  const bool shown = pair.json != "-" && pair.csv != "-";
  if (shown && !pair.latency && !result.points.empty() && request.hosts.size() <= kMostColumns)
    std::fputs(matrix(request, result.points, unit_of(pair)).c_str(), stdout);
  if (!pair.quiet)
    for (const std::string& note : result.notes) say(note);
  if (!pair.csv.empty()) {
    std::string csv = traffic_header({pair.latency, unit_of(pair), true});
    for (const TrafficPoint& point : result.points) csv += traffic_row({pair.latency, unit_of(pair), true}, point);
    if (auto written = write_file(pair.csv, csv); !written) return report_error(written.error());
  }
  if (!pair.json.empty())
    if (auto written = write_file(pair.json, to_json(measurement_of(request, result))); !written)
      return report_error(written.error());
  for (const std::string& failure : result.failures) say("failed: " + failure);
  for (const std::string& miss : misses) say("failed: " + miss);
  for (const verbs::Blame& blame : result.slow) say("slow: " + blame.sentence());
  if (result.error) return report_error(*result.error);
  return misses.empty() && result.slow.empty() ? kGood : kVerdictFailed;
}

int run_hosts(const RunCommand& command) {
  const auto request = to_request(command);
  if (!request) return report_error(request.error());
  const PairCommand& pair = command.pair;
  for (const std::string* path : {&pair.json, &pair.csv})
    if (auto writable = check_writable(*path); !writable) return report_error(writable.error());
  const bool shown = pair.json != "-" && pair.csv != "-";
  const auto on_point = [&](const TrafficPoint& point) {
    if (!shown) return;
    std::fputs(row(point, pair.latency, unit_of(pair)).c_str(), stdout);
    std::fflush(stdout);
  };
  std::size_t told = 0;
  const auto on_progress = [&](const verbs::ClusterProgress& p) {
    const std::size_t now = p.round << 32U | p.flows_done;
    if (pair.quiet || now == told) return;
    told = now;
    say(fmt::format("round {} of {}: {} of {} flows done", p.round, p.rounds, p.flows_done, p.flows));
  };
  verbs::ClusterResult result = verbs::run_cluster(*request, on_point, on_progress, interrupted());
  return report(command, *request, result);
}

}  // namespace

void add_verbs_run(CLI::App& verbs_command, std::function<int()>& run) {
  CLI::App& command = *verbs_command.add_subcommand("run", "traffic between many hosts, with an agent on each");
  const auto options = std::make_shared<RunCommand>();
  add_hosts_options(command, options->where);
  command.add_option("--shape", options->shape,
                     "matrix, shift, one_to_many, many_to_one, bisection, ring, all_at_once");
  command.add_option("--hub", options->hub, "number of the host in the middle, from 0")->check(whole_number(4095));
  command.add_flag("--latency", options->pair.latency, "latency instead of bandwidth");
  command
      .add_option("--slow-share", options->slow_share,
                  "exit 1 and name pairs, hosts and rails below this share of the upper quartile; 0: none")
      ->check(CLI::Range(0.0, 1.0));
  add_plan_options(command, options->pair);
  add_result_options(command, options->pair);
  command.callback([options, &run] { run = [options] { return run_hosts(*options); }; });
}

}  // namespace weft
