// Who this process is when mpirun or srun started it: rank and size from their environment variables.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "fabric/error.h"

namespace weft::verbs {

struct Launch {
  std::string by;  // the launcher, for messages: "Open MPI"
  std::uint32_t rank = 0, size = 1;
  std::optional<std::uint32_t> local_rank;  // among those of this host
};

constexpr std::uint32_t kMostRanks = 65536;

// std::getenv, or a test's own.
using Environment = std::function<const char*(const char* name)>;

// Nullopt: started by hand or over ssh. Open MPI's own variables win, for its mpirun in a SLURM allocation inherits
// those of SLURM; a batch script's are none of a step and do not count. Errors: kInput: no number, rank >= size, one of
// two.
[[nodiscard]] Expected<std::optional<Launch>> launch_from(const Environment& environment);

}  // namespace weft::verbs
