#include "apps/dpdk_streams.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>

#include "apps/build_fabric.h"
#include "emulator/predict.h"
#include "fabric/collectives/collectives.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

constexpr std::uintmax_t kLargestFile = 1U << 24;
constexpr std::size_t kMostStreams = 256;

tl::unexpected<Error> at(const std::string& path, const YAML::Mark& mark, std::string message, std::string item,
                         std::string way_out) {
  Error error{ErrorCode::kInput, std::move(message), std::move(item), std::move(way_out), {}};
  error.place = {path, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  return tl::unexpected(error);
}

// One map of the file, read by the parser of the command line: the same words, checks and messages.
Expected<dpdk::StreamSpec> read_stream(const std::string& path, const YAML::Node& node, std::uint32_t first_qp) {
  StreamWords words;
  words.dest_qp = words.source_qp = first_qp;
  CLI::App parser;
  add_stream_options(parser, words);
  std::vector<std::string> arguments;  // CLI11 takes them from the back
  for (const auto& entry : node) {
    if (!entry.second.IsScalar())
      return at(path, entry.first.Mark(), "a stream's value that is no word", entry.first.Scalar(), "as size: 64K");
    arguments.insert(arguments.begin(), "--" + entry.first.Scalar() + "=" + entry.second.Scalar());
  }
  try {
    parser.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return at(path, node.Mark(), error.what(), {}, "keys are the options of weft dpdk send");
  }
  auto spec = make_stream_spec(words);
  if (!spec) spec.error().place = {path, static_cast<std::uint32_t>(node.Mark().line + 1), 0};
  return spec;
}

// Of one step: edges between hosts, and their largest message.
struct StepTraffic {
  std::vector<dpdk::Endpoints> endpoints;
  Bytes largest{};
  double bytes = 0;
  bool too_many = false;
};

StepTraffic traffic_of(const Topology& topology, const Schedule& schedule, const Phase& phase) {
  StepTraffic step;
  const auto gpu_of = [&](Rank rank) { return schedule.gpu_of ? schedule.gpu_of(rank) : GpuId{rank.value}; };
  const auto take = [&](const Edge& edge) {
    const GpuId from = gpu_of(edge.source), to = gpu_of(edge.destination);
    if (topology.same_domain(from, to) || topology.host_of(from) == topology.host_of(to)) return;
    constexpr std::uint32_t kFirstAddress = 0x0A000001;
    if (step.endpoints.size() == dpdk::kMostQps) {
      step.too_many = true;
      return;
    }
    step.endpoints.push_back({kFirstAddress + from.value, kFirstAddress + to.value});
    step.largest = std::max(step.largest, edge.bytes);
    step.bytes += static_cast<double>(edge.bytes.count);
  };
  if (phase.varying)
    phase.edges_at(0, 0, phase.edge_count, take);
  else
    phase.edges(0, phase.edge_count, take);
  return step;
}

Expected<Schedule> schedule_of(const Topology& topology, const CollectiveWords& words, const std::string& size) {
  const auto kind = parse_collective(words.collective);
  if (!kind) return tl::unexpected(kind.error());
  const auto bytes = parse_nccl_size(size);
  if (!bytes) return input_error("--size: cannot be read", size, "as 64K or 1G");
  const std::uint32_t ranks = words.ranks == 0 ? topology.gpu_count() : words.ranks;
  const auto placement = make_placement({}, ranks, topology.gpu_count());
  if (!placement) return tl::unexpected(placement.error());
  CollectiveRequest request;
  request.kind = *kind;
  request.algorithm = words.algorithm;
  request.ranks = ranks;
  request.group_size = words.group_size;
  request.size = *bytes;
  return make_schedule(shape_of(topology.spec()), *placement, request);
}

}  // namespace

Expected<std::vector<dpdk::StreamSpec>> read_stream_file(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed || size > kLargestFile)
    return input_error("cannot read the stream file", path, "a file of at most 16 MiB");
  try {
    const YAML::Node root = YAML::LoadFile(path);
    if (!root.IsSequence() || root.size() == 0 || root.size() > kMostStreams)
      return at(path, root.Mark(), "a stream file is a list of streams", {}, "as - {size: 64K, qps: 16, rate: 10Gbps}");
    std::vector<dpdk::StreamSpec> streams;
    std::uint32_t next_qp = StreamWords{}.dest_qp;
    for (const auto& node : root) {
      if (!node.IsMap()) return at(path, node.Mark(), "a stream is a map", {}, "as {size: 64K, qps: 16}");
      auto stream = read_stream(path, node, next_qp);
      if (!stream) return tl::unexpected(stream.error());
      next_qp = stream->dest_qp + stream->qps;
      streams.push_back(std::move(*stream));
    }
    return streams;
  } catch (const YAML::Exception& error) {
    return at(path, error.mark, "no YAML: " + error.msg, {}, {});
  }
}

Expected<dpdk::StreamSpec> stream_of_collective(const CollectiveWords& collective, StreamWords words) {
  const auto spec = load_spec(collective.fabric);
  if (!spec) return tl::unexpected(spec.error());
  const auto topology = build_fabric(*spec, collective.fabric);
  if (!topology) return tl::unexpected(topology.error());
  const auto schedule = schedule_of(**topology, collective, words.size);
  if (!schedule) return tl::unexpected(schedule.error());
  StepTraffic heaviest;
  double most = 0;
  for (const Phase& phase : schedule->phases) {
    StepTraffic step = traffic_of(**topology, *schedule, phase);
    if (step.too_many)
      return input_error("more flows than QPs", phase.name, fmt::format("at most {}; fewer --ranks", dpdk::kMostQps));
    if (const double bytes = step.bytes * static_cast<double>(phase.repeat); bytes > most) {
      most = bytes;
      heaviest = std::move(step);
    }
  }
  if (most == 0)
    return input_error("nothing of this collective goes over the network", collective.collective, "more --ranks");
  words.size = std::to_string(heaviest.largest.count);
  words.qps = static_cast<std::uint32_t>(heaviest.endpoints.size());
  auto stream = make_stream_spec(words);
  if (!stream) return stream;
  stream->endpoints = std::move(heaviest.endpoints);
  return stream;
}

}  // namespace weft
