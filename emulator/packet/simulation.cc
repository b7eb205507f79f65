#include "emulator/packet/simulation.h"

#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/simulator.h>

#include "topologies/failures.h"

namespace weft::packet {
namespace {

// ns-3 keeps time in one unit for the whole process, to be chosen before the first Time.
void choose_picoseconds() {
  static const bool chosen = (ns3::Time::SetResolution(ns3::Time::PS), true);
  static_cast<void>(chosen);
}

ns3::Time after(Ps ps) { return ns3::TimeStep(static_cast<std::uint64_t>(ps)); }

constexpr Ps kFirstInterval = 1'000'000;  // 1 us
// Events between two looks at the clock: about 10 ms.
constexpr std::uint64_t kFewEvents = 8'192, kManyEvents = 32'768;
constexpr std::uint64_t kIdleEvents = 64;  // fewer tell nothing of the load to come

}  // namespace

Simulation::Simulation() {
  choose_picoseconds();
  ns3::ObjectFactory scheduler;
  scheduler.SetTypeId("weft::packet::WheelScheduler");
  ns3::Simulator::SetScheduler(scheduler);
}

// Events name ports and QPs: they go first.
Simulation::~Simulation() { ns3::Simulator::Destroy(); }

Expected<std::unique_ptr<Simulation>> Simulation::create(const Topology& topology, const NetworkOptions& options) {
  std::unique_ptr<Simulation> simulation(new Simulation);
  auto forwarding = Forwarding::create(topology, options.seed);
  if (!forwarding) return tl::unexpected(forwarding.error());
  simulation->forwarding_ = std::move(*forwarding);
  auto network = Network::create(topology, *simulation->forwarding_, options);
  if (!network) return tl::unexpected(network.error());
  simulation->network_ = std::move(*network);
  return simulation;
}

Simulation::End Simulation::run(const std::function<bool()>& pulse) {
  pulse_ = pulse;
  end_ = End::kRanDry;
  interval_ = kFirstInterval;
  last_beat_ = std::chrono::steady_clock::now();
  last_events_ = 0;
  ns3::Simulator::Schedule(after(interval_), &Simulation::beat, this);
  ns3::Simulator::Run();
  return end_;
}

void Simulation::stop() {
  end_ = End::kStopped;
  ns3::Simulator::Stop();
}

// The load, in events a picosecond, changes by orders of magnitude within a run, and only grows the interval slowly.
void Simulation::beat() {
  if (ns3::Simulator::IsFinished()) return;  // nothing else is pending, or stop() was called
  const std::uint64_t events = ns3::Simulator::GetEventCount();
  const std::uint64_t passed = events - last_events_;
  if (passed > kManyEvents) interval_ = std::max<Ps>(1, interval_ / 2);
  if (passed > kIdleEvents && passed < kFewEvents) interval_ *= 2;
  last_events_ = events;
  const auto now = std::chrono::steady_clock::now();
  if (pulse_ && now - last_beat_ >= std::chrono::milliseconds(10)) {
    last_beat_ = now;
    if (!pulse_()) {
      end_ = End::kGivenUp;
      ns3::Simulator::Stop();
      return;
    }
  }
  ns3::Simulator::Schedule(after(interval_), &Simulation::beat, this);
}

Expected<void> Simulation::schedule_failures(const Topology& topology) {
  auto changes = resolve_timed_failures(topology);
  if (!changes) return tl::unexpected(changes.error());
  failures_ = std::make_unique<FailurePlayer>(*network_, std::move(*changes));
  failures_->start();
  return {};
}

}  // namespace weft::packet
