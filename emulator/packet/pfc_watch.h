// Watches pauses: storms (a port held for long without a break) and deadlocks (a cycle of ports that wait for each
// other), so that a run reports them and ends instead of hanging.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulator/packet/port.h"
#include "fabric/ids.h"

namespace weft::packet {

class Network;

struct PfcFinding {
  enum class Kind : std::uint8_t { kStorm, kDeadlock } kind = Kind::kStorm;
  Ps at = 0;
  std::uint8_t priority = 0;
  // Storm: the root, then the paused links that wait for it. Deadlock: the cycle, each link waits for the next.
  std::vector<LinkId> links;
};

class PfcWatch {
 public:
  static constexpr Ps kLookEvery = 1'000'000'000;  // 1 ms: while a port is paused, Network looks this often

  PfcWatch(Network& network, Ps storm_after) : network_(network), storm_after_(storm_after) {}

  void on_pause(LinkId link, std::uint8_t priority, bool pause, Ps now);
  // Looks for storms and deadlocks as of now; new ones are added to findings(). Linear in paused ports and in what
  // waits at them.
  void look(Ps now);
  [[nodiscard]] const std::vector<PfcFinding>& findings() const { return findings_; }
  [[nodiscard]] std::string describe(const PfcFinding& finding) const;
  [[nodiscard]] bool deadlocked() const;
  [[nodiscard]] std::size_t paused() const { return since_.size(); }
  // Whether looks to come may find what those until now could not: something is paused, and not for longer than it
  // takes to be a storm.
  [[nodiscard]] bool watching(Ps now) const;

 private:
  [[nodiscard]] std::vector<std::uint32_t> waits_for(std::uint32_t key) const;
  [[nodiscard]] std::vector<std::uint32_t> held_by(std::uint32_t root, const std::vector<std::uint32_t>& keys) const;
  void find_cycles(const std::vector<std::uint32_t>& keys, Ps now);
  void report(std::uint32_t key);
  [[nodiscard]] bool is_reported(std::uint32_t key) const;

  Network& network_;
  Ps storm_after_;
  std::unordered_map<std::uint32_t, Ps> since_;  // link * kPriorities + priority: paused since
  std::vector<std::uint32_t> reported_;          // keys that stand in findings already, sorted
  std::vector<PfcFinding> findings_;
};

}  // namespace weft::packet
