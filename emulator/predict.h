// predict: a topology, a collective and message sizes in; a Measurement out, by the backend asked for.
#pragma once

#include <string>
#include <vector>

#include "emulator/calibration.h"
#include "fabric/backend.h"
#include "fabric/collectives/collectives.h"

namespace weft {

enum class BackendKind : std::uint8_t { kAnalytic, kFluid, kPacket };

struct PredictRequest {
  CollectiveRequest collective;  // its size is set for each of `sizes`; algorithm "": the tuner's choice
  Mapping mapping;               // ranks to GPUs
  std::vector<Bytes> sizes;
  BackendKind backend = BackendKind::kFluid;
  Constants constants = Constants::ideal();
  double batch_epsilon = -1;      // fluid; below 0: exact up to kExactTransfers, then kBatchEpsilon
  std::uint64_t steps_limit = 0;  // packet; > 0: of a ring only this many steps
  std::uint32_t verify = 0;       // fluid; > 0: so many contended and random components go through the packet engine
};

// Steps with more transfers than this take finishes within kBatchEpsilon of the time together, unless asked otherwise.
inline constexpr std::uint64_t kExactTransfers = 20'000;
inline constexpr double kBatchEpsilon = 0.02;

// Errors: kInput for a request that does not fit the fabric; kInterrupted when cancelled before the first result;
// kEnvironment for a backend that this build has not.
[[nodiscard]] Expected<Measurement> predict(const Topology& topology, const PredictRequest& request,
                                            const RunOptions& options);

// What the algorithms need to know of the machine.
[[nodiscard]] Shape shape_of(const FabricSpec& spec);

// "8,64K,1G" (a list) or "8:16G:x4" (from : to : factor) or "1M:4M:+1M" (from : to : step); K, M, G, T binary as in
// nccl-tests; at most 1,000 sizes. Errors: kInput with the part that is wrong.
[[nodiscard]] Expected<std::vector<Bytes>> parse_sizes(const std::string& text);

[[nodiscard]] Expected<CollectiveKind> parse_collective(const std::string& text);

}  // namespace weft
