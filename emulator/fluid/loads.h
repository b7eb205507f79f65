// Loads: what each directed link carried, and what that says of the fabric.
#pragma once

#include <cstdint>
#include <vector>

#include "emulator/cost.h"
#include "emulator/fluid/flows.h"
#include "emulator/link_use.h"
#include "topologies/routing.h"

namespace weft {

// Share of a link's rate that payload of a phase may use, by LinkTier.
// What software and NICs leave unused shows at the host's own link; a switch's port fills up to the headers.
struct TierShares {
  double scale_up = 1, host = 1, fabric = 1;
  [[nodiscard]] double of(LinkTier tier) const {
    return tier == LinkTier::kScaleUp ? scale_up : tier == LinkTier::kHost ? host : fabric;
  }
  bool operator==(const TierShares&) const = default;
};

// Links that share a load evenly when hashing is perfect: all uplinks (or downlinks) of a leaf, of a block of
// leaves. Scale-up and host links are pools of one.
class LinkPools {
 public:
  explicit LinkPools(const Topology& topology);
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::uint32_t of(LinkId link) const;

 private:
  const Topology& topology_;
  std::uint32_t leaf_pools_ = 0, count_ = 0;
};

// Bits that crossed each directed link in one step of one phase. O(entries + links).
[[nodiscard]] std::vector<double> link_bits(const FlowSet& flows, const Router& router, std::uint32_t links);
// Transfers (single paths) that crossed each directed link; sprayed ones by their share.
[[nodiscard]] std::vector<double> link_flows(const FlowSet& flows, const Router& router, std::uint32_t links);

// Splits the time that the flows took (seconds) into its causes, from the drain times of the links that bits crossed.
// `tier` gets the name of the tier whose links drain last.
[[nodiscard]] DataTime explain_time(const Topology& topology, const LinkPools& pools, const std::vector<double>& bits,
                                    const TierShares& shares, double seconds, std::string& tier);

}  // namespace weft
