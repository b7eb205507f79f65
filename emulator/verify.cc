#include "emulator/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <thread>

#include "emulator/fluid/components.h"
#include "emulator/fluid/counted_components.h"
#include "emulator/packet/carve_run.h"
#include "emulator/packet/workers.h"
#include "emulator/verify_interval.h"

namespace weft {
namespace {

// Shorter messages say little of a steady state.
constexpr double kShortPackets = 64;

constexpr char kResult = 'R', kError = 'E';

// The phase with the longest data time of those that use the network, and its cost.
struct Heaviest {
  const Phase* phase = nullptr;
  const PhaseCost* cost = nullptr;
};

Heaviest heaviest_phase(const Schedule& schedule, const ScheduleCost& cost) {
  Heaviest heaviest;
  std::size_t at = 0;
  for (const Phase& phase : schedule.phases) {
    if (phase.edge_count == 0 || phase.repeat == 0) continue;
    if (at == cost.phases.size()) break;
    const PhaseCost& of = cost.phases[at++];
    if (!of.uses_nic) continue;
    if (heaviest.cost == nullptr || of.data.total() > heaviest.cost->data.total()) heaviest = {&phase, &of};
  }
  return heaviest;
}

std::string pack(const packet::CarveRun& run) {
  std::vector<double> values{run.ended ? 1.0 : 0.0, static_cast<double>(run.hops), static_cast<double>(run.drops)};
  values.insert(values.end(), run.finish.begin(), run.finish.end());
  std::string text(values.size() * sizeof(double), '\0');
  std::memcpy(text.data(), values.data(), text.size());
  return text;
}

std::optional<packet::CarveRun> unpack(const std::string& text) {
  std::vector<double> values(text.size() / sizeof(double));
  if (values.size() < 3) return std::nullopt;
  std::memcpy(values.data(), text.data(), values.size() * sizeof(double));
  packet::CarveRun run;
  run.ended = values[0] != 0;
  run.hops = static_cast<std::uint64_t>(values[1]);
  run.drops = static_cast<std::uint64_t>(values[2]);
  run.finish.assign(values.begin() + 3, values.end());
  return run;
}

// What both engines say of one carve-out.
struct Compared {
  double full = 0, fluid = 0, packet = 0, rate_error = 0;
};

Expected<Compared> compare(const CarveOut& carve, double scale, const packet::CarveRun& run) {
  Compared out;
  const auto fluid = solve_fluid(carve, scale);
  if (!fluid) return tl::unexpected(fluid.error());
  const std::size_t foreground = carve.foreground();
  for (std::size_t i = 0; i < foreground; ++i) {
    const double packets = run.finish[i] - carve.flows[i].delay.seconds();
    out.full = std::max(out.full, carve.flows[i].finish * scale);
    out.fluid = std::max(out.fluid, (*fluid)[i]);
    if (!run.ended) continue;
    out.packet = std::max(out.packet, packets);
    if (packets > 0) out.rate_error += std::abs((*fluid)[i] / packets - 1) / static_cast<double>(foreground);
  }
  return out;
}

class Verifier {
 public:
  Verifier(const Topology& topology, const PredictRequest& request, const RunOptions& options, Measurement& m)
      : topology_(topology), request_(request), options_(options), m_(m) {
    m_.verification.emplace();
    m_.verification->asked = request.verify;
    m_.verification->unfinished = 2 * std::uint64_t{request.verify};
  }

  Expected<void> run(const ScheduleFactory& factory, const ScheduleCost& cost) {
    const auto largest = std::max_element(m_.operations.begin(), m_.operations.end(),
                                          [](const Operation& a, const Operation& b) { return a.size < b.size; });
    out().size = largest->size;
    if (options_.so_far) options_.so_far(m_);
    auto schedule = factory(largest->size, cost.algorithm);
    if (!schedule) return tl::unexpected(schedule.error());
    if (auto found = find(*schedule, cost); !found) return found;
    plan();
    if (auto played = play(); !played) return played;
    bound(cost, *largest, schedule->collective, schedule->group_size);
    return {};
  }

 private:
  struct Job {
    std::size_t component = 0;
    bool grown = false;
    std::optional<Compared> compared;
  };

  [[nodiscard]] Verification& out() { return *m_.verification; }
  [[nodiscard]] bool cancelled() const { return options_.cancelled != nullptr && *options_.cancelled; }
  [[nodiscard]] const CarveOut& carve_of(const Job& job) const {
    const Component& c = components_[job.component];
    return job.grown ? *c.grown : c.base;
  }

  Expected<void> find(const Schedule& schedule, const ScheduleCost& cost) {
    const Heaviest heaviest = heaviest_phase(schedule, cost);
    if (heaviest.phase == nullptr)
      return input_error("nothing crosses the network, so that there is nothing to verify", cost.algorithm,
                         "leave --verify out");
    out().phase = heaviest.phase->name;
    out().step = heaviest.cost->slowest_step;
    report("carving", 0, 1);
    auto router = Router::create(topology_, options_.seed);
    if (!router) return tl::unexpected(router.error());
    const auto forwarding = Forwarding::create(topology_, options_.seed);
    if (!forwarding) return tl::unexpected(forwarding.error());
    auto components = components_of(schedule, *heaviest.phase, **router, **forwarding);
    if (!components) return tl::unexpected(components.error());
    components_ = std::move(components->played);
    out().unplayed = std::move(components->unplayed);
    out().longest_seconds = components->longest;
    out().step_seconds = components->step_seconds;
    return {};
  }

  Expected<Components> components_of(const Schedule& schedule, const Phase& phase, Router& router,
                                     const Forwarding& forwarding) {
    ComponentOptions wanted;
    wanted.contended = wanted.random = request_.verify;
    wanted.seed = options_.seed;
    FluidOptions fluid;
    if (phase.edge_count > fluid.max_transfers) {
      out().notes.emplace_back(
          "transfers are added up link by link: flows of a bottleneck are a random sample of the pairs that cross it");
      return find_counted_components(topology_, router, forwarding, schedule, phase, wanted, options_);
    }
    fluid.exact_transfers = kExactTransfers;
    fluid.batch_epsilon = kBatchEpsilon;
    const auto step = RoutedStep::solve(topology_, router, schedule, phase, out().step, fluid, options_);
    if (!step) return tl::unexpected(step.error());
    return find_components(*step, forwarding, wanted);
  }

  // Scales and jobs: every component as it is, then every one that grew.
  void plan() {
    for (std::size_t i = 0; i < components_.size(); ++i) {
      const Component& c = components_[i];
      double scale = std::min(1.0, kVerifyHops / packet::packet_hops(c.base, topology_, 1));
      if (c.grown) scale = std::min(scale, 2 * kVerifyHops / packet::packet_hops(*c.grown, topology_, 1));
      scales_.push_back(scale);
      VerifiedComponent v;
      v.link = c.base.bottleneck;
      v.random = c.random;
      v.paths = c.paths;
      v.flows = c.base.foreground();
      v.background = c.base.flows.size() - v.flows;
      v.thinning = c.base.thinning;
      v.scale = scale;
      verified_.push_back(v);
      jobs_.push_back({i, false, {}});
    }
    for (std::size_t i = 0; i < components_.size(); ++i)
      if (components_[i].grown) jobs_.push_back({i, true, {}});
  }

  Expected<void> play() {
    packet::CarveRunOptions carve;
    carve.seed = options_.seed;
    carve.reserved = packet::reserved_headroom(topology_);
    std::optional<Error> failed;
    packet::WorkerJobs workers;
    workers.count = jobs_.size();
    workers.at_once = options_.threads != 0 ? options_.threads : std::max(1U, std::thread::hardware_concurrency());
    workers.work = [&](std::size_t job, const packet::ParentLine& parent) {
      packet::CarveRunOptions of = carve;
      of.scale = scales_[jobs_[job].component];
      const auto run = packet::run_carve(topology_, carve_of(jobs_[job]), of,
                                         [&] { return !cancelled() && !parent.told_to_stop(); });
      if (run)
        parent.send(kResult, pack(*run));
      else
        parent.send(kError, run.error().text());
    };
    workers.received = [&](std::size_t job, char kind, const std::string& text) { take(job, kind, text, failed); };
    workers.ended = [&](std::size_t job, const std::string& how) {
      if (!how.empty() && !failed && !cancelled())
        failed = Error{ErrorCode::kEnvironment,
                       "a worker process of --verify ended without a result",
                       fmt::format("{}, {}", carve_of(jobs_[job]).bottleneck, how),
                       "use fewer --threads",
                       {}};
    };
    workers.stop = [&] { return cancelled() || failed.has_value(); };
    if (auto ran = packet::run_workers(workers); !ran) return ran;
    if (failed) return tl::unexpected(*failed);
    return {};
  }

  void take(std::size_t index, char kind, const std::string& text, std::optional<Error>& failed) {
    Job& job = jobs_[index];
    const CarveOut& carve = carve_of(job);
    const std::string name = carve.bottleneck + (job.grown ? ", grown" : "");
    if (kind == kError) {
      out().notes.push_back(fmt::format("{}: {}", name, text));
      return;
    }
    const auto run = unpack(text);
    if (!run) return;
    if (!run->ended) out().notes.push_back(fmt::format("{}: packets had not come to an end in time", name));
    const auto compared = compare(carve, scales_[job.component], *run);
    if (!compared) {
      failed = compared.error();
      return;
    }
    job.compared = *compared;
    store(job, carve);
    ++done_;
    report("packets of carve-outs", static_cast<double>(done_), static_cast<double>(jobs_.size()));
  }

  void store(const Job& job, const CarveOut& carve) {
    VerifiedComponent& v = verified_[job.component];
    if (job.grown) {
      v.grown_flows = carve.foreground();
      v.grown_background = carve.flows.size() - v.grown_flows;
      v.grown_fluid_seconds = job.compared->fluid;
      v.grown_packet_seconds = job.compared->packet;
    } else {
      v.full_seconds = job.compared->full;
      v.fluid_seconds = job.compared->fluid;
      v.packet_seconds = job.compared->packet;
      v.rate_error = job.compared->rate_error;
    }
    collect();
    if (options_.so_far) options_.so_far(m_);
  }

  // Components that have a result, in their order.
  void collect() {
    out().components.clear();
    out().unfinished = 0;
    for (const VerifiedComponent& v : verified_) {
      if (v.fluid_seconds > 0)
        out().components.push_back(v);
      else
        ++out().unfinished;
    }
  }

  // The interval: the same operation with the network's data times scaled by the ratios.
  void bound(const ScheduleCost& cost, const Operation& op, CollectiveKind kind, std::uint32_t ranks) {
    collect();
    note_approximations();
    const RatioInterval interval = ratio_interval(out());
    if (interval.high <= 0) return;
    out().low_ratio = interval.low;
    out().high_ratio = interval.high;
    const auto priced = [&](double ratio) {
      ScheduleCost scaled = cost;
      double path = 0;
      for (PhaseCost& phase : scaled.phases) {
        if (!phase.uses_nic) continue;
        path += phase.path_seconds;
        for (double* part : {&phase.data.ideal, &phase.data.scale_up, &phase.data.protocol,
                             &phase.data.oversubscription, &phase.data.failures, &phase.data.hash_collisions})
          *part *= ratio * wire_share(phase);
      }
      const Duration time = price(scaled, op.size, kind, ranks, request_.constants).time;
      return request_.constants.count_path_delay ? time : time + Duration::from_seconds(path);
    };
    out().low = priced(interval.low);
    out().high = priced(interval.high);
  }

  // What the prediction's data times have to be multiplied by to be those of the wire: they may leave headers out, or
  // have in them what congestion control loses, which the packets of the carve-outs lose themselves.
  [[nodiscard]] double wire_share(const PhaseCost& phase) const {
    const FabricSpec& spec = topology_.spec();
    const double wire = static_cast<double>(spec.transport.mtu) / (spec.transport.mtu + spec.transport.header_bytes);
    return payload_share(spec, request_.constants) / wire * phase.congestion_share;
  }

  void note_approximations() {
    const double mtu = topology_.spec().transport.mtu;
    double least = 1, shortest = 1e300;
    bool thinned = false, taken = false;
    for (std::size_t i = 0; i < components_.size(); ++i) {
      least = std::min(least, scales_[i]);
      thinned = thinned || components_[i].base.thinning > 1;
      taken = taken || !components_[i].base.taken.empty();
      for (const CarvedFlow& flow : components_[i].base.flows)
        if (flow.foreground) shortest = std::min(shortest, std::ceil(flow.bits * scales_[i] / 8 / mtu));
    }
    if (least < 1)
      out().notes.push_back(
          fmt::format("messages are played down to {:.3g} of their bytes, the fluid times with them", least));
    if (shortest < kShortPackets)
      out().notes.push_back(fmt::format(
          "the shortest message played has {:.0f} packets: start and end weigh more than a steady state", shortest));
    if (thinned)
      out().notes.emplace_back(
          "bottlenecks with too many flows are played by a random sample of them, each at as many times its rate");
    if (taken)
      out().notes.emplace_back(
          "background too many to play flow by flow is taken off the rates of the links that it crosses");
    const RoutingSpec& routing = topology_.spec().routing;
    const bool per_packet = routing.kind == RoutingKind::kFlowlet ||
                            (routing.kind == RoutingKind::kAdaptive && routing.adaptive_unit == AdaptiveUnit::kPacket);
    if (per_packet) out().notes.emplace_back("carve-outs keep each flow on the path that the fluid engine gave it");
  }

  void report(const char* what, double done, double of) const {
    if (options_.progress) options_.progress(what, done, of);
  }

  const Topology& topology_;
  const PredictRequest& request_;
  const RunOptions& options_;
  Measurement& m_;
  std::vector<Component> components_;
  std::vector<double> scales_;
  std::vector<VerifiedComponent> verified_;
  std::vector<Job> jobs_;
  std::size_t done_ = 0;
};

}  // namespace

Expected<void> verify(const Topology& topology, const ScheduleFactory& schedule, const ScheduleCost& cost,
                      const PredictRequest& request, const RunOptions& options, Measurement& m) {
  auto done = Verifier(topology, request, options, m).run(schedule, cost);
  if (!done && done.error().code != ErrorCode::kInterrupted) return done;
  return {};
}

}  // namespace weft
