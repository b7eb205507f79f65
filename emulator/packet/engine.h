// PacketBackend: collectives packet by packet, on ns-3. Nothing of ns-3 is seen here.
#pragma once

#include <cstdint>

#include "fabric/backend.h"

namespace weft {

struct PacketOptions {
  // Pipelined messages (trees, overlap groups) are cut into slices of this size; 0: into 64, of whole packets.
  Bytes pipeline_chunk{0};
  // > 0: of a phase that repeats its pattern, like a ring, only this many steps. The time is that of those steps, and
  // a note says so.
  std::uint64_t steps_limit = 0;
  std::uint64_t max_edges = 20'000'000;
};

class PacketBackend final : public Backend {
 public:
  explicit PacketBackend(PacketOptions options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "packet"; }
  // A simulation for each size. Several run as processes of their own, options.threads at a time, since ns-3 has one
  // simulator in a process; no result depends on it. One size runs in this process, where one run at a time may be.
  // A cancelled run keeps the sizes that are done; a note tells how far each other got. Errors: kInput for a pair
  // without a path, a QP whose retries are used up, a PFC deadlock, more than the engine's limits; kEnvironment for
  // want of memory or a worker that dies.
  [[nodiscard]] Expected<Measurement> run(const Topology& topology, const ScheduleFactory& schedule,
                                          const std::vector<Bytes>& sizes, const RunOptions& options) override;

 private:
  PacketOptions options_;
};

}  // namespace weft
