// Ranks of one process, joined by copies in memory: for tests, and for ranks that share a host's scale-up domain.
#pragma once

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
  // `gbits`: pace of each rank's way out; 0: as fast as memory copies.
  explicit MemorySwitch(double gbits = 0, std::chrono::milliseconds patience = std::chrono::seconds(30))
      : gbits_(gbits), patience_(patience) {}
  void put(std::uint32_t from, std::uint32_t to, std::span<const std::byte> bytes);
  // Errors: kEnvironment: nothing came in time, or of another length.
  [[nodiscard]] Expected<void> get(std::uint32_t from, std::uint32_t to, std::span<std::byte> bytes);

 private:
  using Clock = std::chrono::steady_clock;
  double gbits_;
  std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<std::vector<std::byte>>> boxes_;
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
