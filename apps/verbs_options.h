// The options of `weft verbs bw` and `lat`: words to a plan.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/print_traffic.h"
#include "verbs/pair.h"

namespace weft {

struct PairCommand {
  bool latency = false;
  std::string peer;
  bool listen = false;
  verbs::LocalChoice choice;
  // As written; to_plan() reads them.
  std::string op = "write", transport = "RC", sizes, duration, rate_limit;
  verbs::PairPlan plan;
  unsigned dscp = 0;
  bool until_interrupted = false;
  int inline_size = -1;  // -1: perftest's choice
  // Results.
  std::string unit = "gbits", json, csv;
  double min_gbits = 0, max_usec = 0;
  std::string percentile = "99";
  bool quiet = false;
  std::vector<CLI::Option*> of_the_caller;  // options that the listener takes from the caller's plan
};

// The parts of which commands take what they need.
void add_plan_options(CLI::App& command, PairCommand& options);
void add_local_options(CLI::App& command, PairCommand& options);
void add_result_options(CLI::App& command, PairCommand& options);
void add_pair_options(CLI::App& command, PairCommand& options);
// Errors: kInput.
[[nodiscard]] Expected<verbs::PairPlan> to_plan(const PairCommand& options);
// What the point misses of the thresholds, a sentence each.
[[nodiscard]] std::vector<std::string> missed(const PairCommand& options, const TrafficPoint& point);

}  // namespace weft
