#include "fabric/schedule.h"

namespace weft {

// doc/PERFORMANCE.md of nccl-tests.
double bus_bandwidth_factor(CollectiveKind kind, std::uint32_t ranks) {
  WEFT_CHECK(ranks >= 1);
  const double n = ranks;
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return 2 * (n - 1) / n;
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kAllToAll:
      return (n - 1) / n;
    default:
      return 1;
  }
}

std::string_view name_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all_reduce";
    case CollectiveKind::kAllGather:
      return "all_gather";
    case CollectiveKind::kReduceScatter:
      return "reduce_scatter";
    case CollectiveKind::kAllToAll:
      return "all_to_all";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kSendRecv:
      return "sendrecv";
    case CollectiveKind::kPermutation:
      return "permutation";
    case CollectiveKind::kShift:
      return "shift";
    case CollectiveKind::kIncast:
      return "incast";
    case CollectiveKind::kBisection:
      return "bisection";
  }
  return "unknown";
}

}  // namespace weft
