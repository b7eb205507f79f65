// Distinct index types. 32 bits: a million GPUs have about eight million directed links.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace weft {

template <typename Tag>
struct Id {
  std::uint32_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(std::uint32_t v) : value(v) {}
  constexpr auto operator<=>(const Id&) const = default;
};

using GpuId = Id<struct GpuTag>;
using HostId = Id<struct HostTag>;
using PortId = Id<struct PortTag>;      // a NIC port; see Topology for the numbering
using SwitchId = Id<struct SwitchTag>;  // over all tiers and planes
using LinkId = Id<struct LinkTag>;      // a directed link; LinkId ^ 1 is its other direction
using Rank = Id<struct RankTag>;
using FlowId = Id<struct FlowTag>;

}  // namespace weft

template <typename Tag>
struct std::hash<weft::Id<Tag>> {
  std::size_t operator()(weft::Id<Tag> id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
