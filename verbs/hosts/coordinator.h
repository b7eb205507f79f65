// `weft verbs run`: one plan on many hosts, round after round, and what came of it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fabric/measurement.h"
#include "verbs/blame.h"
#include "verbs/hosts/agent_link.h"
#include "verbs/hosts/rounds.h"
#include "verbs/plan.h"

namespace weft::verbs {

struct ClusterRequest {
  std::vector<HostAddress> hosts;
  Shape shape = Shape::kMatrix;
  std::uint32_t hub = 0;
  PairPlan plan;
  std::optional<CollectiveSpec> collective;  // instead of flows; the hosts are its ranks, in their order
  ChannelSecurity security;
  std::string weft;  // version of the program
  SlowRule rule;
  std::chrono::milliseconds hello{10000};    // for agents to be there
  std::chrono::milliseconds answer{10000};   // for any other answer
  std::chrono::milliseconds silence{5000};   // of an agent in a run; it says something each 0.5 s
  std::chrono::milliseconds connect{30000};  // for all flows of a round to be connected
  std::chrono::milliseconds margin{20};      // between the order to start and the start
};

struct ClusterProgress {
  std::size_t round = 0, rounds = 0, flows_done = 0, flows = 0;
};

struct ClusterResult {
  std::vector<TrafficPoint> points;   // one a flow and size, from and to are hosts
  std::vector<Operation> operations;  // of a collective, one a size: the slowest rank's time
  std::vector<std::uint64_t> wrong;   // elements, of each operation, all ranks together
  std::vector<Blame> slow;
  std::vector<std::string> notes, failures;  // failures: hosts that died, flows that failed
  std::map<std::string, double> counters;    // start_spread_us, clock_error_us, ...
  std::optional<Error> error;                // what kept it from being whole
};

using OnClusterPoint = std::function<void(const TrafficPoint&)>;
using OnClusterProgress = std::function<void(const ClusterProgress&)>;

// A collective is one round that joins every pair. Flows of hosts that died are failures, those of others go on.
// Bounded whatever agents do.
[[nodiscard]] ClusterResult run_cluster(const ClusterRequest& request, const OnClusterPoint& on_point,
                                        const OnClusterProgress& on_progress, const std::atomic<bool>& stop);

}  // namespace weft::verbs
