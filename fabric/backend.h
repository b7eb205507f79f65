// Backend: the one interface that every engine has.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/error.h"
#include "fabric/measurement.h"
#include "fabric/schedule.h"
#include "fabric/topology.h"

namespace weft {

// `done` of `total` units of work; called from one thread at most ten times a second.
using Progress = std::function<void(std::string_view what, double done, double total)>;

struct RunOptions {
  std::uint64_t seed = 1;
  unsigned threads = 0;                          // 0: all cores. The result does not depend on it
  Progress progress;                             // may be empty
  const std::atomic<bool>* cancelled = nullptr;  // polled; a cancelled run returns kInterrupted or what it has
  // Called before a long stretch of work with the sizes that are done; may be empty.
  std::function<void(const Measurement&)> so_far;
  bool explain = false;  // fill per-phase detail and more hot links
};

// Makes the schedule of one message size by the named algorithm; "" is the tuner's choice for that size.
// Schedules of one algorithm differ only in bytes.
using ScheduleFactory = std::function<Expected<Schedule>(Bytes size, const std::string& algorithm)>;

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // One Measurement for all sizes. Errors: kInput where the schedule cannot run on this topology
  // (disconnected pair), kInterrupted when cancelled before the first size was done.
  [[nodiscard]] virtual Expected<Measurement> run(const Topology& topology, const ScheduleFactory& schedule,
                                                  const std::vector<Bytes>& sizes, const RunOptions& options) = 0;
};

}  // namespace weft
