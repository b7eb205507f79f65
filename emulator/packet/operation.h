// One operation of one size, simulated from its first message to its last.
#pragma once

#include <functional>
#include <string>

#include "emulator/packet/congestion/signals.h"
#include "emulator/packet/engine.h"

namespace weft::packet {

// How far a simulation has come.
struct Progressed {
  double done = 0, total = 0;  // bytes of payload
  Ps now = 0;
};
// "size 8: stopped at 1.5 us of simulated time, 3 of 8 bytes delivered".
[[nodiscard]] std::string stopped_note(Bytes size, const Progressed& at);
// False: give up.
using Pulse = std::function<bool(const Progressed&)>;

// A Measurement of this one operation; where the pulse gave up, without an operation and with a note that tells how
// far it came. Errors: as PacketBackend::run.
[[nodiscard]] Expected<Measurement> run_operation(const Topology& topology, const Schedule& schedule,
                                                  const PacketOptions& options, std::uint64_t seed, bool explain,
                                                  const Pulse& pulse);

}  // namespace weft::packet
