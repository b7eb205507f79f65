// One rank's part of a collective at all its sizes: checked once, then timed.
#pragma once

#include <atomic>
#include <functional>

#include "fabric/measurement.h"
#include "verbs/collective/spec.h"

namespace weft::verbs {

// Bytes that a rank needs for the largest of its sizes. Errors: kInput: an algorithm that these ranks cannot run.
[[nodiscard]] Expected<std::size_t> memory_of(const CollectiveSpec& spec);

// A point a size: `time` of one operation, counters `wrong` (elements), `count` (elements), `bytes_sent`. Errors of the
// mesh end it; points until then were told.
[[nodiscard]] Expected<void> run_collective(const CollectiveSpec& spec, Mesh& mesh, std::span<std::byte> memory,
                                            const std::function<void(const TrafficPoint&)>& on_point,
                                            const std::atomic<bool>& stop);

// All ranks have come here. log2(ranks) messages of 4 B each way.
[[nodiscard]] Expected<void> barrier(std::uint32_t rank, std::uint32_t ranks, Mesh& mesh, std::span<std::byte> memory);

}  // namespace weft::verbs
