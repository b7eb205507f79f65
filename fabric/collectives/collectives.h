// Collectives: the algorithms that turn "all_reduce of 1 GiB over these ranks" into a Schedule.
// docs/collectives.md states the steps, wire bytes and source of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/collectives/placement.h"
#include "fabric/error.h"
#include "fabric/schedule.h"
#include "fabric/units.h"

namespace weft {

// What an algorithm needs to know of the machine. Counts, all >= 1.
struct Shape {
  std::uint32_t gpus = 0;  // of the whole fabric
  std::uint32_t gpus_per_host = 8;
  std::uint32_t domain_gpus = 8;  // of a scale-up domain: a run of consecutive GPUs; 1: none
  std::uint32_t nics_per_host = 8;
  std::uint32_t rails = 8;
  bool in_network_reduction = false;  // the scale-up switch adds up (NVLS)
};

// How ranks are dealt to groups that run at the same time; G groups.
enum class Grouping : std::uint8_t {
  kPacked,   // group k holds consecutive ranks
  kStrided,  // group k holds ranks k, k + G, k + 2G, ...: strided across pods
};

struct CollectiveRequest {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  std::string algorithm;         // "": the kind's default; "auto": by message size; else a name of algorithms(kind)
  std::uint32_t ranks = 0;       // 0: all of the placement
  std::uint32_t group_size = 0;  // 0: all ranks in one group; must divide ranks
  Grouping grouping = Grouping::kPacked;
  Bytes size{};            // S as nccl-tests reports it, per group; 0 to 2^56
  std::uint64_t seed = 1;  // permutation, bisection
  // Rings or trees side by side, or connections of a pair that share a message. 0: as many as NICs serve them
  // (one for each NIC that the group's GPUs of one host or scale-up domain own; for pairs, the NICs of one GPU).
  std::uint32_t channels = 0;
  std::uint32_t root = 0;    // broadcast: the sender; incast: the first receiver. Place in the group
  std::uint32_t shift = 1;   // shift: member i sends to member i + shift
  std::uint32_t fan_in = 0;  // incast: senders of one receiver; 0: all the others
};

// The steps and edges of the collective over global ranks. Schedules are values: edges and moves are thread-safe,
// and the same request gives the same edges in the same order.
// Errors (kInput): more ranks than placed; group size that does not divide; unknown algorithm; a size, channel count,
// root, shift or fan-in out of range; an algorithm that the group's placement or the machine cannot run
// (hierarchical over domains of unequal share; nvls without in-network reduction). Each names the way out.
[[nodiscard]] Expected<Schedule> make_schedule(const Shape& shape, const Placement& placement,
                                               const CollectiveRequest& request);

struct AlgorithmInfo {
  std::string_view name;
  std::string_view summary;  // one line
};
// In the order that help texts list them; the first is never refused.
[[nodiscard]] std::vector<AlgorithmInfo> algorithms(CollectiveKind kind);

}  // namespace weft
