// Ranks of one process, joined by copies in memory: for tests, and for ranks that share a host's scale-up domain.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "verbs/collective/executor.h"

namespace weft::verbs {

class MemorySwitch {
 public:
  // `gbits`: pace of each rank's way out; 0: as fast as memory copies. `stop` may be null.
  explicit MemorySwitch(double gbits = 0, std::chrono::milliseconds patience = std::chrono::seconds(30),
                        const std::atomic<bool>* stop = nullptr)
      : gbits_(gbits), patience_(patience), stop_(stop) {}
  // Takes a copy at once; at a set pace it can be had when it would have arrived.
  void put(std::uint32_t from, std::uint32_t to, std::span<const std::byte> bytes);
  // Errors: kEnvironment: nothing came in time, or of another length; kInterrupted after a stop.
  [[nodiscard]] Expected<void> get(std::uint32_t from, std::uint32_t to, std::span<std::byte> bytes);

 private:
  using Clock = std::chrono::steady_clock;
  struct Message {
    Clock::time_point arrives;
    std::vector<std::byte> bytes;
  };
  [[nodiscard]] bool stopped() const { return stop_ != nullptr && *stop_; }

  double gbits_;
  std::chrono::milliseconds patience_;
  const std::atomic<bool>* stop_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<Message>> boxes_;
  std::map<std::uint32_t, Clock::time_point> free_at_;
};

class MemoryMesh final : public Mesh {
 public:
  MemoryMesh(MemorySwitch& between, std::uint32_t rank) : between_(between), rank_(rank) {}
  [[nodiscard]] Expected<void> exchange(std::span<const Send> sends, std::span<const Receive> receives) override;

 private:
  MemorySwitch& between_;
  std::uint32_t rank_;
};

}  // namespace weft::verbs
