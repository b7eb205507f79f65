#include "fabric/collectives/collectives.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <span>

#include "fabric/collectives/layout.h"

namespace weft {
namespace {

using collectives::Build;

struct Algorithm {
  AlgorithmInfo info;
  Expected<Schedule> (*make)(const Build&);
};

constexpr Algorithm kAllReduce[] = {
    {{"ring", "rings through all ranks, one a NIC, rail-aligned"}, collectives::ring_all_reduce},
    {{"tree", "double binary trees across hosts, chains inside"}, collectives::tree_all_reduce},
    {{"hierarchical", "rings in the scale-up domain, then across, rail by rail"}, collectives::hierarchical_all_reduce},
    {{"nvls_ring", "the scale-up switch adds up, rings across"}, collectives::nvls_ring_all_reduce},
    {{"nvls_tree", "the scale-up switch adds up, double binary trees across"}, collectives::nvls_tree_all_reduce},
    {{"halving_doubling", "recursive halving, then doubling"}, collectives::halving_doubling_all_reduce},
    {{"recursive_doubling", "whole buffers, fewest steps"}, collectives::recursive_doubling_all_reduce},
};
constexpr Algorithm kAllGather[] = {
    {{"ring", "rings through all ranks, one a NIC, rail-aligned"}, collectives::ring_all_gather},
    {{"hierarchical", "rings across domains, then inside"}, collectives::hierarchical_all_gather},
};
constexpr Algorithm kReduceScatter[] = {
    {{"ring", "rings through all ranks, one a NIC, rail-aligned"}, collectives::ring_reduce_scatter},
    {{"hierarchical", "rings inside domains, then across"}, collectives::hierarchical_reduce_scatter},
};
constexpr Algorithm kAllToAll[] = {
    {{"all_at_once", "all pairs at the same time"}, collectives::all_at_once_all_to_all},
    {{"pairwise", "one partner at a time"}, collectives::pairwise_all_to_all},
    {{"rail_aligned", "all pairs, through the scale-up domain to the receiver's rail (PXN)"},
     collectives::rail_aligned_all_to_all},
};
constexpr Algorithm kBroadcast[] = {
    {{"ring", "pipelined chains along the rings"}, collectives::ring_broadcast},
    {{"tree", "double binary trees across hosts, chains inside"}, collectives::tree_broadcast},
};
constexpr Algorithm kSendRecv[] = {
    {{"neighbours", "every rank sends to the next"}, collectives::neighbour_sendrecv},
};
constexpr Algorithm kPermutation[] = {
    {{"random", "every rank sends to one other, seeded"}, collectives::random_permutation},
};
constexpr Algorithm kShift[] = {
    {{"shift", "rank i sends to rank i + d"}, collectives::shift_pattern},
};
constexpr Algorithm kIncast[] = {
    {{"strided", "N far-apart senders to each receiver"}, collectives::strided_incast},
};
constexpr Algorithm kBisection[] = {
    {{"random", "two random halves exchange, seeded"}, collectives::random_bisection},
};

std::span<const Algorithm> table_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return kAllReduce;
    case CollectiveKind::kAllGather:
      return kAllGather;
    case CollectiveKind::kReduceScatter:
      return kReduceScatter;
    case CollectiveKind::kAllToAll:
      return kAllToAll;
    case CollectiveKind::kBroadcast:
      return kBroadcast;
    case CollectiveKind::kSendRecv:
      return kSendRecv;
    case CollectiveKind::kPermutation:
      return kPermutation;
    case CollectiveKind::kShift:
      return kShift;
    case CollectiveKind::kIncast:
      return kIncast;
    case CollectiveKind::kBisection:
      return kBisection;
  }
  return {};
}

// The default of a kind, whatever the message size: hierarchical where the placement allows it and there is something
// to gain, the kind's first algorithm elsewhere.
std::string default_algorithm(const Build& build) {
  const std::span<const Algorithm> table = table_of(build.request.kind);
  const bool has_hierarchical =
      std::any_of(table.begin(), table.end(), [](const Algorithm& a) { return a.info.name == "hierarchical"; });
  if (has_hierarchical) {
    const collectives::LayoutPtr layout = collectives::domain_layout(build);
    if (layout->even() && layout->largest_block() > 1 && layout->most_blocks() > 1) return "hierarchical";
  }
  return std::string(table.front().info.name);
}

// Below this size latency outweighs bandwidth and the fewest steps win: what a 400G NIC sends (50 GB/s) in the 5 us
// that one step takes, the order of magnitude of an RDMA write with its software. It picks an algorithm, and enters no
// time.
constexpr std::int64_t kLatencyBytes = 250'000;

// By message size: few steps for small messages, logarithmic and bandwidth-optimal for large ones.
std::string automatic_algorithm(const Build& build) {
  const CollectiveRequest& request = build.request;
  const bool small = request.size.count < kLatencyBytes;
  if (request.kind == CollectiveKind::kBroadcast) return "tree";
  if (request.kind == CollectiveKind::kAllToAll) return small ? "all_at_once" : "rail_aligned";
  if (request.kind != CollectiveKind::kAllReduce) return default_algorithm(build);
  const collectives::LayoutPtr layout = collectives::domain_layout(build);
  if (layout->even() && layout->largest_block() > 1 && build.shape.in_network_reduction) return "nvls_tree";
  return small ? "recursive_doubling" : "tree";
}

Expected<void> check_request(const Shape& shape, const Placement& placement, const CollectiveRequest& request) {
  constexpr std::int64_t kLargestSize = 1LL << 56;  // so that log2(n) whole messages still fit 63 bits
  constexpr std::uint32_t kMostChannels = 1024;     // far above NCCL's 64; ranks x channels stays below 2^32
  WEFT_CHECK(shape.gpus_per_host >= 1 && shape.domain_gpus >= 1 && shape.nics_per_host >= 1);
  if (request.ranks == 0 || request.ranks > placement.ranks())
    return input_error("more ranks than are placed", std::to_string(request.ranks),
                       fmt::format("ask for 1 to {}", placement.ranks()));
  if (request.ranks % request.group_size != 0)
    return input_error(
        "the group size does not divide the ranks", fmt::format("{} into {}", request.ranks, request.group_size),
        fmt::format("ask for {} ranks, or another group size",
                    std::max(request.group_size, request.ranks / request.group_size * request.group_size)));
  if (request.size.count < 0 || request.size.count > kLargestSize)
    return input_error("message size out of range", std::to_string(request.size.count), "sizes are 0 to 2^56 bytes");
  if (request.channels > kMostChannels || std::uint64_t{request.channels} * request.ranks > UINT32_MAX)
    return input_error("too many channels", std::to_string(request.channels),
                       fmt::format("at most {}, and ranks x channels below 2^32", kMostChannels));
  if (request.root >= request.group_size)
    return input_error("the root is not in the group", std::to_string(request.root),
                       fmt::format("a root is 0 to {}", request.group_size - 1));
  return {};
}

}  // namespace

Expected<Schedule> make_schedule(const Shape& shape, const Placement& placement, const CollectiveRequest& request) {
  Build build{shape, placement, request, 1};
  CollectiveRequest& filled = build.request;
  if (filled.ranks == 0) filled.ranks = placement.ranks();
  if (filled.group_size == 0) filled.group_size = filled.ranks;
  if (const auto checked = check_request(shape, placement, filled); !checked) return tl::unexpected(checked.error());
  build.groups = filled.ranks / filled.group_size;
  if (filled.algorithm.empty()) filled.algorithm = default_algorithm(build);
  if (filled.algorithm == "auto") filled.algorithm = automatic_algorithm(build);

  std::vector<std::string_view> names;
  for (const Algorithm& algorithm : table_of(filled.kind)) {
    if (algorithm.info.name == filled.algorithm) return algorithm.make(build);
    names.push_back(algorithm.info.name);
  }
  return input_error(fmt::format("unknown algorithm of {}", name_of(filled.kind)), filled.algorithm,
                     fmt::format("use auto, {}", fmt::join(names, ", ")));
}

std::vector<AlgorithmInfo> algorithms(CollectiveKind kind) {
  std::vector<AlgorithmInfo> infos;
  for (const Algorithm& algorithm : table_of(kind)) infos.push_back(algorithm.info);
  return infos;
}

}  // namespace weft
