// Plays the timed failures of a fabric file: cables that die, slow down and come back at their times.
#pragma once

#include <cstdint>
#include <vector>

#include "emulator/packet/network.h"
#include "topologies/failures.h"

namespace weft::packet {

class FailurePlayer {
 public:
  FailurePlayer(Network& network, std::vector<TimedDeviation> failures);

  // Schedules the first of each. Where several hold a cable at once, the lowest rate counts. A flap that never ends
  // keeps the simulator busy: stop it by time.
  void start();

 private:
  void begin(std::uint32_t index);
  void end(std::uint32_t index);
  void apply(std::uint32_t cable);

  Network& network_;
  std::vector<TimedDeviation> failures_;
  std::vector<bool> in_force_;
};

}  // namespace weft::packet
