#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/verbs_devices.h"
#include "apps/verbs_hosts.h"
#include "apps/verbs_options.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"
#include "verbs/pair.h"

namespace weft {
namespace {

void say(const std::string& text) { std::fputs(fmt::format("weft: {}\n", text).c_str(), stderr); }

Measurement measurement_of(const PairCommand& options, const verbs::PairResult& result) {
  Measurement m;
  m.provenance.backend = "verbs";
  m.provenance.version = kVersion;
  const auto plan = to_json(result.plan);
  for (const auto& [key, value] : plan.items()) m.provenance.options[key] = value.dump();
  m.provenance.options["test"] = options.latency ? "lat" : "bw";
  m.ranks = 2;
  m.notes = result.notes;
  if (result.error) m.notes.push_back("ended early: " + result.error->text());
  m.traffic = result.points;
  return m;
}

int listen(const PairCommand& options) {
  for (const CLI::Option* option : options.of_the_caller)
    if (option->count() > 0 && !options.quiet) say(option->get_name() + " is not used here: the caller's plan decides");
  const auto note = [&](const std::string& text) {
    if (!options.quiet) say(text);
  };
  const verbs::PairResult result = verbs::serve_peer(options.choice, note, interrupted());
  for (const std::string& text : result.notes) note(text);
  return result.error ? report_error(*result.error) : kGood;
}

int call(const PairCommand& options) {
  const auto plan = to_plan(options);
  if (!plan) return report_error(plan.error());
  for (const std::string* path : {&options.json, &options.csv})
    if (auto writable = check_writable(*path); !writable) return report_error(writable.error());
  TrafficTable table{options.latency, options.unit == "mib" ? TrafficUnit::kMib : TrafficUnit::kGbits, false};
  const bool shown = options.json != "-" && options.csv != "-";
  std::string csv = traffic_header({options.latency, table.unit, true});
  std::vector<std::string> misses;
  bool headed = false;
  const auto show = [&](const TrafficPoint& point) {
    if (shown && !headed) std::fputs(traffic_header(table).c_str(), stdout);
    headed = true;
    if (shown) std::fputs(traffic_row(table, point).c_str(), stdout);
    std::fflush(stdout);
  };
  const auto on_point = [&](const TrafficPoint& point, const verbs::PairPlan&) {
    show(point);
    csv += traffic_row({options.latency, table.unit, true}, point);
  };
  verbs::LocalChoice choice = options.choice;
  choice.on_second = show;
  verbs::PairResult result = verbs::call_peer(*plan, choice, options.peer, on_point, interrupted());
  for (TrafficPoint& point : result.points) {
    for (const std::string& miss : missed(options, point)) point.failures.push_back(miss);
    misses.insert(misses.end(), point.failures.begin(), point.failures.end());
  }
  if (!options.quiet)
    for (const std::string& text : result.notes) say(text);
  if (!options.csv.empty())
    if (auto written = write_file(options.csv, csv); !written) return report_error(written.error());
  if (!options.json.empty())
    if (auto written = write_file(options.json, to_json(measurement_of(options, result))); !written)
      return report_error(written.error());
  for (const std::string& miss : misses) say("failed: " + miss);
  if (result.error) return report_error(*result.error);
  return misses.empty() ? kGood : kVerdictFailed;
}

int run_pair(const PairCommand& options) {
  if (options.listen != options.peer.empty())
    return report_error(Error{ErrorCode::kInput,
                              "one host listens, the other names it",
                              options.peer,
                              "weft verbs bw --listen there, weft verbs bw ADDRESS here",
                              {}});
  return options.listen ? listen(options) : call(options);
}

void add_pair(CLI::App& verbs_command, const char* name, const char* text, bool latency, std::function<int()>& run) {
  CLI::App& command = *verbs_command.add_subcommand(name, text);
  const auto options = std::make_shared<PairCommand>();
  options->latency = latency;
  add_pair_options(command, *options);
  command.callback([options, &run] { run = [options] { return run_pair(*options); }; });
}

}  // namespace

void add_verbs(CLI::App& app, std::function<int()>& run) {
  CLI::App& command = *app.add_subcommand("verbs", "RDMA traffic between real hosts");
  command.require_subcommand(1);
  add_pair(command, "bw", "bandwidth and message rate of a pair of hosts", false, run);
  add_pair(command, "lat", "latency of a pair of hosts", true, run);
  add_verbs_devices(command, run);
#ifdef WEFT_HAS_VERBS_HOSTS
  add_verbs_agent(command, run);
  add_verbs_run(command, run);
  add_verbs_collective(command, run);
#endif
}

}  // namespace weft
