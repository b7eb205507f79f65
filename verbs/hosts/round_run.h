// One round of a plan on its hosts: prepared, connected, started together, heard until the last flow ends.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "verbs/hosts/coordinator.h"

namespace weft::verbs {

// A host of the plan, from hello to the end.
struct Party {
  HostAddress host;
  std::unique_ptr<AgentLink> link;
  AgentInfo info;
  std::optional<ClockOffset> first_clock, clock;
  std::optional<Error> dead;
};

// `work(i)` for all 0 <= i < count, each on a thread of its own.
void for_all(std::size_t count, const std::function<void(std::size_t)>& work);

class RoundRun {
 public:
  struct Flow {
    HostFlow hosts;
    std::uint16_t port = 0;
    bool ended = false;  // as its caller says
    std::vector<TrafficPoint> points;
    std::optional<Error> error;           // the caller's, else the listener's; of a collective the first that was told
    std::size_t failed_as = 0;            // first, second, ... of the round; 0: has not failed
    std::optional<std::int64_t> started;  // ns, our clock
  };
  using OnDone = std::function<void(std::size_t flows_done)>;

  RoundRun(const ClusterRequest& request, std::vector<Party>& parties, const std::vector<HostFlow>& flows,
           const std::atomic<bool>& stop);
  // Parties that die are marked.
  void run(const OnClusterPoint& on_point, const OnDone& on_done);

  [[nodiscard]] const std::vector<Flow>& flows() const { return flows_; }
  // Of a collective, by host.
  [[nodiscard]] const std::map<std::uint32_t, std::vector<TrafficPoint>>& rank_points() const { return rank_points_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] double start_spread_us() const;  // between the first flow's start and the last one's

 private:
  struct HostState {
    std::vector<std::uint32_t> calls, awaits;  // flows
    bool ready = false, over = false;
  };
  void prepare();
  void run_host(std::uint32_t host, const OnClusterPoint& on_point);
  void hear(std::uint32_t host, FlowEvent event, const OnClusterPoint& on_point);
  void await(std::chrono::milliseconds limit, const std::function<bool(const HostState&)>& done, const OnDone& on_done);
  void start();
  void finish(const OnDone& on_done);

  const ClusterRequest& request_;
  std::vector<Party>& parties_;
  const std::atomic<bool>& stop_;
  std::vector<Flow> flows_;
  std::map<std::uint32_t, HostState> hosts_;
  std::vector<std::string> notes_;
  std::map<std::uint32_t, std::vector<TrafficPoint>> rank_points_;
  std::size_t failures_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace weft::verbs
