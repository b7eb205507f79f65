#include "verbs/collective/host_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "verbs/collective/host_mesh.h"
#include "verbs/collective/host_talk.h"
#include "verbs/collective/runner.h"

namespace weft::verbs {
namespace {

constexpr std::chrono::seconds kCopyPatience{20};

class HostRun {
 public:
  HostRun(const HostRanksRequest& request, const std::atomic<bool>& outside)
      : request_(request),
        outside_(outside),
        talk_(request, outside),
        inside_(request.scale_up_gbits, kCopyPatience, &stop_),
        meshes_(request.ranks_here) {}

  HostTalk& talk() { return talk_; }

  // All ranks of all hosts are joined.
  Expected<void> join() {
    for (std::uint32_t i = 0; i < request_.ranks_here; ++i) {
      const auto& [address, port] = request_.hosts[request_.host];
      auto listener = Listener::listening(address, static_cast<std::uint16_t>(port + 1 + i));
      if (!listener) return tl::unexpected(listener.error());
      listeners_.push_back(std::move(*listener));
    }
    if (auto met = talk_.meet(); !met) return met;
    return on_all_ranks([&](std::uint32_t i) { return join_one(i); });
  }

  // Host 0: what all ranks measured.
  Expected<std::pair<Operation, std::uint64_t>> run(std::uint64_t size) {
    HostReport mine;
    std::mutex mutex;
    auto done = on_all_ranks([&](std::uint32_t i) {
      CollectiveSpec spec = spec_of(i);
      spec.sizes = {size};
      return run_collective(
          spec, *meshes_[i], meshes_[i]->memory(),
          [&](const TrafficPoint& point) {
            const std::scoped_lock lock(mutex);
            mine.time = std::max(mine.time, point.time);
            mine.size = point.size;
            mine.algorithm = point.transport;
            mine.wrong += point.counters.at("wrong");
          },
          stop_);
    });
    if (!done) return tl::unexpected(done.error());
    if (request_.host != 0) {
      if (auto told = talk_.tell(mine); !told) return tl::unexpected(told.error());
      return {};
    }
    const auto others = talk_.reports();
    if (!others) return tl::unexpected(others.error());
    for (const HostReport& other : *others) {
      mine.time = std::max(mine.time, other.time);
      mine.wrong += other.wrong;
    }
    Operation operation;
    operation.size = mine.size;
    operation.time = mine.time;
    operation.algorithm = mine.algorithm;
    operation.algbw = static_cast<double>(mine.size.count) / std::max(mine.time.seconds(), 1e-12) / 1e9;
    operation.busbw = operation.algbw * bus_bandwidth_factor(request_.spec.kind, request_.spec.ranks);
    return std::pair(std::move(operation), static_cast<std::uint64_t>(mine.wrong));
  }

 private:
  [[nodiscard]] CollectiveSpec spec_of(std::uint32_t i) const {
    CollectiveSpec spec = request_.spec;
    spec.rank = request_.host * request_.ranks_here + i;
    return spec;
  }

  Expected<void> join_one(std::uint32_t i) {
    const CollectiveSpec spec = spec_of(i);
    const auto bytes = memory_of(spec);
    if (!bytes) return tl::unexpected(bytes.error());
    std::unique_ptr<JoinedMesh> outside;
    if (request_.hosts.size() > 1 || !request_.copies) {
      MeshNeighbours neighbours;
      for (std::uint32_t rank = 0; rank < spec.ranks; ++rank) {
        const auto& [address, port] = request_.hosts[rank / request_.ranks_here];
        const auto at = static_cast<std::uint16_t>(port + 1 + rank % request_.ranks_here);
        if (rank < spec.rank) neighbours.calls.emplace_back(address, at);
        if (rank > spec.rank) neighbours.awaits.push_back(&listeners_[i]);
      }
      LocalChoice choice;
      choice.bind = request_.hosts[request_.host].first;
      choice.gid_index = request_.gid_index;
      if (!request_.devices.empty()) choice.device = request_.devices[i % request_.devices.size()];
      auto joined = request_.tcp ? join_by_tcp(spec, neighbours, *bytes, stop_)
                                 : join_by_verbs(spec, neighbours, choice, *bytes, stop_);
      if (!joined) return tl::unexpected(joined.error());
      outside = std::move(*joined);
    }
    if (request_.copies)
      meshes_[i] = std::make_unique<HostMesh>(std::move(outside), *bytes, inside_, spec.rank,
                                              request_.host * request_.ranks_here, request_.ranks_here);
    else
      meshes_[i] = std::move(outside);
    return meshes_[i]->connect();
  }

  // A thread each; meanwhile other hosts are heard, for one that gives up ends all. The cause's error, not those of
  // ranks that were stopped because of it.
  Expected<void> on_all_ranks(const std::function<Expected<void>(std::uint32_t)>& work) {
    std::optional<Error> cause;
    bool was_told = false;
    std::mutex mutex;
    std::uint32_t left = request_.ranks_here;
    const auto fail = [&](const Error& error) {  // under the lock
      if (!cause || cause->code == ErrorCode::kInterrupted) cause = error;
      stop_ = true;
    };
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < request_.ranks_here; ++i)
      threads.emplace_back([&, i] {
        const auto done = work(i);
        const std::scoped_lock lock(mutex);
        if (!done) fail(done.error());
        --left;
      });
    while (true) {
      {
        const std::scoped_lock lock(mutex);
        if (left == 0) break;
        if (outside_ && !stop_) fail({ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
        if (!stop_)
          if (auto heard = talk_.hear(); !heard) {
            was_told = true;
            fail(heard.error());
          }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    threads.clear();
    // A message that fails may be the first that is seen of a host that died: who, says the control connection.
    if (cause && cause->code == ErrorCode::kEnvironment && !was_told)
      for (int i = 0; i < 100; ++i) {
        if (auto heard = talk_.hear(); !heard) return heard;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    if (cause) return tl::unexpected(*cause);
    return {};
  }

  const HostRanksRequest& request_;
  const std::atomic<bool>& outside_;
  std::atomic<bool> stop_ = false;
  HostTalk talk_;
  MemorySwitch inside_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<JoinedMesh>> meshes_;
};

}  // namespace

HostRanksResult run_host_ranks(const HostRanksRequest& request,
                               const std::function<void(const Operation&)>& on_operation,
                               const std::atomic<bool>& stop) {
  HostRanksResult result;
  HostRun run(request, stop);
  const auto all = [&]() -> Expected<void> {
    if (auto joined = run.join(); !joined) return joined;
    for (const std::uint64_t size : request.spec.sizes) {
      auto done = run.run(size);
      if (!done) return tl::unexpected(done.error());
      if (request.host != 0) continue;
      on_operation(done->first);
      result.operations.push_back(std::move(done->first));
      result.wrong.push_back(done->second);
    }
    return request.host == 0 ? Expected<void>() : run.talk().wait_for_end();
  };
  if (const auto done = all(); !done) result.error = done.error();
  if (request.host == 0 || result.error) run.talk().end(result.error);
  return result;
}

}  // namespace weft::verbs
