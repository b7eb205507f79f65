// Machines that the collectives' tests share.
#pragma once

#include "fabric/collectives/collectives.h"

namespace weft::testing {

inline Shape shape_of(std::uint32_t gpus, std::uint32_t gpus_per_host = 8, std::uint32_t domain_gpus = 8,
                      std::uint32_t nics = 8) {
  return Shape{gpus, gpus_per_host, domain_gpus, nics, nics, true};
}

inline Placement packed(std::uint32_t ranks) { return make_placement(Mapping{}, ranks, ranks).value(); }

inline CollectiveRequest request_of(CollectiveKind kind, std::string algorithm, std::int64_t size) {
  CollectiveRequest request;
  request.kind = kind;
  request.algorithm = std::move(algorithm);
  request.size = Bytes{size};
  return request;
}

// Packed ranks on hosts of `host` GPUs, each with its NIC and a scale-up domain of the host.
inline Expected<Schedule> schedule_of(CollectiveKind kind, std::string algorithm, std::uint32_t ranks,
                                      std::int64_t size, std::uint32_t host = 8) {
  return make_schedule(shape_of(ranks, host, host, host), packed(ranks), request_of(kind, std::move(algorithm), size));
}

}  // namespace weft::testing
