// Cost: what the phases of a schedule cost at a reference size, and what an operation of any size then takes.
// Shared by the analytic and fluid backends: they differ in how they find the data times, not in how time adds up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emulator/calibration.h"
#include "fabric/measurement.h"
#include "fabric/schedule.h"
#include "fabric/spec.h"

namespace weft {

// Seconds of data time by cause; they sum to the phase's data time.
struct DataTime {
  double ideal = 0;             // busiest NIC port (or GPU, where no NIC is used) at the line rate of a healthy one
  double scale_up = 0;          // what the scale-up domain adds to that
  double protocol = 0;          // headers and protocol efficiency
  double oversubscription = 0;  // leaf or pod uplinks, perfectly shared
  double failures = 0;          // dead and slow links, perfectly shared
  double hash_collisions = 0;   // unequal sharing of equal paths

  [[nodiscard]] double total() const {
    return ideal + scale_up + protocol + oversubscription + failures + hash_collisions;
  }
};

// One phase at the schedule's reference size, all its steps together.
struct PhaseCost {
  std::string name;
  std::uint64_t steps = 1;
  DataTime data;
  double scale_up_hops = 0;  // hops one after the other on the critical path
  double scale_out_hops = 0;
  double congestion_share = 1;  // of the links, in `data`: what congestion control fills
  double path_seconds = 0;      // propagation and switch latency of the scale-out hops
  double messages = 0;          // that one NIC starts besides, not waiting for one another (all_to_all)
  std::uint64_t depth = 0;      // pipelined chain or tree: chunks pass this many hops
  std::uint32_t overlap_group = 0, stage = 0;
  bool uses_nic = false;
  std::uint64_t slowest_step = 0;  // of a phase whose steps differ
  std::string binding_tier;
};

struct ScheduleCost {
  Bytes reference{};         // size that the phases were solved at, > 0
  std::uint32_t shards = 1;  // ranks of a scale-up domain that share the message: a chunk is cut from S / shards
  bool simple_only = false;  // in-network reduction has no low-latency protocol
  std::string algorithm;
  std::vector<PhaseCost> phases;
};

// Time of one operation of `size` bytes by the faster protocol. Data time grows with the size, steps do not.
// Phases of one overlap group: with c chunks and stage times T_i, max T + (sum T - max T) / c (the pipeline formula);
// a chain or tree of depth d adds d / c of its data time to fill.
[[nodiscard]] Operation price(const ScheduleCost& cost, Bytes size, CollectiveKind kind, std::uint32_t ranks,
                              const Constants& constants);

// What of `spec` neither of the two plays and the packet engine would: notes for Measurement.
[[nodiscard]] std::vector<std::string> packet_engine_notes(const FabricSpec& spec);

}  // namespace weft
