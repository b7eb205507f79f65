// The subcommands of `weft`: each adds its options to the parser and runs from them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace weft {

// Exit codes, docs/spec.md.
enum ExitCode : int {
  kGood = 0,
  kVerdictFailed = 1,
  kInputWrong = 2,
  kEnvironmentFailed = 3,
  kInterruptedBySignal = 130
};

// Sets `run` when its subcommand was chosen.
void add_predict(CLI::App& app, std::function<int()>& run);
void add_topo(CLI::App& app, std::function<int()>& run);
void add_verbs(CLI::App& app, std::function<int()>& run);  // where the RDMA libraries are there
// Where DPDK was found. `eal`: what follows `--` on the command line.
void add_dpdk(CLI::App& app, std::function<int()>& run, const std::vector<std::string>& eal);

}  // namespace weft
