// One host's part of a run, whatever carries the questions: who may ask, what is under way, when traffic starts.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "verbs/hosts/data_plane.h"

namespace weft::verbs {

constexpr std::size_t kMostAgentFlows = 1024;  // at once; each has a thread

struct FlowTask {
  std::uint32_t id = 0;
  std::string peer;  // empty: comes to this host, and was prepared
  std::uint16_t port = 0;
};

struct FlowEvent {
  enum class Kind : std::uint8_t { kAlive, kReady, kPoint, kEnded };
  Kind kind = Kind::kAlive;
  std::uint32_t flow = 0;
  std::optional<TrafficPoint> point;
  std::optional<Error> error;
  std::vector<std::string> notes;
  std::int64_t started = 0;  // ns, this host's clock
  std::uint32_t done = 0;    // flows
};

// Nanoseconds of this host's steady clock.
[[nodiscard]] std::int64_t clock_now();

struct AgentLimits {
  std::chrono::milliseconds lease{15000};  // a coordinator that asks nothing for so long has lost the agent
  std::chrono::milliseconds ready{30000};  // for Start, from the beginning of Run
  std::chrono::milliseconds alive{500};    // between signs of life
};

class HostAgent {
 public:
  HostAgent(std::unique_ptr<DataPlane> plane, AgentLimits limits, const std::atomic<bool>& stop);

  // Errors: kEnvironment: another session holds the agent.
  [[nodiscard]] Expected<void> claim(const std::string& session);
  [[nodiscard]] Expected<void> check(const std::string& session);
  // Ports, one a flow. Errors: kInput, kEnvironment.
  [[nodiscard]] Expected<std::vector<std::uint16_t>> prepare(const std::string& session,
                                                             const std::vector<std::uint32_t>& flows);
  // Until all flows have ended. `tell` returns false, and `gone` true, when nobody listens any more: then flows are
  // stopped and the session ends. Every flow has one event kEnded. Errors: kInput, kEnvironment: nothing was run.
  // With a collective the flows are what joins its ranks: points are of the collective, and flow 0's.
  [[nodiscard]] Expected<void> run(const std::string& session, const PairPlan& plan, const CollectiveSpec* collective,
                                   const std::vector<FlowTask>& flows,
                                   const std::function<bool(const FlowEvent&)>& tell,
                                   const std::function<bool()>& gone);
  // Errors: kInput: nothing waits for a start.
  [[nodiscard]] Expected<void> start(const std::string& session, std::int64_t at);
  // Ends the session; flows under way are told to stop, and end it no further.
  void leave(const std::string& session);

 private:
  using Clock = std::chrono::steady_clock;
  struct Running;
  [[nodiscard]] Expected<void> check_locked(const std::string& session);
  using Work = std::vector<std::pair<FlowTask, std::unique_ptr<AwaitedFlow>>>;
  [[nodiscard]] Expected<Work> take_work(const std::vector<FlowTask>& flows);
  void run_flow(Running& running, const PairPlan& plan, const FlowTask& task, AwaitedFlow* awaited);
  void run_ranks(Running& running, const CollectiveSpec& spec, const Work& work);

  std::unique_ptr<DataPlane> plane_;
  AgentLimits limits_;
  const std::atomic<bool>& stop_;
  std::mutex mutex_;
  std::string session_;
  Clock::time_point last_asked_;
  std::map<std::uint32_t, std::unique_ptr<AwaitedFlow>> prepared_;
  Running* running_ = nullptr;
};

}  // namespace weft::verbs
