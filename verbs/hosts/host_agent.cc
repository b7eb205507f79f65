#include "verbs/hosts/host_agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>

#include "verbs/collective/runner.h"

namespace weft::verbs {
namespace {

constexpr std::int64_t kFarthestStart = 10'000'000'000;  // ns; stamps come from the network

}  // namespace

// What threads of flows share with the one that tells.
struct HostAgent::Running {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<FlowEvent> events;
  std::optional<std::int64_t> start_at;
  std::size_t callers = 0, at_gate = 0, ended = 0;
  std::atomic<bool> stop{false};
  std::unique_ptr<JoinedMesh> mesh;  // of a collective; goes when its end is told

  void push(FlowEvent event) {
    const std::scoped_lock lock(mutex);
    events.push_back(std::move(event));
    changed.notify_all();
  }
  // Waits for the start, at most so long. The time when it was, or nullopt: stopped, or none came.
  std::optional<std::int64_t> pass_gate(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex);
    ++at_gate;
    changed.notify_all();
    const bool told = changed.wait_for(lock, limit, [&] { return start_at.has_value() || stop; });
    if (!told || stop) {
      stop = true;
      return std::nullopt;
    }
    const std::int64_t at = *start_at;
    lock.unlock();
    const std::int64_t left = at - clock_now();
    if (left > 2'000'000) std::this_thread::sleep_for(std::chrono::nanoseconds(left - 1'000'000));
    while (clock_now() < at && clock_now() - at > -2'000'000) std::this_thread::yield();
    return clock_now();
  }
};

std::int64_t clock_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

HostAgent::HostAgent(std::unique_ptr<DataPlane> plane, AgentLimits limits, const std::atomic<bool>& stop)
    : plane_(std::move(plane)), limits_(limits), stop_(stop) {}

Expected<void> HostAgent::claim(const std::string& session) {
  const std::scoped_lock lock(mutex_);
  if (session.empty() || session.size() > 128) return input_error("a session needs a name of 1 to 128 bytes");
  const bool held = !session_.empty() && session_ != session;
  const auto silent = Clock::now() - last_asked_;
  if (held && (running_ != nullptr || silent < limits_.lease))
    return environment_error("the agent works for another coordinator", session_,
                             fmt::format("wait until it is done; one that died is forgotten after {:g} s",
                                         std::chrono::duration<double>(limits_.lease).count()));
  if (held) prepared_.clear();
  session_ = session;
  last_asked_ = Clock::now();
  return {};
}

Expected<void> HostAgent::check(const std::string& session) {
  const std::scoped_lock lock(mutex_);
  return check_locked(session);
}

Expected<void> HostAgent::check_locked(const std::string& session) {
  if (session_.empty() || session != session_)
    return input_error("the agent does not know this session", session, "say Hello first");
  last_asked_ = Clock::now();
  return {};
}

Expected<std::vector<std::uint16_t>> HostAgent::prepare(const std::string& session,
                                                        const std::vector<std::uint32_t>& flows) {
  const std::scoped_lock lock(mutex_);
  if (auto known = check_locked(session); !known) return tl::unexpected(known.error());
  if (running_ != nullptr) return input_error("flows are under way; no others can be prepared");
  if (flows.size() > kMostAgentFlows)
    return input_error("too many flows for one host", fmt::format("{}", flows.size()),
                       fmt::format("at most {}", kMostAgentFlows));
  prepared_.clear();
  std::vector<std::uint16_t> ports;
  for (const std::uint32_t id : flows) {
    auto awaited = plane_->listen();
    if (!awaited) return tl::unexpected(awaited.error());
    ports.push_back((*awaited)->port());
    prepared_[id] = std::move(*awaited);
  }
  return ports;
}

void HostAgent::run_flow(Running& running, const PairPlan& plan, const FlowTask& task, AwaitedFlow* awaited) {
  FlowEvent end;
  end.kind = FlowEvent::Kind::kEnded;
  end.flow = task.id;
  PairResult result;
  bool was_at_gate = false;
  if (awaited != nullptr) {
    result = awaited->serve(running.stop);
  } else {
    const auto gate = [&] {
      was_at_gate = true;
      if (const auto started = running.pass_gate(limits_.ready)) end.started = *started;
    };
    const auto on_point = [&](const TrafficPoint& point, const PairPlan&) {
      FlowEvent event;
      event.kind = FlowEvent::Kind::kPoint;
      event.flow = task.id;
      event.point = point;
      running.push(std::move(event));
    };
    result = plane_->call(plan, task.peer, task.port, gate, on_point, running.stop);
  }
  end.error = std::move(result.error);
  end.notes = std::move(result.notes);
  const std::scoped_lock lock(running.mutex);
  ++running.ended;
  if (awaited == nullptr && !was_at_gate) ++running.at_gate;  // failed before: nobody waits for it
  running.events.push_back(std::move(end));
  running.changed.notify_all();
}

void HostAgent::run_ranks(Running& running, const CollectiveSpec& spec, const Work& work) {
  bool was_at_gate = false;
  std::int64_t begun = 0;
  const auto on_point = [&](const TrafficPoint& point) {
    FlowEvent event;
    event.kind = FlowEvent::Kind::kPoint;
    event.point = point;
    running.push(std::move(event));
  };
  std::unique_ptr<JoinedMesh>& mesh = running.mesh;
  const auto all = [&]() -> Expected<void> {
    MeshNeighbours neighbours;
    for (const auto& [task, awaited] : work) {
      if (awaited)
        neighbours.awaits.push_back(&awaited->listener());
      else
        neighbours.calls.emplace_back(task.peer, task.port);
    }
    const auto bytes = memory_of(spec);
    if (!bytes) return tl::unexpected(bytes.error());
    auto met = plane_->join(spec, neighbours, *bytes, running.stop);
    if (!met) return tl::unexpected(met.error());
    mesh = std::move(*met);
    if (auto connected = mesh->connect(); !connected) return connected;
    was_at_gate = true;
    const auto started = running.pass_gate(limits_.ready);
    if (!started) return tl::unexpected(Error{ErrorCode::kInterrupted, "stopped before the start", {}, {}, {}});
    begun = *started;
    auto ran = run_collective(spec, *mesh, mesh->memory(), on_point, running.stop);
    if (ran) mesh->leave();
    return ran;
  };
  const auto done = all();
  const std::scoped_lock lock(running.mutex);
  if (!was_at_gate) ++running.at_gate;
  for (const auto& [task, awaited] : work) {
    FlowEvent end;
    end.kind = FlowEvent::Kind::kEnded;
    end.flow = task.id;
    end.started = begun;
    if (!done) end.error = done.error();
    running.events.push_back(std::move(end));
  }
  running.ended = work.size();
  running.changed.notify_all();
}

Expected<HostAgent::Work> HostAgent::take_work(const std::vector<FlowTask>& flows) {
  Work work;
  if (flows.size() > kMostAgentFlows) return input_error("too many flows for one host");
  for (const FlowTask& task : flows) {
    const auto at = prepared_.find(task.id);
    if (task.peer.empty() && at == prepared_.end())
      return input_error("a flow was not prepared", fmt::format("{}", task.id));
    work.emplace_back(task, task.peer.empty() ? std::move(at->second) : nullptr);
    if (task.peer.empty()) prepared_.erase(at);
  }
  return work;
}

Expected<void> HostAgent::run(const std::string& session, const PairPlan& plan, const CollectiveSpec* collective,
                              const std::vector<FlowTask>& flows, const std::function<bool(const FlowEvent&)>& tell,
                              const std::function<bool()>& gone) {
  Running running;
  Work work;
  {
    const std::scoped_lock lock(mutex_);
    if (auto known = check_locked(session); !known) return known;
    if (running_ != nullptr) return input_error("flows are under way already");
    auto taken = take_work(flows);
    if (!taken) return tl::unexpected(taken.error());
    work = std::move(*taken);
    const auto calls = std::ranges::count_if(work, [](const auto& entry) { return entry.second == nullptr; });
    running.callers = collective != nullptr ? 1 : static_cast<std::size_t>(calls);
    running_ = &running;
  }
  std::vector<std::jthread> threads;
  if (collective != nullptr) {
    threads.emplace_back([&] { run_ranks(running, *collective, work); });
  } else {
    for (auto& [task, awaited] : work)
      threads.emplace_back([&, a = awaited.get(), t = &task] { run_flow(running, plan, *t, a); });
  }

  bool said_ready = false, listened_to = true;
  std::unique_lock lock(running.mutex);
  while (running.ended < work.size() || !running.events.empty()) {
    running.changed.wait_for(lock, limits_.alive);
    if (gone() || !listened_to || stop_) running.stop = true;
    std::deque<FlowEvent> events = std::exchange(running.events, {});
    if (!said_ready && running.at_gate >= running.callers) {
      said_ready = true;
      events.emplace_front().kind = FlowEvent::Kind::kReady;
    }
    const auto done = static_cast<std::uint32_t>(running.ended);
    if (events.empty()) events.emplace_back();
    if (running.stop) running.changed.notify_all();
    lock.unlock();
    for (FlowEvent& event : events) {
      event.done = done;
      listened_to = listened_to && tell(event);
    }
    lock.lock();
  }
  lock.unlock();
  threads.clear();  // joined
  const std::scoped_lock end(mutex_);
  running_ = nullptr;
  last_asked_ = Clock::now();
  if (gone() || !listened_to) session_.clear();
  return {};
}

Expected<void> HostAgent::start(const std::string& session, std::int64_t at) {
  const std::scoped_lock lock(mutex_);
  if (auto known = check_locked(session); !known) return known;
  if (running_ == nullptr) return input_error("nothing waits for a start");
  const std::int64_t now = clock_now();
  if (at > now + kFarthestStart || at < now - kFarthestStart)
    return input_error("the start is not near this host's time", fmt::format("{} ns", at),
                       fmt::format("now is {}, at most 10 s away", now));
  const std::scoped_lock inner(running_->mutex);
  running_->start_at = at;
  running_->changed.notify_all();
  return {};
}

void HostAgent::leave(const std::string& session) {
  const std::scoped_lock lock(mutex_);
  if (session != session_) return;
  if (running_ != nullptr) {
    const std::scoped_lock inner(running_->mutex);
    running_->stop = true;
    running_->changed.notify_all();
    return;
  }
  session_.clear();
  prepared_.clear();
}

}  // namespace weft::verbs
