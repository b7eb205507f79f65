#include "emulator/congestion_efficiency.h"

#include <array>

namespace weft {
namespace {

struct Row {
  CongestionControl control;
  double ring, domain_ring, pair, many;                                  // one path a QP
  double sprayed_ring, sprayed_domain_ring, sprayed_pair, sprayed_many;  // a path a packet
};

// Printed by scripts/agreement --fit; nothing here is set by hand.
constexpr std::array kRows{
    Row{CongestionControl::kDcqcn, 0.998, 1.000, 0.981, 0.986, 0.969, 0.969, 0.969, 0.969},
    Row{CongestionControl::kNone, 0.998, 0.998, 0.998, 0.998, 0.998, 0.998, 0.998, 0.998},
    Row{CongestionControl::kDctcp, 0.996, 0.998, 0.998, 0.990, 0.997, 0.997, 0.997, 0.997},
    Row{CongestionControl::kNscc, 0.954, 0.947, 0.996, 0.995, 0.945, 0.964, 0.986, 0.971},
    Row{CongestionControl::kSwift, 0.979, 0.980, 0.994, 0.962, 0.980, 0.980, 0.980, 0.980},
    Row{CongestionControl::kHpcc, 0.830, 0.907, 0.929, 0.971, 0.927, 0.927, 0.927, 0.927},
};

}  // namespace

TrafficClass traffic_class(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kBroadcast:
      return TrafficClass::kRing;
    case CollectiveKind::kAllToAll:
      return TrafficClass::kMany;
    default:
      return TrafficClass::kPair;
  }
}

double congestion_efficiency(const FabricSpec& spec, TrafficClass traffic) {
  const bool sprayed = spec.routing.kind == RoutingKind::kSpray;
  for (const Row& row : kRows) {
    if (row.control != spec.transport.congestion_control) continue;
    switch (traffic) {
      case TrafficClass::kRing:
        if (spec.hosts.scale_up.domain_gpus > 1) return sprayed ? row.sprayed_domain_ring : row.domain_ring;
        return sprayed ? row.sprayed_ring : row.ring;
      case TrafficClass::kPair:
        return sprayed ? row.sprayed_pair : row.pair;
      case TrafficClass::kMany:
        return sprayed ? row.sprayed_many : row.many;
    }
  }
  return 1;  // no scenario of its own
}

}  // namespace weft
