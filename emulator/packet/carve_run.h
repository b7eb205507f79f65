// A carve-out, packet by packet. Nothing of ns-3 is seen here.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "emulator/carve_out.h"
#include "fabric/error.h"
#include "fabric/topology.h"

namespace weft::packet {

// Bytes of each switch's buffer that its ports keep as headroom, by leaves, then spines, then cores of the whole
// fabric: a carve-out has few of the ports, and would find more to share. Empty without PFC.
[[nodiscard]] std::vector<std::uint64_t> reserved_headroom(const Topology& whole);

struct CarveRunOptions {
  std::uint64_t seed = 1;
  double scale = 1;                     // of the bytes of each flow
  double patience = 40;                 // gives up after so many times the last fluid finish
  std::vector<std::uint64_t> reserved;  // reserved_headroom of the whole fabric
};

struct CarveRun {
  std::vector<double> finish;  // seconds from the start to the last byte in memory, by flow; below 0: had not come
  std::uint64_t hops = 0;      // data packets x links
  std::uint64_t drops = 0, marks = 0, pauses = 0;
  bool ended = true;  // every foreground flow has finished
};

// All flows start at once; it ends with the last of the foreground. `pulse` as in Simulation::run.
// Errors: kInput for a carve-out of too many switches or a PFC deadlock, kInterrupted where the pulse said so.
[[nodiscard]] Expected<CarveRun> run_carve(const Topology& whole, const CarveOut& carve, const CarveRunOptions& options,
                                           const std::function<bool()>& pulse);

// Data packets times links of all flows, with `scale` of their bytes.
[[nodiscard]] double packet_hops(const CarveOut& carve, const Topology& whole, double scale);

}  // namespace weft::packet
