// What `weft dpdk send`, `receive` and `loop` print for people.
#pragma once

#include <string>

#include "dpdk/traffic.h"
#include "fabric/measurement.h"

namespace weft {

// A line a second of what goes on, each against the one before.
class LiveTable {
 public:
  // With its head line when it is the first, or the 20th since.
  [[nodiscard]] std::string line(const dpdk::TrafficSnapshot& now);

 private:
  dpdk::TrafficSnapshot last_;
  unsigned lines_ = 0;
};

[[nodiscard]] std::string traffic_text(const Measurement& measurement, const dpdk::TrafficResult& result);

}  // namespace weft
