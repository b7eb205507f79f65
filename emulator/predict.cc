#include "emulator/predict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>

#include "emulator/analytic/analytic.h"
#include "emulator/fluid/engine.h"
#ifdef WEFT_HAS_PACKET
#include "emulator/packet/engine.h"
#include "emulator/verify.h"
#endif

namespace weft {
namespace {

constexpr std::size_t kMaxSizes = 1'000;

constexpr std::array kKinds{CollectiveKind::kAllReduce,   CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
                            CollectiveKind::kAllToAll,    CollectiveKind::kBroadcast, CollectiveKind::kSendRecv,
                            CollectiveKind::kPermutation, CollectiveKind::kShift,     CollectiveKind::kIncast,
                            CollectiveKind::kBisection};

// Picks the algorithm that the closed forms price lowest, as NCCL's tuner does by its own model.
class Tuner {
 public:
  Tuner(const Topology& topology, const PredictRequest& request, const Placement& placement)
      : topology_(topology), request_(request), placement_(placement) {}

  [[nodiscard]] std::string choose(Bytes size) const {
    const CollectiveKind kind = request_.collective.kind;
    // Point to point has no closed form worth the name: NCCL goes through the scale-up domain where rails are kept.
    if (kind == CollectiveKind::kAllToAll) return keeps_rails() ? "rail_aligned" : "all_at_once";
    std::string best(algorithms(kind).front().name);
    double best_seconds = std::numeric_limits<double>::infinity();
    for (const std::string& candidate : candidates(kind)) {
      const std::optional<double> seconds = estimate(candidate, size);
      if (!seconds || *seconds >= best_seconds) continue;
      best_seconds = *seconds;
      best = candidate;
    }
    return best;
  }

 private:
  // What NCCL ships: nobody gets halving-doubling or a two-level all_gather without asking for it.
  [[nodiscard]] static std::vector<std::string> candidates(CollectiveKind kind) {
    if (kind == CollectiveKind::kAllReduce) return {"ring", "tree", "nvls_tree"};
    if (kind == CollectiveKind::kAllGather || kind == CollectiveKind::kReduceScatter) return {"ring"};
    std::vector<std::string> all;
    for (const AlgorithmInfo& info : algorithms(kind)) all.emplace_back(info.name);
    return all;
  }
  [[nodiscard]] bool keeps_rails() const {
    const TopologyKind kind = topology_.spec().topology.kind;
    return topology_.has_scale_up() &&
           (kind == TopologyKind::kRailOptimized || kind == TopologyKind::kRailOnly || kind == TopologyKind::kDualTor);
  }
  // Nothing where the placement or the hardware rules the algorithm out.
  [[nodiscard]] std::optional<double> estimate(const std::string& algorithm, Bytes size) const {
    const Bytes reference{1LL << 30};
    CollectiveRequest collective = request_.collective;
    collective.algorithm = algorithm;
    collective.size = size;
    const auto schedule = make_schedule(shape_of(topology_.spec()), placement_, collective);
    if (!schedule) return std::nullopt;
    const std::uint32_t first = placement_.gpu_of(Rank{0}).value;
    const std::uint32_t second =
        schedule->group_size > 1 ? placement_.gpu_of(schedule->second_member).value : first + 1;
    const std::uint32_t stride = second > first ? second - first : first - second;
    const AnalyticShape shape = analytic_shape(topology_, schedule->group_size, std::max(1U, stride));
    const auto cost = analytic_cost(shape, collective.kind, algorithm, reference, request_.constants,
                                    payload_share(topology_.spec(), request_.constants));
    if (!cost) return std::nullopt;
    return price(*cost, size, collective.kind, schedule->group_size, request_.constants).time.seconds();
  }

  const Topology& topology_;
  const PredictRequest& request_;
  const Placement& placement_;
};

#ifdef WEFT_HAS_PACKET
Expected<std::unique_ptr<Backend>> make_packet_backend(const PredictRequest& request) {
  return std::make_unique<PacketBackend>(
      PacketOptions{.pipeline_chunk = request.constants.pipeline_chunk, .steps_limit = request.steps_limit});
}
#else
Expected<std::unique_ptr<Backend>> make_packet_backend(const PredictRequest&) {
  return environment_error("this weft was built without ns-3", "packet",
                           "install libns3-dev and build again, or use --backend fluid");
}
#endif

FluidOptions fluid_options(const PredictRequest& request) {
  FluidOptions fluid;
  fluid.constants = request.constants;
  fluid.exact_transfers = request.batch_epsilon < 0 ? kExactTransfers : 0;
  fluid.batch_epsilon = request.batch_epsilon < 0 ? kBatchEpsilon : request.batch_epsilon;
  return fluid;
}

Expected<std::unique_ptr<Backend>> make_backend(const PredictRequest& request) {
  if (request.backend == BackendKind::kPacket) return make_packet_backend(request);
  if (request.backend == BackendKind::kAnalytic) return std::make_unique<AnalyticBackend>(request.constants);
  return std::make_unique<FluidBackend>(fluid_options(request));
}

#ifdef WEFT_HAS_PACKET
// Fluid, and then what packets say of it.
Expected<Measurement> predict_and_verify(const Topology& topology, const ScheduleFactory& factory,
                                         const PredictRequest& request, const RunOptions& options) {
  FluidOptions fluid = fluid_options(request);
  ScheduleCost cost;
  fluid.on_cost = [&](const ScheduleCost& of_largest) { cost = of_largest; };
  auto m = FluidBackend(fluid).run(topology, factory, request.sizes, options);
  if (!m || m->operations.size() < request.sizes.size()) return m;
  if (auto done = verify(topology, factory, cost, request, options, *m); !done) return tl::unexpected(done.error());
  return m;
}
#else
Expected<Measurement> predict_and_verify(const Topology&, const ScheduleFactory&, const PredictRequest&,
                                         const RunOptions&) {
  return environment_error("this weft was built without ns-3, which --verify needs", "packet",
                           "install libns3-dev and build again, or leave --verify out");
}
#endif

Expected<std::vector<Bytes>> parse_size_range(const std::string& text, std::size_t first_colon) {
  const std::string way_out = "write a range as from:to:xFACTOR or from:to:+STEP, like 8:16G:x4";
  const std::size_t second_colon = text.find(':', first_colon + 1);
  const auto from = parse_nccl_size(text.substr(0, first_colon));
  if (!from) return tl::unexpected(from.error());
  const auto to = parse_nccl_size(text.substr(first_colon + 1, second_colon - first_colon - 1));
  if (!to) return tl::unexpected(to.error());
  const std::string rule = second_colon == std::string::npos ? "x2" : text.substr(second_colon + 1);
  if (rule.size() < 2 || (rule[0] != 'x' && rule[0] != '+'))
    return input_error("bad step of a size range", rule, way_out);
  const auto amount = parse_nccl_size(rule.substr(1));
  if (!amount) return tl::unexpected(amount.error());
  const bool factor = rule[0] == 'x';
  if (amount->count < (factor ? 2 : 1) || (factor && from->count == 0))
    return input_error("a size range that never ends", text, way_out);
  if (to->count < from->count) return input_error("a size range that ends before it starts", text, way_out);
  std::vector<Bytes> sizes;
  for (std::int64_t size = from->count; size <= to->count;) {
    if (sizes.size() == kMaxSizes)
      return input_error("too many message sizes", text, fmt::format("at most {}", kMaxSizes));
    sizes.push_back(Bytes{size});
    if (factor ? size > to->count / amount->count : size > to->count - amount->count) break;
    size = factor ? size * amount->count : size + amount->count;
  }
  return sizes;
}

}  // namespace

Shape shape_of(const FabricSpec& spec) {
  Shape shape;
  shape.gpus = spec.gpu_count();
  shape.gpus_per_host = spec.hosts.gpus;
  shape.domain_gpus = spec.hosts.scale_up.domain_gpus;
  shape.nics_per_host = spec.hosts.nics;
  shape.rails = spec.hosts.rails;
  shape.in_network_reduction = spec.hosts.scale_up.in_network_reduction;
  return shape;
}

Expected<Measurement> predict(const Topology& topology, const PredictRequest& request, const RunOptions& options) {
  if (request.sizes.empty()) return input_error("no message sizes", "", "give --sizes, like 8:16G:x4");
  const std::uint32_t ranks = request.collective.ranks != 0 ? request.collective.ranks : topology.gpu_count();
  const auto placement = make_placement(request.mapping, ranks, topology.gpu_count());
  if (!placement) return tl::unexpected(placement.error());
  const Tuner tuner(topology, request, *placement);
  const ScheduleFactory factory = [&](Bytes size, const std::string& algorithm) {
    CollectiveRequest collective = request.collective;
    collective.size = size;
    if (!algorithm.empty())
      collective.algorithm = algorithm;
    else if (collective.algorithm.empty() || collective.algorithm == "auto")
      collective.algorithm = tuner.choose(size);
    return make_schedule(shape_of(topology.spec()), *placement, collective);
  };
  if (request.verify > 0) {
    if (request.backend != BackendKind::kFluid)
      return input_error("--verify checks what the fluid backend says, and there is none of it here",
                         request.backend == BackendKind::kPacket ? "--backend packet" : "--backend analytic",
                         "use --backend fluid, or leave --verify out");
    return predict_and_verify(topology, factory, request, options);
  }
  const auto backend = make_backend(request);
  if (!backend) return tl::unexpected(backend.error());
  return (*backend)->run(topology, factory, request.sizes, options);
}

Expected<std::vector<Bytes>> parse_sizes(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos) return parse_size_range(text, colon);
  std::vector<Bytes> sizes;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const auto size = parse_nccl_size(text.substr(start, comma - start));
    if (!size) return tl::unexpected(size.error());
    if (sizes.size() == kMaxSizes)
      return input_error("too many message sizes", text.substr(0, 40), fmt::format("at most {}", kMaxSizes));
    sizes.push_back(*size);
    start = comma + 1;
  }
  return sizes;
}

Expected<CollectiveKind> parse_collective(const std::string& text) {
  std::vector<std::string_view> names;
  for (const CollectiveKind kind : kKinds) {
    if (name_of(kind) == text) return kind;
    names.push_back(name_of(kind));
  }
  return input_error("unknown collective", text, fmt::format("use {}", fmt::join(names, ", ")));
}

}  // namespace weft
