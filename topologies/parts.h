// What a fabric is made of, what it costs, and how much bandwidth it holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabric/topology.h"

namespace weft {

struct PartLine {
  std::string part;                      // the key under `parts`: "leaf_switch", "leaf_spine_link"
  std::uint64_t count = 0;               // over all planes
  std::optional<double> dollars, watts;  // of all `count`; absent where the file gives no price
  std::string source;
};

struct TierBandwidth {
  LinkTier tier = LinkTier::kHost;
  std::uint64_t links = 0;  // cables
  Rate one_way{};           // sum over the tier, one direction, failures and degradations taken off
  std::optional<double>
      oversubscription;  // bandwidth down / up of the worst switch below this tier, as cabled; host: none
};

struct PartsList {
  std::vector<PartLine> lines;       // parts that the fabric has, lowest tier first
  std::vector<TierBandwidth> tiers;  // host, leaf_spine, spine_core: those that the fabric has
  double dollars = 0, watts = 0;     // of the priced lines
  bool all_priced = true;
  // One direction between two equal halves of the hosts: half of what the narrowest tier between them carries.
  // Full bisection is half of the host tier's bandwidth. Pods are whole in a half (of one pod only, its spines count).
  // Planes add up; rails that never join add up, each between its own halves.
  Rate bisection{}, full_bisection{};
};

[[nodiscard]] PartsList list_parts(const Topology& topology);

}  // namespace weft
