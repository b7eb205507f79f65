#include "verbs/hosts/round_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weft::verbs {
namespace {

constexpr int kClockQuestions = 8;
constexpr std::chrono::milliseconds kTick{100};

}  // namespace

void for_all(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
}

RoundRun::RoundRun(const ClusterRequest& request, std::vector<Party>& parties, const std::vector<HostFlow>& flows,
                   const std::atomic<bool>& stop)
    : request_(request), parties_(parties), stop_(stop) {
  for (const HostFlow& hosts : flows) {
    Flow flow;
    flow.hosts = hosts;
    for (const std::uint32_t host : {hosts.from, hosts.to})
      if (parties[host].dead && !flow.error)
        flow.error = Error{
            ErrorCode::kEnvironment, fmt::format("not measured, {} is gone", parties[host].host.name), {}, {}, {}};
    flows_.push_back(std::move(flow));
  }
}

void RoundRun::prepare() {
  for (std::uint32_t id = 0; id < flows_.size(); ++id) {
    if (flows_[id].error) continue;
    hosts_[flows_[id].hosts.from].calls.push_back(id);
    hosts_[flows_[id].hosts.to].awaits.push_back(id);
  }
  std::vector<std::uint32_t> involved;
  for (const auto& [host, state] : hosts_) involved.push_back(host);
  for_all(involved.size(), [&](std::size_t i) {
    Party& party = parties_[involved[i]];
    const auto& awaits = hosts_.at(involved[i]).awaits;
    const auto clock = party.link->clock(kClockQuestions, request_.answer);
    if (!clock) {
      party.dead = clock.error();
      return;
    }
    party.clock = *clock;
    if (!party.first_clock) party.first_clock = *clock;
    const auto ports = party.link->prepare(awaits, request_.answer);
    if (!ports) {
      party.dead = ports.error();
      return;
    }
    for (std::size_t k = 0; k < awaits.size(); ++k) flows_[awaits[k]].port = (*ports)[k];
  });
  // Flows of hosts that died just now; those prepared on others for them are forgotten at the next prepare.
  for (Flow& flow : flows_) {
    if (flow.error) continue;
    for (const std::uint32_t host : {flow.hosts.from, flow.hosts.to})
      if (parties_[host].dead)
        flow.error = Error{
            ErrorCode::kEnvironment, fmt::format("not measured, {} is gone", parties_[host].host.name), {}, {}, {}};
  }
  for (auto& [host, state] : hosts_) {
    const auto failed = [&](std::uint32_t id) { return flows_[id].error.has_value(); };
    std::erase_if(state.calls, failed);
    std::erase_if(state.awaits, failed);
    state.over = parties_[host].dead || (state.calls.empty() && state.awaits.empty());
    state.ready = state.calls.empty() && !request_.collective;
  }
}

void RoundRun::hear(std::uint32_t host, FlowEvent event, const OnClusterPoint& on_point) {
  const std::scoped_lock lock(mutex_);
  HostState& state = hosts_.at(host);
  const auto is_in = [&](const std::vector<std::uint32_t>& list) { return std::ranges::count(list, event.flow) > 0; };
  const std::string name = parties_[host].host.name;
  switch (event.kind) {
    case FlowEvent::Kind::kAlive:
      return;
    case FlowEvent::Kind::kReady:
      state.ready = true;
      break;
    case FlowEvent::Kind::kPoint: {
      if (request_.collective) {
        if (rank_points_[host].size() >= request_.collective->sizes.size()) return;
        event.point->from = name;
        rank_points_[host].push_back(*event.point);
        if (host == 0) on_point(*event.point);
        break;
      }
      if (!is_in(state.calls)) return;
      Flow& flow = flows_[event.flow];
      event.point->from = name;
      event.point->to = parties_[flow.hosts.to].host.name;
      flow.points.push_back(*event.point);
      on_point(flow.points.back());
      break;
    }
    case FlowEvent::Kind::kEnded: {
      const bool caller = is_in(state.calls);
      if (!caller && !is_in(state.awaits)) return;
      Flow& flow = flows_[event.flow];
      // Of pairs the caller knows more; ranks of a collective fail one after the other, and the first is the cause.
      if (event.error && (!flow.error || (caller && !request_.collective))) {
        flow.error = std::move(event.error);
        if (flow.failed_as == 0) flow.failed_as = ++failures_;
      }
      if (caller) flow.ended = true;
      if (caller && event.started != 0) flow.started = event.started - parties_[host].clock->offset;
      for (const std::string& note : event.notes) {
        const std::string text = name + ": " + note;
        if (std::ranges::find(notes_, text) == notes_.end()) notes_.push_back(text);
      }
      break;
    }
  }
  changed_.notify_all();
}

void RoundRun::run_host(std::uint32_t host, const OnClusterPoint& on_point) {
  std::vector<FlowTask> tasks;
  for (const std::uint32_t id : hosts_.at(host).awaits) tasks.push_back({id, {}, 0});
  for (const std::uint32_t id : hosts_.at(host).calls) {
    const Party& peer = parties_[flows_[id].hosts.to];
    tasks.push_back({id, peer.info.data_address.empty() ? peer.host.address : peer.info.data_address, flows_[id].port});
  }
  std::optional<CollectiveSpec> collective = request_.collective;
  if (collective) collective->rank = host;
  const auto done = parties_[host].link->run(request_.plan, collective, tasks, request_.silence,
                                             [&](FlowEvent event) { hear(host, std::move(event), on_point); });
  const std::scoped_lock lock(mutex_);
  if (!done && !(stop_ && done.error().code == ErrorCode::kInterrupted)) {
    parties_[host].dead = done.error();
    for (const std::uint32_t id : hosts_.at(host).calls) {
      Flow& flow = flows_[id];
      if (!flow.ended && !flow.error)
        flow.error = Error{
            ErrorCode::kEnvironment, fmt::format("not finished, {} is gone", parties_[host].host.name), {}, {}, {}};
    }
  }
  hosts_.at(host).over = true;
  hosts_.at(host).ready = true;
  changed_.notify_all();
}

void RoundRun::await(std::chrono::milliseconds limit, const std::function<bool(const HostState&)>& done,
                     const OnDone& on_done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(mutex_);
  const auto all = [&] { return std::ranges::all_of(hosts_, [&](const auto& entry) { return done(entry.second); }); };
  while (!all() && !stop_ && std::chrono::steady_clock::now() < deadline) {
    changed_.wait_for(lock, kTick);
    on_done(static_cast<std::size_t>(std::ranges::count_if(flows_, [](const Flow& f) { return f.ended || f.error; })));
  }
}

void RoundRun::start() {
  std::vector<std::uint32_t> callers;
  std::vector<ClockOffset> clocks;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [host, state] : hosts_) {
      if (state.over || (state.calls.empty() && !request_.collective)) continue;
      if (!state.ready)
        notes_.push_back(
            fmt::format("{} had not connected all its flows when the round began", parties_[host].host.name));
      callers.push_back(host);
      clocks.push_back(*parties_[host].clock);
    }
  }
  const auto margin = std::chrono::duration_cast<std::chrono::nanoseconds>(request_.margin).count();
  // Sending the order takes its time too: a thread each, 0.2 ms.
  const std::int64_t orders = static_cast<std::int64_t>(callers.size()) * 200'000;
  const std::int64_t at = common_start(clock_now(), clocks, margin + orders);
  for_all(callers.size(), [&](std::size_t i) {
    Party& party = parties_[callers[i]];
    // A host whose flows have all failed meanwhile refuses; its run says why.
    static_cast<void>(party.link->start(at + party.clock->offset, request_.answer));
  });
}

void RoundRun::finish(const OnDone& on_done) {
  const auto over = [](const HostState& state) { return state.over; };
  await(std::chrono::hours(24 * 30), over, on_done);
  if (!stop_) return;
  // Asked to end, agents still tell what they have; then they are cut off.
  std::vector<std::uint32_t> left;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [host, state] : hosts_)
      if (!state.over) left.push_back(host);
  }
  for_all(left.size(), [&](std::size_t i) { parties_[left[i]].link->leave(std::chrono::milliseconds(2000)); });
  std::unique_lock lock(mutex_);
  const auto all_over = [&] {
    return std::ranges::all_of(hosts_, [](const auto& entry) { return entry.second.over; });
  };
  changed_.wait_for(lock, std::chrono::seconds(3), all_over);
  lock.unlock();
  for (const std::uint32_t host : left) parties_[host].link->cancel();
}

void RoundRun::run(const OnClusterPoint& on_point, const OnDone& on_done) {
  prepare();
  std::vector<std::jthread> threads;
  for (const auto& [host, state] : hosts_)
    if (!state.over) threads.emplace_back([this, h = host, &on_point] { run_host(h, on_point); });
  await(
      request_.connect, [](const HostState& state) { return state.ready || state.over; }, on_done);
  if (!stop_) start();
  finish(on_done);
}

double RoundRun::start_spread_us() const {
  std::vector<std::int64_t> starts;
  for (const Flow& flow : flows_)
    if (flow.started) starts.push_back(*flow.started);
  if (starts.size() < 2) return 0;
  const auto [first, last] = std::ranges::minmax(starts);
  return static_cast<double>(static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)) / 1e3;
}

}  // namespace weft::verbs
