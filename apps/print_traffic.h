// Measured traffic as tables for people and CSV for programs: perftest's columns.
#pragma once

#include <string>

#include "fabric/measurement.h"

namespace weft {

enum class TrafficUnit { kGbits, kMib };  // Gb/s = 1e9 bits/s, MiB/s = 2^20 B/s

struct TrafficTable {
  bool latency = false;
  TrafficUnit unit = TrafficUnit::kGbits;
  bool csv = false;
};

// One line each, with its end.
[[nodiscard]] std::string traffic_header(const TrafficTable& table);
[[nodiscard]] std::string traffic_row(const TrafficTable& table, const TrafficPoint& point);

}  // namespace weft
