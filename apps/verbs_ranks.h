// weft verbs collective --peers: this host's ranks, without agents and coordinator.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "verbs/collective/host_ranks.h"

namespace weft {

struct RanksChoice {
  std::string peers;          // of all hosts; empty: not this way
  int host = -1;              // -1: as mpirun or srun say
  std::string devices;        // by commas
  std::string scale_up_rate;  // "", "0": as fast as memory; "none": over the NICs; else a rate
  int gid_index = -1;
  bool tcp = false;
};

void add_ranks_options(CLI::App& command, RanksChoice& choice);
// Ranks of all hosts. Errors: kInput.
[[nodiscard]] Expected<std::uint32_t> ranks_of(const RanksChoice& choice, std::uint32_t ranks_here);
[[nodiscard]] Expected<verbs::HostRanksRequest> to_request(const RanksChoice& choice, const verbs::CollectiveSpec& spec,
                                                           std::uint32_t ranks_here);

}  // namespace weft
