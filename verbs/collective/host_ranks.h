// A collective without a coordinator: every host runs its own ranks, each on a thread and a NIC, and meets the others
// at host 0, which gathers what all have measured.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fabric/measurement.h"
#include "verbs/collective/join.h"

namespace weft::verbs {

struct HostRanksRequest {
  CollectiveSpec spec;  // the same on all hosts
  std::uint32_t host = 0, ranks_here = 1;
  // Where each host listens: at the port, and for its rank i at port + 1 + i.
  std::vector<std::pair<std::string, std::uint16_t>> hosts;
  std::vector<std::string> devices;  // rank i of a host takes device i, around; empty: chosen by the host's address
  int gid_index = -1;
  bool tcp = false;               // instead of RDMA
  bool copies = true;             // between ranks of a host in memory; false: over their NICs
  double scale_up_gbits = 0;      // pace of the copies; 0: as fast as memory
  Milliseconds patience{30'000};  // for all hosts to be there
};

struct HostRanksResult {
  // On host 0: a size each, of all ranks; `wrong` elements beside it.
  std::vector<Operation> operations;
  std::vector<std::uint64_t> wrong;
  std::optional<Error> error;  // names the host that ended it
};

[[nodiscard]] HostRanksResult run_host_ranks(const HostRanksRequest& request,
                                             const std::function<void(const Operation&)>& on_operation,
                                             const std::atomic<bool>& stop);

// "10.0.0.1:18800,10.0.0.2": the port where none is said is 18800. Errors: kInput.
[[nodiscard]] Expected<std::vector<std::pair<std::string, std::uint16_t>>> parse_peers(const std::string& text);

}  // namespace weft::verbs
