#include "verbs/collective/runner.h"

#include <algorithm>
#include <chrono>

namespace weft::verbs {
namespace {

constexpr std::size_t kBarrierBytes = 64, kBarrierMessage = 4;  // before all else in the memory

Expected<TrafficPoint> run_size(const CollectiveSpec& spec, std::uint64_t size, Mesh& mesh, std::span<std::byte> memory,
                                const std::atomic<bool>& stop) {
  const auto schedule = schedule_of(spec, size);
  if (!schedule) return tl::unexpected(schedule.error());
  const std::uint64_t element = size_of(spec.reduction.type);
  const std::uint64_t count = movable_count(*schedule, size / element);
  const auto program = compile(*schedule, spec.rank, count);
  if (!program) return tl::unexpected(program.error());
  const auto data = memory.subspan(kBarrierBytes);

  fill(*schedule, spec.rank, count, spec.reduction, spec.root, data);
  if (auto met = barrier(spec.rank, spec.ranks, mesh, memory); !met) return tl::unexpected(met.error());
  if (auto done = execute(*program, spec.reduction, data, mesh); !done) return tl::unexpected(done.error());
  const std::uint64_t wrong = count_wrong(*schedule, spec.rank, count, spec.reduction, spec.root, data);

  std::chrono::steady_clock::time_point begin;
  for (std::uint32_t i = 0; i < spec.warm_up + spec.iterations; ++i) {
    if (stop) return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    if (i == spec.warm_up) {
      if (auto met = barrier(spec.rank, spec.ranks, mesh, memory); !met) return tl::unexpected(met.error());
      begin = std::chrono::steady_clock::now();
    }
    if (auto done = execute(*program, spec.reduction, data, mesh); !done) return tl::unexpected(done.error());
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  TrafficPoint point;
  point.operation = name_of(spec.kind);
  point.transport = schedule->algorithm;
  point.size = Bytes{static_cast<std::int64_t>(count * element)};
  point.messages = spec.iterations;
  point.time = Duration::from_seconds(taken.count() / spec.iterations);
  point.counters = {{"wrong", static_cast<double>(wrong)},
                    {"count", static_cast<double>(count)},
                    {"bytes_sent", static_cast<double>(program->sent * element)}};
  return point;
}

}  // namespace

Expected<void> barrier(std::uint32_t rank, std::uint32_t ranks, Mesh& mesh, std::span<std::byte> memory) {
  for (std::uint32_t by = 1; by < ranks; by *= 2) {
    const Mesh::Send out{(rank + by) % ranks, memory.first(kBarrierMessage)};
    const Mesh::Receive in{(rank + ranks - by) % ranks, memory.subspan(kBarrierMessage, kBarrierMessage)};
    if (auto done = mesh.exchange({&out, 1}, {&in, 1}); !done) return done;
  }
  return {};
}

Expected<std::size_t> memory_of(const CollectiveSpec& spec) {
  std::uint64_t most = 0;
  for (const std::uint64_t size : spec.sizes) {
    const auto schedule = schedule_of(spec, size);
    if (!schedule) return tl::unexpected(schedule.error());
    const auto program = compile(*schedule, spec.rank, movable_count(*schedule, size / size_of(spec.reduction.type)));
    if (!program) return tl::unexpected(program.error());
    most = std::max(most, program->memory());
  }
  return kBarrierBytes + most * size_of(spec.reduction.type);
}

Expected<void> run_collective(const CollectiveSpec& spec, Mesh& mesh, std::span<std::byte> memory,
                              const std::function<void(const TrafficPoint&)>& on_point, const std::atomic<bool>& stop) {
  for (const std::uint64_t size : spec.sizes) {
    const auto point = run_size(spec, size, mesh, memory, stop);
    if (!point) return tl::unexpected(point.error());
    on_point(*point);
  }
  return {};
}

}  // namespace weft::verbs
