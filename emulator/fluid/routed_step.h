// RoutedStep: one step of a phase solved at wire rates, kept as what each link carries, and its paths found again by
// the links that they cross. For verification, which looks at a few links of many.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "emulator/fluid/engine.h"
#include "emulator/fluid/flows.h"
#include "topologies/clos.h"
#include "topologies/routing.h"

namespace weft {

// One single path of a transfer (all pools of it, where it is sprayed).
struct RoutedPath {
  std::uint64_t edge = 0;
  Connection connection;
  std::uint32_t qp = 0;
  double bits = 0, rate = 0, finish = 0;  // payload; bits/s, max-min fair while all send; seconds
  bool held_back = true;                  // by a resource that it crosses; else by one that its lockstep lane crosses
  Duration delay{};
  std::vector<std::uint32_t> resources;  // of the network: its way through a scale-up domain is left out
  std::vector<double> weights;
};

// Which paths are wanted: those that cross a resource r with mark[r] != 0, of them a random share `keep[mark[r]]`.
struct PathFilter {
  std::vector<std::uint32_t> mark;  // by resource
  std::vector<double> keep{1.0};    // by mark; of 0: not used
  std::uint64_t seed = 1;
  std::uint64_t most = 2'000'000;  // paths; more are an error
};

class RoutedStep {
 public:
  // Routes and solves. All arguments must outlive it. Errors: those of route_step and complete.
  [[nodiscard]] static Expected<RoutedStep> solve(const Topology& topology, Router& router, const Schedule& schedule,
                                                  const Phase& phase, std::uint64_t step, const FluidOptions& fluid,
                                                  const RunOptions& run);

  // An all_to_all added up by counting; all its paths send until the longest drain is over. It has no paths().
  [[nodiscard]] static Expected<RoutedStep> count(const ClosTopology& topology, Router& router,
                                                  const Schedule& schedule, const Phase& phase, const RunOptions& run);

  // Routes every edge again. In the order of edges and QPs. Errors: kInterrupted; kInput for more than filter.most.
  [[nodiscard]] Expected<std::vector<RoutedPath>> paths(const PathFilter& filter) const;

  // By resource.
  [[nodiscard]] const std::vector<double>& capacity() const { return capacity_; }  // bits/s of payload
  [[nodiscard]] const std::vector<double>& bits() const { return bits_; }
  [[nodiscard]] const std::vector<double>& load() const { return load_; }    // bits/s at the rates of RoutedPath
  [[nodiscard]] const std::vector<double>& count() const { return count_; }  // paths, sprayed ones by their share
  [[nodiscard]] bool saturated(std::uint32_t resource) const;
  [[nodiscard]] double makespan() const { return makespan_; }

  [[nodiscard]] const Topology& topology() const { return *topology_; }
  [[nodiscard]] const Router& router() const { return *router_; }
  [[nodiscard]] const Phase& phase() const { return *phase_; }

 private:
  struct Block;
  RoutedStep(const Topology& topology, Router& router, const Schedule& schedule, const Phase& phase, std::uint64_t step,
             const RunOptions& run)
      : topology_(&topology), router_(&router), schedule_(&schedule), phase_(&phase), step_(step), run_(&run) {}
  void add_up(const FlowSet& flows, const std::vector<double>& rates);
  void route_block(std::uint64_t first, std::uint64_t last, const PathFilter& filter, Block& block) const;
  void route_edge(const Edge& edge, std::uint64_t index, const PathFilter& filter, Route& route, Block& block) const;
  [[nodiscard]] bool wanted(const PathFilter& filter, const Route& route, std::uint64_t edge, std::uint32_t qp) const;
  void stream(std::uint64_t first, std::uint64_t last, const std::function<void(const Edge&)>& sink) const;

  const Topology* topology_;
  Router* router_;
  const Schedule* schedule_;
  const Phase* phase_;
  std::uint64_t step_;
  const RunOptions* run_;
  std::vector<double> capacity_, bits_, load_, count_;
  std::vector<double> fastest_;               // by resource: the highest rate of a variable that crosses it
  std::vector<double> rate_, finish_, work_;  // by variable
  double makespan_ = 0;
};

}  // namespace weft
