// Internal: groups whose members form equal runs of scale-up domains, and the rings across those domains.
#pragma once

#include "fabric/collectives/layout.h"

namespace weft::collectives {

// p places in each of N domains; member (domain d, place j) is at layout position d p + j. Each place has R rings or
// trees across the domains, one for each NIC of a GPU; place and ring together are channel j R + r.
// Shard j of the message is what place j carries across.
struct Domains {
  LayoutPtr layout;
  std::uint32_t places = 1, count = 1, rings = 1;

  [[nodiscard]] std::uint32_t channels() const { return places * rings; }
  [[nodiscard]] Rank rank(std::uint32_t group, std::uint32_t domain, std::uint32_t place) const {
    return layout->rank_at(group, domain * places + place);
  }
};

// Error where the domains hold unequal parts of a group.
[[nodiscard]] Expected<Domains> equal_domains(const Build& build);

// Where the chunks of a shard lie in the buffer: chunk_of(group, channel, domain).
enum class ChunkOrder : std::uint8_t {
  kByChannel,  // channel N + domain: a shard is contiguous (all_reduce)
  kByMember,   // member R + ring: a member's result is contiguous (all_gather, reduce_scatter)
};
[[nodiscard]] inline std::uint64_t chunk_of(const Domains& domains, ChunkOrder order, std::uint32_t group,
                                            std::uint32_t channel, std::uint32_t domain) {
  if (order == ChunkOrder::kByChannel) return std::uint64_t{channel} * domains.count + domain;
  const std::uint32_t place = channel / domains.rings;
  return std::uint64_t{domains.layout->member_at(group, domain * domains.places + place)} * domains.rings +
         channel % domains.rings;
}

// The ring of each channel across the domains, rail by rail: `reducing` steps of reduce-scatter, then `gathering` of
// all-gather; each 0 or N-1. Afterwards (reducing only) domain d holds the sum of its own chunk.
[[nodiscard]] Phase rings_across(const Domains& domains, ChunkOrder order, Bytes chunk, std::uint32_t reducing,
                                 std::uint32_t gathering);

constexpr std::uint32_t kOverlapGroup = 1;
constexpr std::uint32_t kStageScaleUp = 0, kStageScaleOut = 1, kStageScaleUpDown = 2;

}  // namespace weft::collectives
