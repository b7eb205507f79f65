#include "verbs/launch.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

namespace weft::verbs {
namespace {

struct Launcher {
  const char *name, *rank, *size, *local_rank;
};

// In the order in which one is inside the other. Open MPI: mpirun(1), "Exported Environment Variables". SLURM: srun(1),
// "Output environment variables"; SLURM_NTASKS would be there in a batch script as well. MPICH, Intel MPI: hydra's
// PMI-1. PMIx says no size in the environment, its launchers do.
constexpr std::array kLaunchers{
    Launcher{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    Launcher{"PMIx under SLURM", "PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"},
    Launcher{"PMIx", "PMIX_RANK", "PMIX_SIZE", "PMIX_LOCAL_RANK"},
    Launcher{"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
    Launcher{"SLURM", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"},
};

Expected<std::uint32_t> number(const char* name, std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMostRanks)
    return input_error(fmt::format("environment variable {} is no number of a rank", name), std::string(text),
                       fmt::format("0 to {}; or start the agent with --rank", kMostRanks));
  return value;
}

}  // namespace

Expected<std::optional<Launch>> launch_from(const Environment& environment) {
  for (const Launcher& launcher : kLaunchers) {
    const char* rank_text = environment(launcher.rank);
    const char* size_text = environment(launcher.size);
    if (rank_text == nullptr || size_text == nullptr) continue;
    const auto rank = number(launcher.rank, rank_text);
    if (!rank) return tl::unexpected(rank.error());
    const auto size = number(launcher.size, size_text);
    if (!size) return tl::unexpected(size.error());
    if (*rank >= *size)
      return input_error(fmt::format("{} is not below {}", launcher.rank, launcher.size),
                         fmt::format("{} of {}", *rank, *size), "start the agent with --rank");
    Launch launch{launcher.name, *rank, *size, {}};
    if (const char* local_text = environment(launcher.local_rank); local_text != nullptr) {
      const auto local = number(launcher.local_rank, local_text);
      if (!local) return tl::unexpected(local.error());
      launch.local_rank = *local;
    }
    return launch;
  }
  if (const char* rank = environment("PMIX_RANK"); rank != nullptr)
    return input_error("PMIX_RANK is set, and nothing says how many ranks there are", rank,
                       "start the agent with --rank");
  return std::nullopt;
}

}  // namespace weft::verbs
