// What each rank of a collective is told. Comes over the network, so it is checked.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/collectives/collectives.h"
#include "fabric/error.h"
#include "verbs/collective/executor.h"

namespace weft::verbs {

constexpr std::uint32_t kMostCollectiveRanks = 256;
constexpr std::uint64_t kLargestCollective = std::uint64_t{1} << 30U;  // B

struct CollectiveSpec {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  std::string algorithm;  // empty: the kind's default
  Reduction reduction;
  std::vector<std::uint64_t> sizes;  // B, as nccl-tests reports them
  std::uint32_t iterations = 20, warm_up = 5;
  std::uint32_t root = 0;
  std::uint32_t rank = 0, ranks = 0;
  std::uint32_t ranks_per_host = 1;  // consecutive ranks; algorithms treat them as a scale-up domain
};

[[nodiscard]] nlohmann::ordered_json to_json(const CollectiveSpec& spec);
// Errors: kInput, naming the member.
[[nodiscard]] Expected<CollectiveSpec> collective_spec_from_json(const nlohmann::ordered_json& json);

// all_reduce, all_gather, reduce_scatter, all_to_all, broadcast. Errors: kInput.
[[nodiscard]] Expected<CollectiveKind> parse_collective(const std::string& text);

// One size's schedule, over as many elements as fit in it. Errors: kInput.
[[nodiscard]] Expected<Schedule> schedule_of(const CollectiveSpec& spec, std::uint64_t size);

}  // namespace weft::verbs
