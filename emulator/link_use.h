// Link use: what the links of a finished run say of the fabric. Shared by the backends that route.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fabric/measurement.h"
#include "fabric/topology.h"

namespace weft {

// Tier and direction of a link as one index, 2 * tier + down, and as a report calls it: "leaf-spine up".
inline constexpr std::size_t kLinkClasses = 8;
[[nodiscard]] std::size_t link_class(const Topology& topology, LinkId link);
[[nodiscard]] std::string link_class_name(std::size_t index);

// Per tier and direction, over live links. `seconds` of the whole operation.
[[nodiscard]] std::vector<TierUse> tier_uses(const Topology& topology, const std::vector<double>& bits, double seconds);
// The `count` links with the highest utilisation, ties by id.
[[nodiscard]] std::vector<HotLink> hottest_links(const Topology& topology, const std::vector<double>& bits,
                                                 const std::vector<double>& flows, double seconds, std::size_t count);
// Highest over fabric tiers of (flows on the fullest link / mean flows over the tier's links in use); 1 where no
// fabric link is used. IETF draft, AI fabric benchmarking: MMR.
[[nodiscard]] double max_mean_ratio(const Topology& topology, const std::vector<double>& flows);
// (sum x)^2 / (n sum x^2), Jain 1984; 1 for an empty list.
[[nodiscard]] double jain_index(const std::vector<double>& values);

}  // namespace weft
