// The subcommands of `weft dpdk`, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace weft {

// What follows `--` on the command line: EAL's arguments.
using EalArguments = std::vector<std::string>;

// Each sets `run` when its subcommand was chosen. `eal` outlives the run.
void add_dpdk_ports(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);

void add_dpdk_send(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_receive(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_loop(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_respond(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);

void add_dpdk_trace(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_ecn(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_pfc(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);
void add_dpdk_ecmp(CLI::App& dpdk, std::function<int()>& run, const EalArguments& eal);

}  // namespace weft
