#include "emulator/fluid/counted_components.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "emulator/fluid/aggregate.h"
#include "topologies/hash.h"

namespace weft {
namespace {

// Pairs routed in search of one component's paths: links above the leaves are crossed by few.
constexpr std::uint64_t kMostDraws = 4'000'000;
// A component of fewer paths than this is passed over.
constexpr std::size_t kFewestPaths = 4;
constexpr std::size_t kCandidates = 4;

class Sampler {
 public:
  Sampler(const ClosTopology& topology, Router& router, const Schedule& schedule, const Phase& phase,
          const RoutedStep& step, const RunOptions& run)
      : topology_(topology), router_(router), schedule_(schedule), phase_(phase), step_(step), run_(run) {
    rank_of_.assign(topology.gpu_count(), kNobody);
    for (std::uint32_t r = 0; r < schedule.ranks; ++r) rank_of_[gpu(r).value] = r;
    const std::int64_t n = schedule.group_size;
    message_bits_ = 8.0 * static_cast<double>((schedule.size.count + n - 1) / n);
  }

  // Up to `wanted` different paths across the resource, in random order.
  [[nodiscard]] std::vector<RoutedPath> sample(std::uint32_t resource, std::size_t wanted, std::uint64_t seed) const {
    const LinkId link = router_.pool_link(resource, 0);
    const bool down = link.value % 2 == 1;
    const std::vector<GpuId> near = gpus_below(link);
    std::vector<RoutedPath> found;
    std::set<std::pair<std::uint64_t, std::uint32_t>> seen;
    std::mt19937_64 draw(mix64(seed + kGolden * resource));
    for (std::uint64_t i = 0; i < kMostDraws && found.size() < wanted && !near.empty(); ++i) {
      if (i % 4096 == 0 && run_.cancelled != nullptr && *run_.cancelled) return {};
      const std::uint32_t one = rank_of_[near[draw() % near.size()].value];
      const std::uint32_t other = mate(one, static_cast<std::uint32_t>(draw() % schedule_.group_size));
      if (one == other) continue;
      const Connection connection{gpu(down ? other : one), gpu(down ? one : other), 0};
      const auto qp = static_cast<std::uint32_t>(draw() % router_.qps(connection, phase_.via));
      auto path = route(connection, qp, resource);
      if (path && seen.insert({path->edge, qp}).second) found.push_back(std::move(*path));
    }
    return found;
  }

 private:
  static constexpr std::uint32_t kNobody = ~0U;
  [[nodiscard]] GpuId gpu(std::uint32_t rank) const {
    return schedule_.gpu_of ? schedule_.gpu_of(Rank{rank}) : GpuId{rank};
  }
  // Member `i` of the rank's group.
  [[nodiscard]] std::uint32_t mate(std::uint32_t rank, std::uint32_t i) const {
    const std::uint32_t groups = schedule_.ranks / schedule_.group_size;
    const bool packed = schedule_.second_member == Rank{1};
    return packed ? rank / schedule_.group_size * schedule_.group_size + i : rank % groups + i * groups;
  }

  // Ranks' GPUs whose scale-up domain has a port below the link: any of them may send or receive by it.
  [[nodiscard]] std::vector<GpuId> gpus_below(LinkId link) const {
    const LinkEnds ends = topology_.ends(link);
    const NodeRef low = link.value % 2 == 1 ? ends.to : ends.from;
    const ClosShape& shape = topology_.shape();
    std::set<std::uint32_t> domains;
    for (std::uint32_t p = 0; p < topology_.port_count(); ++p) {
      const Attachment at = topology_.attachment(PortId{p});
      const std::uint32_t leaf = at.plane * shape.leaves() + at.leaf;
      const std::uint32_t block = at.plane * shape.blocks + shape.block_of_leaf(at.leaf);
      const bool below = low.kind == NodeKind::kNicPort ? p == low.index
                         : low.kind == NodeKind::kLeaf  ? leaf == low.index
                                                        : block == low.index / shape.spines;
      if (!below) continue;
      const HostsSpec& hosts = topology_.spec().hosts;
      const std::uint32_t host = p / (hosts.nics * hosts.ports_per_nic);
      for (std::uint32_t g = 0; g < hosts.gpus; ++g) domains.insert(topology_.domain_of(GpuId{host * hosts.gpus + g}));
    }
    std::vector<GpuId> gpus;
    const std::uint32_t size = topology_.spec().hosts.scale_up.domain_gpus;
    for (const std::uint32_t domain : domains)
      for (std::uint32_t g = domain * size; g < std::min(topology_.gpu_count(), (domain + 1) * size); ++g)
        if (rank_of_[g] != kNobody) gpus.push_back(GpuId{g});
    return gpus;
  }

  [[nodiscard]] std::optional<RoutedPath> route(const Connection& c, std::uint32_t qp, std::uint32_t across) const {
    Route route;
    if (!router_.route(c, phase_.via, qp, route)) return std::nullopt;
    if (std::find(route.resources.begin(), route.resources.end(), across) == route.resources.end()) return std::nullopt;
    RoutedPath path;
    path.edge = std::uint64_t{c.source.value} << 32U | c.destination.value;
    path.connection = c;
    path.qp = qp;
    path.delay = route.delay;
    path.bits = message_bits_ / router_.qps(c, phase_.via);
    for (std::size_t i = 0; i < route.resources.size(); ++i) {
      const std::uint32_t r = route.resources[i];
      if (r < topology_.first_host_link()) continue;
      path.resources.push_back(r);
      if (!route.weights.empty()) path.weights.push_back(route.weights[i]);
      path.finish = std::max(path.finish, step_.bits()[r] / step_.capacity()[r]);
    }
    path.rate = path.bits / path.finish;
    return path;
  }

  const ClosTopology& topology_;
  Router& router_;
  const Schedule& schedule_;
  const Phase& phase_;
  const RoutedStep& step_;
  const RunOptions& run_;
  std::vector<std::uint32_t> rank_of_;
  double message_bits_ = 0;
};

struct Candidate {
  std::uint32_t resource = 0;
  bool random = false;
};

// Longest drain first, then random ones. Resources that tie are in the order of a hash.
std::vector<Candidate> candidates(const RoutedStep& step, const ComponentOptions& options) {
  std::vector<std::uint32_t> used;
  for (std::uint32_t r = step.topology().first_host_link(); r < step.capacity().size(); ++r)
    if (step.load()[r] > 0) used.push_back(r);
  const auto drain = [&](std::uint32_t r) { return step.bits()[r] / step.capacity()[r]; };
  const auto draw = [&](std::uint32_t r) { return mix64(options.seed + kGolden * r); };
  const std::size_t top = std::min(used.size(), kCandidates * options.contended);
  std::vector<std::uint32_t> random = used;
  std::partial_sort(used.begin(), used.begin() + static_cast<std::ptrdiff_t>(top), used.end(),
                    [&](std::uint32_t a, std::uint32_t b) {
                      const double da = drain(a), db = drain(b);
                      if (std::abs(da - db) > 1e-9 * (da + db)) return da > db;
                      return std::pair{draw(a), a} < std::pair{draw(b), b};
                    });
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < top; ++i) out.push_back({used[i], false});
  std::mt19937_64 draws(options.seed);
  for (std::size_t i = 0; i < kCandidates * options.random && !random.empty(); ++i)
    out.push_back({random[draws() % random.size()], true});
  return out;
}

Component component_of(const Carver& carver, const RoutedStep& step, const Candidate& candidate,
                       const std::vector<RoutedPath>& paths, double crossing) {
  Component component;
  component.resource = candidate.resource;
  component.random = candidate.random;
  component.paths = crossing;
  component.drain = step.bits()[candidate.resource] / step.capacity()[candidate.resource];
  const std::vector<RoutedPath> half(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(paths.size() / 2));
  component.base = carver.carve_sample(candidate.resource, half, crossing / static_cast<double>(half.size()));
  component.grown = carver.carve_sample(candidate.resource, paths, crossing / static_cast<double>(paths.size()));
  return component;
}

}  // namespace

Expected<Components> find_counted_components(const Topology& topology, Router& router, const Forwarding& forwarding,
                                             const Schedule& schedule, const Phase& phase,
                                             const ComponentOptions& options, const RunOptions& run) {
  const auto* clos = dynamic_cast<const ClosTopology*>(&topology);
  WEFT_CHECK(clos != nullptr && schedule.collective == CollectiveKind::kAllToAll);
  auto step = RoutedStep::count(*clos, router, schedule, phase, run);
  if (!step) return tl::unexpected(step.error());
  const Sampler sampler(*clos, router, schedule, phase, *step, run);
  const Carver carver(*step, forwarding, phase.via, options.most_flows);
  Components out;
  out.step_seconds = out.longest = step->makespan();
  out.unplayed.assign(kDrainBins, 0);
  std::set<std::uint32_t> done;
  std::uint32_t contended = 0, random = 0;
  for (const Candidate& candidate : candidates(*step, options)) {
    std::uint32_t& of = candidate.random ? random : contended;
    if (of == (candidate.random ? options.random : options.contended)) continue;
    if (!done.insert(candidate.resource).second) continue;
    const std::vector<RoutedPath> paths =
        sampler.sample(candidate.resource, 2 * std::size_t{options.most_foreground}, options.seed);
    if (run.cancelled != nullptr && *run.cancelled)
      return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted while carving", {}, {}, {}});
    if (paths.size() < kFewestPaths) continue;
    ++of;
    const double crossing = std::max(static_cast<double>(paths.size()), step->count()[candidate.resource]);
    out.played.push_back(component_of(carver, *step, candidate, paths, crossing));
  }
  if (out.played.empty())
    return input_error("nothing of this step crosses the network", phase.name, "leave --verify out");
  return out;
}

}  // namespace weft
