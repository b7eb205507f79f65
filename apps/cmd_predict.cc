#include <fmt/format.h>

#include <array>
#include <fstream>
#include <mutex>
#include <sstream>

#include "apps/arguments.h"
#include "apps/build_fabric.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "apps/print_measurement.h"
#include "emulator/predict.h"
#include "fabric/measurement_json.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

constexpr std::size_t kMaxMappingBytes = 256U << 20;  // 16 M lines of 9 characters fit twice

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMostVerified = 1'000;

struct PredictOptions {
  std::string spec, collective = "all_reduce", algorithm, sizes = "8:16G:x8", backend = "fluid", json;
  std::string mapping = "packed", grouping = "packed", constants = "calibrated";
  std::vector<std::string> overrides;
  std::uint32_t ranks = 0, group_size = 0, channels = 0, root = 0, shift = 1, fan_in = 0, verify = 0;
  std::uint64_t seed = 1, steps = 0;
  unsigned threads = 0;
  double batch_epsilon = -1;
  bool explain = false, quiet = false;
};

Expected<Mapping> parse_mapping(const std::string& text, std::uint64_t seed) {
  Mapping mapping;
  mapping.seed = seed;
  if (text == "packed") return mapping;
  if (text == "random") {
    mapping.kind = MappingKind::kRandom;
    return mapping;
  }
  if (text.starts_with("strided:")) {
    mapping.kind = MappingKind::kStrided;
    const auto stride = parse_nccl_size(text.substr(8));
    if (!stride || stride->count > UINT32_MAX) return input_error("bad stride of a mapping", text, "write strided:8");
    mapping.stride = static_cast<std::uint32_t>(stride->count);
    return mapping;
  }
  if (!text.starts_with("file:"))
    return input_error("unknown mapping", text, "use packed, strided:N, random or file:PATH");
  mapping.kind = MappingKind::kFile;
  mapping.file = text.substr(5);
  std::ifstream in(mapping.file, std::ios::binary);
  std::array<char, 65536> part{};
  while (in.read(part.data(), part.size()) || in.gcount() > 0) {
    mapping.text.append(part.data(), static_cast<std::size_t>(in.gcount()));
    if (mapping.text.size() > kMaxMappingBytes)
      return input_error("mapping file too large", mapping.file, "at most 256 MiB");
  }
  if (!in.eof())
    return input_error("cannot read the mapping file", mapping.file, "give a file with one GPU index a line");
  return mapping;
}

BackendKind backend_of(const std::string& name) {
  if (name == "analytic") return BackendKind::kAnalytic;
  return name == "packet" ? BackendKind::kPacket : BackendKind::kFluid;
}

Expected<PredictRequest> make_request(const PredictOptions& options, const FabricSpec& spec) {
  PredictRequest request;
  const auto kind = parse_collective(options.collective);
  if (!kind) return tl::unexpected(kind.error());
  auto sizes = parse_sizes(options.sizes);
  if (!sizes) return tl::unexpected(sizes.error());
  auto mapping = parse_mapping(options.mapping, options.seed);
  if (!mapping) return tl::unexpected(mapping.error());
  if (options.constants == "calibrated") {
    auto constants = constants_for(spec);
    if (!constants) return tl::unexpected(constants.error());
    request.constants = *constants;
  }
  if (options.constants == "wire") request.constants = Constants::wire(spec);
  request.collective = {*kind,
                        options.algorithm,
                        options.ranks,
                        options.group_size,
                        options.grouping == "strided" ? Grouping::kStrided : Grouping::kPacked,
                        Bytes{0},
                        options.seed,
                        options.channels,
                        options.root,
                        options.shift,
                        options.fan_in};
  request.mapping = std::move(*mapping);
  request.sizes = std::move(*sizes);
  request.backend = backend_of(options.backend);
  request.steps_limit = options.steps;
  request.batch_epsilon = options.batch_epsilon;
  request.verify = options.verify;
  return request;
}

// What has to be given again to get the same bytes.
std::map<std::string, std::string> provenance_options(const PredictOptions& o) {
  std::map<std::string, std::string> out{{"sizes", o.sizes},
                                         {"mapping", o.mapping},
                                         {"grouping", o.grouping},
                                         {"constants", o.constants},
                                         {"algorithm", o.algorithm.empty() ? "auto" : o.algorithm}};
  const PredictOptions defaults;
  if (o.channels != defaults.channels) out["channels"] = fmt::format("{}", o.channels);
  if (o.root != defaults.root) out["root"] = fmt::format("{}", o.root);
  if (o.shift != defaults.shift) out["shift"] = fmt::format("{}", o.shift);
  if (o.fan_in != defaults.fan_in) out["fan-in"] = fmt::format("{}", o.fan_in);
  if (o.batch_epsilon != defaults.batch_epsilon) out["batch-epsilon"] = fmt::format("{}", o.batch_epsilon);
  if (o.steps != defaults.steps) out["steps"] = fmt::format("{}", o.steps);
  if (o.verify != defaults.verify) out["verify"] = fmt::format("{}", o.verify);
  for (std::size_t i = 0; i < o.overrides.size(); ++i) out[fmt::format("set{}", i)] = o.overrides[i];
  return out;
}

Expected<void> write_measurement(const PredictOptions& options, Measurement& measurement) {
  measurement.provenance.options = provenance_options(options);
  if (options.json != "-") {
    auto done = write_file("-", print_measurement(measurement, options.explain));
    if (!done) return done;
  }
  if (options.json.empty()) return {};
  return write_file(options.json, to_json(measurement));
}

Error stopped(std::size_t done, std::size_t sizes) {
  return {ErrorCode::kInterrupted, "interrupted", "", fmt::format("{} of {} sizes are done", done, sizes), {}};
}

Error stopped_verifying(const Verification& v) {
  const std::size_t done = v.components.size();
  return {ErrorCode::kInterrupted,
          "interrupted",
          "",
          fmt::format("all sizes and {} of {} components of --verify are done", done, done + v.unfinished),
          {}};
}

// The last words of a run that does not stop by itself: what it has so far.
[[noreturn]] void abandon(const PredictOptions& options, Measurement so_far, std::size_t sizes) {
  if (!so_far.operations.empty()) static_cast<void>(write_measurement(options, so_far));
  const bool all = so_far.operations.size() == sizes && so_far.verification;
  leave(report_error(all ? stopped_verifying(*so_far.verification) : stopped(so_far.operations.size(), sizes)));
}

int run_predict(const PredictOptions& options) {
  if (auto writable = check_writable(options.json); !writable) return report_error(writable.error());
  const auto spec = load_spec(options.spec, options.overrides);
  if (!spec) return report_error(spec.error());
  const auto request = make_request(options, *spec);
  if (!request) return report_error(request.error());
  const auto topology = build_fabric(*spec, options.spec);
  if (!topology) return report_error(topology.error());
  std::mutex mutex;
  Measurement so_far;
  RunOptions run;
  run.seed = options.seed;
  run.threads = options.threads;
  run.explain = options.explain;
  run.progress = console_progress(options.quiet);
  run.cancelled = &interrupted();
  run.so_far = [&](const Measurement& m) {
    const std::lock_guard lock(mutex);
    so_far = m;
  };
  Expected<Measurement> measurement;
  const bool ended = run_interruptibly([&] { measurement = predict(**topology, *request, run); });
  end_progress(options.quiet);
  const std::size_t sizes = request->sizes.size();
  if (!ended) {
    const std::lock_guard lock(mutex);
    abandon(options, so_far, sizes);
  }
  if (!measurement && measurement.error().code == ErrorCode::kInterrupted) return report_error(stopped(0, sizes));
  if (!measurement) return report_error(measurement.error());
  if (auto done = write_measurement(options, *measurement); !done) return report_error(done.error());
  if (measurement->operations.size() < sizes) return report_error(stopped(measurement->operations.size(), sizes));
  const bool half = measurement->verification && measurement->verification->unfinished > 0 && interrupted();
  return half ? report_error(stopped_verifying(*measurement->verification)) : kGood;
}

}  // namespace

void add_predict(CLI::App& app, std::function<int()>& run) {
  const auto options = std::make_shared<PredictOptions>();
  PredictOptions& o = *options;
  CLI::App* cmd = app.add_subcommand("predict", "What a collective delivers on a fabric, and what limits it");
  cmd->add_option("spec", o.spec, "Fabric file (YAML; docs/spec.md)")->required();
  cmd->add_option("--collective", o.collective,
                  "all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, sendrecv, permutation, shift, "
                  "incast, bisection")
      ->capture_default_str();
  cmd->add_option("--algorithm", o.algorithm, "See docs/collectives.md; default: what the tuner takes for each size");
  cmd->add_option("--sizes", o.sizes, "Message sizes: 8,64K,1G or 8:16G:x4 (K, M, G binary, as nccl-tests)")
      ->capture_default_str();
  cmd->add_option("--ranks", o.ranks, "Ranks in all; default: every GPU")->check(whole_number(UINT32_MAX));
  cmd->add_option("--group-size", o.group_size, "Ranks of one collective; ranks / group size of them run at once")
      ->check(whole_number(UINT32_MAX));
  cmd->add_option("--grouping", o.grouping, "Members of a group: packed, or strided across the fabric")
      ->check(CLI::IsMember({"packed", "strided"}))
      ->capture_default_str();
  cmd->add_option("--mapping", o.mapping, "Rank to GPU: packed, strided:N, random, file:PATH")->capture_default_str();
  cmd->add_option("--channels", o.channels, "Rings, trees or connections side by side; default: one a NIC")
      ->check(whole_number(UINT32_MAX));
  cmd->add_option("--root", o.root, "Root of a broadcast, first receiver of an incast")
      ->check(whole_number(UINT32_MAX));
  cmd->add_option("--shift", o.shift, "Distance of a shift")->check(whole_number(UINT32_MAX))->capture_default_str();
  cmd->add_option("--fan-in", o.fan_in, "Senders of one incast receiver; default: all others")
      ->check(whole_number(UINT32_MAX));
  cmd->add_option("--backend", o.backend,
                  "fluid: every transfer routed and hashed; analytic: closed forms; packet: simulated by ns-3")
      ->check(CLI::IsMember({"fluid", "analytic", "packet"}))
      ->capture_default_str();
  cmd->add_option(
         "--constants", o.constants,
         "calibrated: the GPU generation's latencies and efficiencies; wire: headers and path delays; ideal: none")
      ->check(CLI::IsMember({"calibrated", "wire", "ideal"}))
      ->capture_default_str();
  cmd->add_option("--batch-epsilon", o.batch_epsilon, "Take finishes within this share of the time together; 0: exact")
      ->check(CLI::Range(0.0, 0.5));
  cmd->add_option("--steps", o.steps, "packet: of a ring only this many steps, timed as such; default: all")
      ->check(whole_number(UINT64_MAX));
  cmd->add_option("--verify", o.verify,
                  "Carve out this many of the most contended links, and as many at random, and play them in ns-3")
      ->check(whole_number(kMostVerified, 1));
  cmd->add_option("--set", o.overrides, "Change a field of the fabric file: hosts.count=128 (repeatable)")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  cmd->add_option("--seed", o.seed, "Seed of hashing, QP numbers and patterns")
      ->check(whole_number(UINT64_MAX))
      ->capture_default_str();
  cmd->add_option("--threads", o.threads, "Threads; the result does not depend on it; default: all cores")
      ->check(whole_number(kMaxThreads));
  cmd->add_option("--json", o.json, "Write the Measurement as JSON; -: to stdout, without the table")
      ->type_name("FILE");
  cmd->add_flag("--explain", o.explain, "Phase times, counters and more hot links");
  cmd->add_flag("--quiet", o.quiet, "No progress");
  cmd->callback([options, &run] { run = [options] { return run_predict(*options); }; });
}

}  // namespace weft
