#include "emulator/packet/operation.h"

#include <fmt/format.h>

#include <new>

#include "emulator/packet/collective_run.h"
#include "emulator/packet/report.h"
#include "emulator/packet/simulation.h"

namespace weft::packet {
namespace {

PlanOptions plan_options(const FabricSpec& spec, const PacketOptions& options) {
  PlanOptions plan;
  plan.mtu = spec.transport.mtu;
  plan.qps = std::max(spec.transport.qps_per_connection, spec.hosts.ports_per_nic);
  plan.pipeline_chunk = options.pipeline_chunk;
  plan.steps_limit = options.steps_limit;
  plan.max_edges = options.max_edges;
  return plan;
}

Error deadlock_error(PfcWatch& watch) {
  for (const PfcFinding& finding : watch.findings()) {
    if (finding.kind != PfcFinding::Kind::kDeadlock) continue;
    return {
        ErrorCode::kInput, watch.describe(finding), {}, "see failures, routing and switch.pfc in the fabric file", {}};
  }
  return {};
}

Error dry_error(const CollectiveRun& run, Ps now) {
  return {ErrorCode::kInput,
          fmt::format("nothing moves any more at {:.1f} us", static_cast<double>(now) * 1e-6),
          fmt::format("{} transfers are open", run.open_transfers()),
          "see failures and switch.pfc in the fabric file; without them this is an error of weft",
          {}};
}

// Runs to the end; an error, or a note where the pulse gave up.
Expected<Measurement> run_to_end(const Topology& topology, const Schedule& schedule, const Plan& plan,
                                 Simulation& simulation, bool explain, const Pulse& pulse) {
  Network& network = simulation.network();
  CollectiveRun run(network, simulation.forwarding(), schedule, plan, [&] { simulation.stop(); });
  const auto progressed = [&] {
    const double done = static_cast<double>(network.counters().delivered_bytes);
    return Progressed{std::min(done, run.bytes_to_deliver()), run.bytes_to_deliver(), network.now()};
  };
  auto end = Simulation::End::kStopped;
  run.start();
  if (!run.finished() && !run.error()) {
    end = simulation.run([&] { return !network.pfc_watch().deadlocked() && (!pulse || pulse(progressed())); });
  }
  if (network.pfc_watch().deadlocked() && !run.finished()) return tl::unexpected(deadlock_error(network.pfc_watch()));
  if (run.error()) return tl::unexpected(*run.error());
  if (end == Simulation::End::kRanDry) return tl::unexpected(dry_error(run, network.now()));
  if (run.finished()) return report(topology, schedule, plan, network, run, explain);
  Measurement partial = report_identity(topology, schedule);
  partial.notes.push_back(stopped_note(schedule.size, progressed()));
  return partial;
}

}  // namespace

std::string stopped_note(Bytes size, const Progressed& at) {
  return fmt::format("size {}: stopped at {:.1f} us of simulated time, {:.4g} of {:.4g} bytes delivered", size.count,
                     static_cast<double>(at.now) * 1e-6, at.done, at.total);
}

Expected<Measurement> run_operation(const Topology& topology, const Schedule& schedule, const PacketOptions& options,
                                    std::uint64_t seed, bool explain, const Pulse& pulse) {
  try {
    const auto plan = make_plan(schedule, plan_options(topology.spec(), options));
    if (!plan) return tl::unexpected(plan.error());
    NetworkOptions network;
    network.seed = seed;
    network.max_qps = 1U << 26U;
    auto simulation = Simulation::create(topology, network);
    if (!simulation) return tl::unexpected(simulation.error());
    if (auto scheduled = (*simulation)->schedule_failures(topology); !scheduled)
      return tl::unexpected(scheduled.error());
    return run_to_end(topology, schedule, *plan, **simulation, explain, pulse);
  } catch (const std::bad_alloc&) {
    return environment_error("out of memory, or of the packet engine's frames and QPs",
                             fmt::format("{} ranks, {} bytes", schedule.ranks, schedule.size.count),
                             "use fewer ranks (--ranks), smaller groups, fewer --threads, or --backend fluid");
  }
}

}  // namespace weft::packet
