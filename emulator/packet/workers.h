// Jobs in processes of their own, a few at a time, that report to this one. No ns-3 in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fabric/error.h"

namespace weft::packet {

// A worker's end of the line to its parent.
class ParentLine {
 public:
  explicit ParentLine(int socket) : socket_(socket) {}
  // Blocks until the parent has room for it. REQUIRES: text of at most kMaxText bytes.
  void send(char kind, std::string_view text) const;
  // The parent wants the worker to end, or is gone.
  [[nodiscard]] bool told_to_stop() const;

  static constexpr std::size_t kMaxText = 64U << 20;

 private:
  int socket_;
};

struct WorkerJobs {
  std::size_t count = 0;
  unsigned at_once = 1;
  // In the worker. What it sends last is its result; the process ends when it returns.
  std::function<void(std::size_t job, const ParentLine&)> work;
  // In the parent, from the thread that called run_workers.
  std::function<void(std::size_t job, char kind, std::string text)> received;
  std::function<void(std::size_t job, const std::string& how)> ended;  // "" by itself, or "by signal 9 (Killed)"
  // Asked 20 times a second: workers are told to stop, and no new ones are started.
  std::function<bool()> stop;
};

// Returns when no worker is left. Workers that do not stop within 0.3 s of being told are killed.
// Errors: kEnvironment where a process cannot be made.
[[nodiscard]] Expected<void> run_workers(const WorkerJobs& jobs);

}  // namespace weft::packet
