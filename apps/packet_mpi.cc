// weft_packet_mpi: a packet run over the processes that mpirun starts. docs/packet-mpi.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <new>

#include "apps/arguments.h"
#include "apps/build_fabric.h"
#include "apps/commands.h"
#include "apps/console.h"
#include "emulator/packet/mpi/run_over_mpi.h"
#include "emulator/predict.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

struct Options {
  std::string spec, collective = "permutation", algorithm, size = "1M";
  std::vector<std::string> overrides;
  std::uint32_t ranks = 0;
  std::uint64_t seed = 1;
};

Expected<Schedule> schedule_for(const Options& options, const Topology& topology) {
  const auto kind = parse_collective(options.collective);
  if (!kind) return tl::unexpected(kind.error());
  const auto size = parse_nccl_size(options.size);
  if (!size) return tl::unexpected(size.error());
  const std::uint32_t ranks = options.ranks != 0 ? options.ranks : topology.gpu_count();
  Mapping mapping;
  mapping.seed = options.seed;
  const auto placement = make_placement(mapping, ranks, topology.gpu_count());
  if (!placement) return tl::unexpected(placement.error());
  CollectiveRequest request;
  request.kind = *kind;
  request.algorithm = options.algorithm;
  request.ranks = ranks;
  request.size = *size;
  request.seed = options.seed;
  if (request.algorithm.empty() && *kind == CollectiveKind::kAllToAll) request.algorithm = "all_at_once";
  return make_schedule(shape_of(topology.spec()), *placement, request);
}

Expected<void> run(const MpiProcess& process, const Options& options) {
  const auto spec = load_spec(options.spec, options.overrides);
  if (!spec) return tl::unexpected(spec.error());
  const auto topology = build_fabric(*spec, options.spec);
  if (!topology) return tl::unexpected(topology.error());
  const auto schedule = schedule_for(options, **topology);
  if (!schedule) return tl::unexpected(schedule.error());
  const auto result = run_over_mpi(process, **topology, *schedule, options.seed);
  if (!result) return tl::unexpected(result.error());
  if (process.rank() != 0) return {};
  fmt::print(stderr, "{}", result->speed);
  return write_file("-", fmt::format("{:<20}{}\n{:<20}{} of {} ranks, {} bytes, {}, seed {}\n{}", "fabric", spec->name,
                                     "work", name_of(schedule->collective), schedule->ranks, schedule->size.count,
                                     schedule->algorithm, options.seed, result->summary));
}

// Every process finds the same errors; one tells.
int report(const MpiProcess& process, const Error& error) {
  if (process.rank() == 0) return report_error(error);
  return error.code == ErrorCode::kInput ? kInputWrong : kEnvironmentFailed;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  const weft::MpiProcess process(&argc, &argv);
  CLI::App app{"weft_packet_mpi: a packet run over several processes, with the result of one (docs/packet-mpi.md)"};
  weft::Options o;
  app.add_option("spec", o.spec, "Fabric file (YAML; docs/spec.md)")->required();
  app.add_option("--collective", o.collective, "permutation, all_to_all, shift, incast, bisection, sendrecv")
      ->capture_default_str();
  app.add_option("--algorithm", o.algorithm, "See docs/collectives.md");
  app.add_option("--size", o.size, "Message size: 64K, 1M (binary, as nccl-tests)")->capture_default_str();
  app.add_option("--ranks", o.ranks, "Ranks in all; default: every GPU")->check(weft::whole_number(UINT32_MAX));
  app.add_option("--set", o.overrides, "Override a field of the fabric file: hosts.count=128");
  app.add_option("--seed", o.seed, "Of hashes and random patterns")->capture_default_str();
  try {
    app.parse(argc, argv);
    const auto done = weft::run(process, o);
    return done ? weft::kGood : weft::report(process, done.error());
  } catch (const CLI::ParseError& error) {
    return process.rank() == 0 ? weft::report_parse_error(app, error) : weft::kInputWrong;
  } catch (const std::bad_alloc&) {
    return weft::report(process, {weft::ErrorCode::kEnvironment, "out of memory", "", "start more processes", {}});
  }
}
