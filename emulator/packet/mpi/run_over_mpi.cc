#include "emulator/packet/mpi/run_over_mpi.h"

#include <fmt/format.h>
#include <ns3/global-value.h>
#include <ns3/mpi-interface.h>
#include <ns3/object-factory.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#define OMPI_SKIP_MPICXX
#include <mpi.h>

#include "emulator/packet/flow_run.h"
#include "emulator/packet/mpi/mpi_boundary.h"
#include "emulator/packet/simulation.h"

namespace weft {
namespace {

using packet::Ps;
using Clock = std::chrono::steady_clock;

// Into process 0. Counts of elements fit an int by the limits of the engine.
void reduce(std::vector<std::uint64_t>& values, MPI_Op operation, const MpiProcess& process) {
  std::vector<std::uint64_t> result(values.size());
  MPI_Reduce(values.data(), result.data(), static_cast<int>(values.size()), MPI_UINT64_T, operation, 0, MPI_COMM_WORLD);
  if (process.rank() == 0) values = std::move(result);
}

double microseconds(std::uint64_t ps) { return static_cast<double>(ps) * 1e-6; }

std::string counters_text(const packet::NetworkCounters& counters, const MpiProcess& process) {
  const auto named = packet::counters_of_a_run();
  std::vector<std::uint64_t> values;
  for (const auto& counter : named) values.push_back(counters.*counter.member);
  reduce(values, MPI_SUM, process);
  std::string text;
  for (std::size_t i = 0; i < named.size(); ++i) text += fmt::format("{:<20}{}\n", named[i].name, values[i]);
  return text;
}

// Completion times of all QPs, and digests that tell runs apart which differ in one of them, or on one link.
std::string flows_text(const std::vector<packet::FlowRun::Flow>& flows, const MpiProcess& process) {
  std::vector<std::uint64_t> times;  // 0: not
  for (const auto& flow : flows) {
    times.push_back(static_cast<std::uint64_t>(std::max<Ps>(0, flow.received)));
    times.push_back(static_cast<std::uint64_t>(std::max<Ps>(0, flow.acknowledged)));
  }
  reduce(times, MPI_MAX, process);
  std::uint64_t digest = 0;
  for (const std::uint64_t time : times) digest = packet::digest_of(digest, time);
  std::vector<std::uint64_t> received;
  for (std::size_t i = 0; i < times.size(); i += 2) {
    if (times[i] != 0) received.push_back(times[i]);
  }
  std::sort(received.begin(), received.end());
  std::string text = fmt::format("{:<20}{}\n{:<20}{}\n", "QPs", flows.size(), "QPs complete", received.size());
  if (received.empty()) return text;
  double sum = 0;
  for (const std::uint64_t time : received) sum += microseconds(time);
  const auto at = [&](double share) {
    return microseconds(received[static_cast<std::size_t>(share * static_cast<double>(received.size() - 1))]);
  };
  text += fmt::format("{:<20}{:.6f} us\n", "completion", microseconds(received.back()));
  text += fmt::format("{:<20}min {:.6f}  mean {:.6f}  median {:.6f}  p99 {:.6f} us\n", "QP completion", at(0),
                      sum / static_cast<double>(received.size()), at(0.5), at(0.99));
  return text + fmt::format("{:<20}{:016x}\n", "digest of QPs", digest);
}

std::string links_text(const packet::Network& network, const MpiProcess& process) {
  std::vector<std::uint64_t> sums, peaks;
  for (std::uint32_t link = 0; link < network.topology().link_count(); ++link) {
    const packet::LinkTotals totals = packet::link_totals(network.port(LinkId{link}));
    sums.insert(sums.end(), totals.begin(), totals.end() - 1);
    peaks.push_back(totals.back());
  }
  reduce(sums, MPI_SUM, process);
  reduce(peaks, MPI_MAX, process);
  std::uint64_t digest = 0;
  for (const std::uint64_t value : sums) digest = packet::digest_of(digest, value);
  for (const std::uint64_t value : peaks) digest = packet::digest_of(digest, value);
  return fmt::format("{:<20}{}\n{:<20}{:016x}\n", "deepest queue", *std::max_element(peaks.begin(), peaks.end()),
                     "digest of links", digest);
}

// In user code. What MPI spends on waiting is system time where it yields (mpi_yield_when_idle of Open MPI).
std::uint64_t processor_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_utime.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(usage.ru_utime.tv_usec);
}

struct Speed {
  std::uint64_t processor_us = 0;
  Clock::time_point begin, started, ended;
};

std::string speed_text(const Speed& speed, const packet::Network& network, const packet::MpiBoundary* boundary,
                       const MpiProcess& process) {
  std::vector<std::uint64_t> sums{network.counters().data_hops, ns3::Simulator::GetEventCount()};
  if (boundary != nullptr) {
    sums.push_back(boundary->records());
    sums.push_back(boundary->packets());
  }
  reduce(sums, MPI_SUM, process);
  const auto seconds = [](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  };
  const double run = seconds(speed.started, speed.ended);
  std::vector<std::uint64_t> busiest{speed.processor_us};
  reduce(busiest, MPI_MAX, process);
  std::string text = fmt::format(
      "{} process{}: set-up {:.2f} s, run {:.2f} s, {} events, {:.3f} M data hops/s; "
      "the busiest took {:.2f} s of processor\n",
      process.size(), process.size() == 1 ? "" : "es", seconds(speed.begin, speed.started), run, sums[1],
      static_cast<double>(sums[0]) / run * 1e-6, static_cast<double>(busiest[0]) * 1e-6);
  if (boundary == nullptr) return text;
  return text + fmt::format("{} frames and pauses crossed in {} packets; lookahead {:.6f} us\n", sums[2], sums[3],
                            microseconds(static_cast<std::uint64_t>(boundary->lookahead())));
}

}  // namespace

MpiProcess::MpiProcess(int* argc, char*** argv) {
  int rank = 0, size = 1;
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  rank_ = static_cast<std::uint32_t>(rank);
  size_ = static_cast<std::uint32_t>(size);
  if (size == 1) return;
  ns3::GlobalValue::Bind("SimulatorImplementationType", ns3::StringValue("ns3::DistributedSimulatorImpl"));
  ns3::MpiInterface::Enable(MPI_COMM_WORLD);
}

MpiProcess::~MpiProcess() {
  if (size_ > 1) ns3::MpiInterface::Disable();
  MPI_Finalize();
}

Expected<MpiRun> run_over_mpi(const MpiProcess& process, const Topology& topology, const Schedule& schedule,
                              std::uint64_t seed) {
  Speed speed;
  speed.begin = Clock::now();
  const auto partition = packet::Partition::by_pod(topology, process.size());
  if (!partition) return tl::unexpected(partition.error());
  packet::NetworkOptions options;
  options.seed = seed;
  auto simulation = packet::Simulation::create(topology, options);
  if (!simulation) return tl::unexpected(simulation.error());
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId("weft::packet::LinkOrderScheduler");
  ns3::Simulator::SetScheduler(scheduler);
  packet::Network& network = (*simulation)->network();
  std::unique_ptr<packet::MpiBoundary> boundary;
  if (process.size() > 1) {
    auto cut = packet::MpiBoundary::create(network, *partition);
    if (!cut) return tl::unexpected(cut.error());
    boundary = std::move(*cut);
  }
  if (auto scheduled = (*simulation)->schedule_failures(topology); !scheduled) return tl::unexpected(scheduled.error());
  packet::FlowRun run(network, (*simulation)->forwarding(), *partition, process.rank());
  if (auto started = run.start(schedule); !started) return tl::unexpected(started.error());
  MPI_Barrier(MPI_COMM_WORLD);
  speed.started = Clock::now();
  const std::uint64_t before = processor_us();
  ns3::Simulator::Run();
  speed.processor_us = processor_us() - before;
  speed.ended = Clock::now();
  MpiRun result;
  result.summary =
      flows_text(run.flows(), process) + counters_text(network.counters(), process) + links_text(network, process);
  result.speed = speed_text(speed, network, boundary.get(), process);
  return process.rank() == 0 ? result : MpiRun{};
}

}  // namespace weft
