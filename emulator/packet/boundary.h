// Where a fabric is cut: what leaves for a part that another process simulates.
#pragma once

#include <cstdint>

#include "emulator/packet/frame.h"
#include "fabric/ids.h"

namespace weft::packet {

// Both processes hold the whole Network; each moves only what is its own. On a cable that is cut (Network::cut) the
// sending side ends here, and the far side goes on by Network::frame_arrives and Network::pause_arrives.
class Boundary {
 public:
  virtual ~Boundary() = default;
  // Called when the frame starts or before: f.at, its arrival, is later than now by more than the link's delay and the
  // pipeline of the switch behind it. `telemetry` is null where the frame carries none.
  virtual void frame_leaves(LinkId link, const Frame& f, const IntRecord* telemetry) = 0;
  // `link`'s sender, over there, is to pause or go on at `at`, which is later than now by more than the link's delay.
  virtual void pause_leaves(LinkId link, std::uint8_t priority, bool pause, Ps at) = 0;
};

}  // namespace weft::packet
