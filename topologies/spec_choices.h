// What the description of the fields is written in: a field, the limits of quantities, the words of each choice.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "fabric/spec.h"

namespace weft {

struct Field {
  std::string_view key;
  std::string_view doc;
  double minimum = 0, maximum = 0;  // of numbers; quantities have bounds by type
  bool required = false;
  std::string_view derived_default = {};  // in words, where the default depends on other fields
};

// Addresses are 10.0.0.0/8: 2^24 of them, one a port.
inline constexpr std::uint32_t kMaxEndpoints = 1U << 24;
inline constexpr std::uint32_t kMaxRadix = 4096;
inline constexpr Rate kMaxRate{1'000'000'000'000'000};       // 1 Pbps: ten times the largest switch of today
inline constexpr Bytes kMaxBuffer{1'000'000'000'000};        // 1 TB
inline constexpr Duration kMaxLatency{1'000'000'000'000};    // 1 s
inline constexpr std::int64_t kPicosecondsPerMetre = 5'000;  // light in fibre, index 1.5

template <typename E>
struct Choices;
template <>
struct Choices<TopologyKind> {
  static constexpr std::array kAll{
      std::pair{"fat_tree", TopologyKind::kFatTree},   std::pair{"rail_optimized", TopologyKind::kRailOptimized},
      std::pair{"rail_only", TopologyKind::kRailOnly}, std::pair{"multi_plane", TopologyKind::kMultiPlane},
      std::pair{"dual_tor", TopologyKind::kDualTor},   std::pair{"explicit", TopologyKind::kExplicit}};
};
template <>
struct Choices<RailJoin> {
  static constexpr std::array kAll{std::pair{"spine", RailJoin::kSpine}, std::pair{"core", RailJoin::kCore},
                                   std::pair{"never", RailJoin::kNever}};
};
template <>
struct Choices<PlaneSplit> {
  static constexpr std::array kAll{std::pair{"port", PlaneSplit::kPort}, std::pair{"nic", PlaneSplit::kNic}};
};
template <>
struct Choices<NodeKind> {  // the kinds a user names; the others follow from hosts
  static constexpr std::array kAll{std::pair{"leaf", NodeKind::kLeaf}, std::pair{"spine", NodeKind::kSpine},
                                   std::pair{"core", NodeKind::kCore}};
};
template <>
struct Choices<RoutingKind> {
  static constexpr std::array kAll{std::pair{"ecmp", RoutingKind::kEcmp}, std::pair{"spray", RoutingKind::kSpray},
                                   std::pair{"adaptive", RoutingKind::kAdaptive},
                                   std::pair{"static", RoutingKind::kStatic},
                                   std::pair{"flowlet", RoutingKind::kFlowlet}};
};
template <>
struct Choices<HashSeed> {
  static constexpr std::array kAll{std::pair{"per_switch", HashSeed::kPerSwitch},
                                   std::pair{"shared", HashSeed::kShared}};
};
template <>
struct Choices<CongestionControl> {
  static constexpr std::array kAll{
      std::pair{"dcqcn", CongestionControl::kDcqcn}, std::pair{"hpcc", CongestionControl::kHpcc},
      std::pair{"swift", CongestionControl::kSwift}, std::pair{"timely", CongestionControl::kTimely},
      std::pair{"dctcp", CongestionControl::kDctcp}, std::pair{"nscc", CongestionControl::kNscc},
      std::pair{"none", CongestionControl::kNone}};
};
template <>
struct Choices<TransportKind> {
  static constexpr std::array kAll{std::pair{"roce", TransportKind::kRoce},
                                   std::pair{"infiniband", TransportKind::kInfiniband},
                                   std::pair{"efa", TransportKind::kEfa}};
};
template <>
struct Choices<FailureTarget> {
  static constexpr std::array kAll{std::pair{"link", FailureTarget::kLink},
                                   std::pair{"switch", FailureTarget::kSwitch}};
};
template <>
struct Choices<LinkTier> {
  static constexpr std::array kAll{std::pair{"scale_up", LinkTier::kScaleUp}, std::pair{"host", LinkTier::kHost},
                                   std::pair{"leaf_spine", LinkTier::kLeafSpine},
                                   std::pair{"spine_core", LinkTier::kSpineCore}};
};

template <>
struct Choices<QueueScheduling> {
  static constexpr std::array kAll{std::pair{"strict", QueueScheduling::kStrict},
                                   std::pair{"dwrr", QueueScheduling::kDwrr}};
};
template <>
struct Choices<AdaptiveUnit> {
  static constexpr std::array kAll{std::pair{"flow", AdaptiveUnit::kFlow}, std::pair{"packet", AdaptiveUnit::kPacket}};
};
template <>
struct Choices<LossRecovery> {
  static constexpr std::array kAll{std::pair{"go_back_n", LossRecovery::kGoBackN},
                                   std::pair{"selective_repeat", LossRecovery::kSelectiveRepeat}};
};
template <>
struct Choices<CnpLimit> {
  static constexpr std::array kAll{std::pair{"qp", CnpLimit::kQp}, std::pair{"port", CnpLimit::kPort}};
};

template <typename E>
constexpr std::string_view choice_name(E value) {
  for (const auto& [name, choice] : Choices<E>::kAll)
    if (choice == value) return name;
  return "?";
}

}  // namespace weft
