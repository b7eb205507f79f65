#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "apps/arguments.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/verbs_hosts.h"
#include "apps/verbs_ranks.h"
#include "emulator/version.h"
#include "fabric/measurement_json.h"
#include "verbs/hosts/coordinator.h"
#include "verbs/plan.h"

namespace weft {
namespace {

struct CollectiveCommand {
  HostsChoice where;
  RanksChoice alone;
  std::string collective = "all_reduce", type = "float", redop = "sum", sizes = "8:1M", json;
  verbs::CollectiveSpec spec;
  double min_busbw = 0;
  bool quiet = false;
};

void say(const std::string& text) { std::fputs(fmt::format("weft: {}\n", text).c_str(), stderr); }

Expected<verbs::ClusterRequest> to_request(const CollectiveCommand& command) {
  verbs::ClusterRequest request;
  verbs::CollectiveSpec spec = command.spec;
  if (command.alone.peers.empty()) {
    auto hosts = read_hosts(command.where);
    if (!hosts) return tl::unexpected(hosts.error());
    request.hosts = std::move(*hosts);
    auto security = read_security(command.where.channel);
    if (!security) return tl::unexpected(security.error());
    request.security = std::move(*security);
    spec.ranks = static_cast<std::uint32_t>(request.hosts.size());
  } else {
    const auto ranks = ranks_of(command.alone, command.spec.ranks_per_host);
    if (!ranks) return tl::unexpected(ranks.error());
    spec.ranks = *ranks;
    if (command.alone.scale_up_rate == "none") spec.ranks_per_host = 1;
  }
  const auto kind = verbs::parse_collective(command.collective);
  if (!kind) return tl::unexpected(kind.error());
  spec.kind = *kind;
  const auto type = verbs::parse_data_type(command.type);
  if (!type) return tl::unexpected(type.error());
  const auto op = verbs::parse_red_op(command.redop);
  if (!op) return tl::unexpected(op.error());
  spec.reduction = {*type, *op};
  auto sizes = verbs::parse_sizes(command.sizes);
  if (!sizes) return tl::unexpected(sizes.error());
  spec.sizes = std::move(*sizes);
  // The same check as the agents'.
  auto checked = verbs::collective_spec_from_json(to_json(spec));
  if (!checked) return tl::unexpected(checked.error());
  for (const std::uint64_t size : spec.sizes)
    if (auto schedule = verbs::schedule_of(spec, size); !schedule) return tl::unexpected(schedule.error());
  request.collective = std::move(*checked);
  request.weft = kVersion;
  request.hello = std::chrono::seconds(command.where.wait_seconds);
  return request;
}

// nccl-tests' columns. time us, algbw and busbw GB/s (1e9 B).
std::string table(const verbs::ClusterRequest& request, const verbs::ClusterResult& result) {
  const verbs::CollectiveSpec& spec = *request.collective;
  std::string text = fmt::format("{:>14} {:>12} {:>8} {:>8} {:>6} {:>12} {:>9} {:>9} {:>7}\n", "size", "count", "type",
                                 "redop", "root", "time", "algbw", "busbw", "#wrong");
  const bool adds = spec.kind == CollectiveKind::kAllReduce || spec.kind == CollectiveKind::kReduceScatter;
  const std::string root = spec.kind == CollectiveKind::kBroadcast ? fmt::format("{}", spec.root) : "-1";
  for (std::size_t i = 0; i < result.operations.size(); ++i) {
    const Operation& operation = result.operations[i];
    text += fmt::format("{:>14} {:>12} {:>8} {:>8} {:>6} {:>12.2f} {:>9.4f} {:>9.4f} {:>7}\n", operation.size.count,
                        static_cast<std::uint64_t>(operation.size.count) / verbs::size_of(spec.reduction.type),
                        to_text(spec.reduction.type), adds ? to_text(spec.reduction.op) : "none", root,
                        operation.time.microseconds(), operation.algbw, operation.busbw, result.wrong[i]);
  }
  return text;
}

Measurement measurement_of(const verbs::ClusterRequest& request, const verbs::ClusterResult& result) {
  Measurement m;
  m.provenance.backend = "verbs";
  m.provenance.version = kVersion;
  const auto spec = to_json(*request.collective);
  for (const auto& [key, value] : spec.items())
    if (key != "rank") m.provenance.options[key] = value.dump();
  m.collective = name_of(request.collective->kind);
  if (!result.operations.empty()) m.algorithm = result.operations.back().algorithm;
  m.ranks = m.group_size = request.collective->ranks;
  m.operations = result.operations;
  m.counters = result.counters;
  double wrong = 0;
  for (const std::uint64_t w : result.wrong) wrong += static_cast<double>(w);
  m.counters["wrong_elements"] = wrong;
  m.notes = result.notes;
  for (const std::string& failure : result.failures) m.notes.push_back("failed: " + failure);
  if (result.error) m.notes.push_back("ended early: " + result.error->text());
  return m;
}

int run_ranks(const CollectiveCommand& command) {
  const auto request = to_request(command);
  if (!request) return report_error(request.error());
  if (auto writable = check_writable(command.json); !writable) return report_error(writable.error());
  const auto on_point = [&](const TrafficPoint& point) {
    if (!command.quiet) say(fmt::format("{} B done", point.size.count));
  };
  verbs::ClusterResult result;
  bool is_host_zero = true;
  if (command.alone.peers.empty()) {
    result = verbs::run_cluster(
        *request, on_point, [](const verbs::ClusterProgress&) {}, interrupted());
  } else {
    const auto ranks = to_request(command.alone, *request->collective, command.spec.ranks_per_host);
    if (!ranks) return report_error(ranks.error());
    is_host_zero = ranks->host == 0;
    const auto on_operation = [&](const Operation& operation) {
      TrafficPoint point;
      point.size = operation.size;
      on_point(point);
    };
    verbs::HostRanksResult done = verbs::run_host_ranks(*ranks, on_operation, interrupted());
    result.operations = std::move(done.operations);
    result.wrong = std::move(done.wrong);
    result.error = std::move(done.error);
  }
  if (!is_host_zero) return result.error ? report_error(*result.error) : kGood;
  if (command.json != "-") std::fputs(table(*request, result).c_str(), stdout);
  if (!command.json.empty())
    if (auto written = write_file(command.json, to_json(measurement_of(*request, result))); !written)
      return report_error(written.error());
  if (!command.quiet)
    for (const std::string& note : result.notes) say(note);
  for (const std::string& failure : result.failures) say("failed: " + failure);
  bool failed = false;
  for (std::size_t i = 0; i < result.operations.size(); ++i) {
    const Operation& operation = result.operations[i];
    if (result.wrong[i] > 0)
      say(fmt::format("failed: {} B: {} elements are wrong", operation.size.count, result.wrong[i]));
    const bool slow = command.min_busbw > 0 && operation.busbw < command.min_busbw;
    if (slow)
      say(fmt::format("failed: {} B: busbw {:.4f} GB/s is below --min-busbw {:g}", operation.size.count,
                      operation.busbw, command.min_busbw));
    failed = failed || slow || result.wrong[i] > 0;
  }
  if (result.error) return report_error(*result.error);
  return failed ? kVerdictFailed : kGood;
}

}  // namespace

void add_verbs_collective(CLI::App& verbs_command, std::function<int()>& run) {
  CLI::App& command =
      *verbs_command.add_subcommand("collective", "a collective on CPU memory, a rank on each host's agent, checked");
  const auto options = std::make_shared<CollectiveCommand>();
  add_hosts_options(command, options->where);
  add_ranks_options(command, options->alone);
  command.add_option("--collective", options->collective,
                     "all_reduce, all_gather, reduce_scatter, all_to_all, broadcast");
  command.add_option("--algorithm", options->spec.algorithm, "as weft predict has them; default: the kind's first");
  command.add_option("-d,--type,--datatype", options->type,
                     "int8, uint8, int32, uint32, int64, uint64, half, bfloat16, float, double");
  command.add_option("-o,--redop", options->redop, "sum, prod, min, max");
  command.add_option("--sizes", options->sizes, "4K, a list 8,4K or a range 8:1M[:FACTOR], as nccl-tests count them");
  command.add_option("--iterations", options->spec.iterations, "timed, at each size")
      ->check(whole_number(1'000'000, 1));
  command.add_option("--warm-up", options->spec.warm_up, "before the clock runs")->check(whole_number(1'000'000));
  command.add_option("--root", options->spec.root, "of broadcast")
      ->check(whole_number(verbs::kMostCollectiveRanks - 1));
  command
      .add_option("--ranks-per-host", options->spec.ranks_per_host,
                  "agents that follow one another and share a host, or with --peers ranks of each host: algorithms "
                  "take them as a scale-up domain")
      ->check(whole_number(verbs::kMostCollectiveRanks, 1));
  command.add_option("--min-busbw", options->min_busbw, "GB/s; exit 1 if any size is below")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--json", options->json, "Measurement to a file; - for stdout");
  command.add_flag("--quiet", options->quiet, "no notes on stderr");
  command.callback([options, &run] { run = [options] { return run_ranks(*options); }; });
}

}  // namespace weft
