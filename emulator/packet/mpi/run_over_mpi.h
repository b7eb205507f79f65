// One packet run over the processes that mpirun has started. Its header shows nothing of ns-3 or MPI.
#pragma once

#include <cstdint>
#include <string>

#include "fabric/error.h"
#include "fabric/schedule.h"
#include "fabric/topology.h"

namespace weft {

// MPI from here to the end of its life, which is once in a process.
class MpiProcess {
 public:
  MpiProcess(int* argc, char*** argv);
  ~MpiProcess();
  MpiProcess(const MpiProcess&) = delete;
  MpiProcess& operator=(const MpiProcess&) = delete;

  [[nodiscard]] std::uint32_t rank() const { return rank_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  std::uint32_t rank_ = 0, size_ = 1;
};

struct MpiRun {
  // What was measured: the same text for any number of processes. Empty but in process 0.
  std::string summary;
  // How fast, which differs from run to run. Empty but in process 0.
  std::string speed;
};

// Every process calls it with the same arguments. With one process there is no MPI in the run. The run goes until
// nothing is left to happen. Errors: those of Partition::by_pod, Simulation::create and FlowRun::start, in every
// process alike. Once in a process.
[[nodiscard]] Expected<MpiRun> run_over_mpi(const MpiProcess& process, const Topology& topology,
                                            const Schedule& schedule, std::uint64_t seed);

}  // namespace weft
