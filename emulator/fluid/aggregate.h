// Aggregate: an all_to_all too large to write out (a million ranks have 10^12 transfers), added up by counting.
#pragma once

#include "emulator/fluid/loads.h"
#include "topologies/clos.h"

namespace weft {

struct AggregateLoads {
  std::vector<double> bits;  // per directed link, with each pool's load shared evenly
  HopSums hops;
  double flows_per_link = 0;  // single paths on a link of the tier with the fewest
  // Hashing m flows on a link spreads loads by about sqrt(m): the fullest of L links carries at most about
  // 1 + sqrt(2 ln L / m) of the mean (maximum of L normal deviates).
  double hash_excess = 0;
};

// Every rank sends `bytes` to every other rank of its group, all at once.
// Dead and slow fabric links count where they are: a leaf's (a block's) traffic is spread evenly over its live links;
// the few detours that a dead link forces on the far side are not followed.
// Errors: kInput where hashing is polarized (no even spread), a GPU or NIC port is dead, or ranks share no path.
[[nodiscard]] Expected<AggregateLoads> aggregate_all_to_all(const ClosTopology& topology, const Schedule& schedule,
                                                            Via via, Bytes bytes);

}  // namespace weft
