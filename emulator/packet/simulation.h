// One run of ns-3's simulator with one Network in it. ns-3 has a single simulator in a process, so there is at most one
// Simulation at a time; it sets up the event queue, and takes everything down in the order that ns-3 needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "emulator/packet/failure_player.h"
#include "emulator/packet/network.h"

namespace weft::packet {

class Simulation {
 public:
  enum class End : std::uint8_t {
    kStopped,  // stop() was called
    kGivenUp,  // the pulse said so
    kRanDry,   // nothing is left to happen
  };

  // Errors: what Forwarding::create and Network::create say. REQUIRES: no other Simulation alive in this process.
  [[nodiscard]] static Expected<std::unique_ptr<Simulation>> create(const Topology& topology,
                                                                    const NetworkOptions& options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  [[nodiscard]] Network& network() { return *network_; }
  [[nodiscard]] Forwarding& forwarding() { return *forwarding_; }

  // Runs until stop(). `pulse`, which may be empty, is called about every 10 ms of wall time; false ends the run.
  // What it sees depends on the machine: nothing of it may reach the result of a run that goes to its end.
  [[nodiscard]] End run(const std::function<bool()>& pulse);
  void stop();
  // Changes the links of spec.failures when their time comes. Errors: those of resolve_timed_failures.
  [[nodiscard]] Expected<void> schedule_failures(const Topology& topology);

 private:
  Simulation();
  void beat();

  std::unique_ptr<Forwarding> forwarding_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<FailurePlayer> failures_;
  std::function<bool()> pulse_;
  std::chrono::steady_clock::time_point last_beat_;
  std::uint64_t last_events_ = 0;
  Ps interval_ = 0;
  End end_ = End::kRanDry;
};

}  // namespace weft::packet
