#include "verbs/collective/spec.h"

#include <fmt/format.h>

#include "fabric/json_member.h"

namespace weft::verbs {
namespace {

constexpr CollectiveKind kKinds[] = {CollectiveKind::kAllReduce, CollectiveKind::kAllGather,
                                     CollectiveKind::kReduceScatter, CollectiveKind::kAllToAll,
                                     CollectiveKind::kBroadcast};

Expected<void> check(const CollectiveSpec& spec) {
  const auto wrong = [](const char* what, std::uint64_t value, const std::string& range) {
    return input_error(fmt::format("a collective with wrong {}", what), fmt::format("{}", value), range);
  };
  if (spec.ranks < 2 || spec.ranks > kMostCollectiveRanks)
    return wrong("ranks", spec.ranks, fmt::format("2 to {}", kMostCollectiveRanks));
  if (spec.rank >= spec.ranks) return wrong("rank", spec.rank, "below ranks");
  if (spec.root >= spec.ranks) return wrong("root", spec.root, fmt::format("0 to {}", spec.ranks - 1));
  if (spec.ranks_per_host < 1 || spec.ranks_per_host > spec.ranks)
    return wrong("ranks a host", spec.ranks_per_host, fmt::format("1 to {}", spec.ranks));
  if (spec.iterations < 1 || spec.iterations > 1'000'000) return wrong("iterations", spec.iterations, "1 to 1000000");
  if (spec.warm_up > 1'000'000) return wrong("warm-up", spec.warm_up, "0 to 1000000");
  if (spec.sizes.empty() || spec.sizes.size() > 256) return wrong("number of sizes", spec.sizes.size(), "1 to 256");
  for (const std::uint64_t size : spec.sizes)
    if (size > kLargestCollective) return wrong("size", size, fmt::format("at most {} B", kLargestCollective));
  return {};
}

}  // namespace

nlohmann::ordered_json to_json(const CollectiveSpec& spec) {
  return {{"collective", name_of(spec.kind)},
          {"algorithm", spec.algorithm},
          {"type", to_text(spec.reduction.type)},
          {"redop", to_text(spec.reduction.op)},
          {"sizes_bytes", spec.sizes},
          {"iterations", spec.iterations},
          {"warm_up", spec.warm_up},
          {"root", spec.root},
          {"rank", spec.rank},
          {"ranks", spec.ranks},
          {"ranks_per_host", spec.ranks_per_host}};
}

Expected<CollectiveSpec> collective_spec_from_json(const nlohmann::ordered_json& json) {
  using measurement_json::member;
  CollectiveSpec spec;
  try {
    const auto kind = parse_collective(json.at("collective").get<std::string>());
    if (!kind) return tl::unexpected(kind.error());
    spec.kind = *kind;
    spec.algorithm = json.at("algorithm").get<std::string>().substr(0, 64);
    const auto type = parse_data_type(json.at("type").get<std::string>());
    if (!type) return tl::unexpected(type.error());
    const auto op = parse_red_op(json.at("redop").get<std::string>());
    if (!op) return tl::unexpected(op.error());
    spec.reduction = {*type, *op};
    if (json.at("sizes_bytes").size() > 256) return input_error("a collective has too many sizes");
    for (const auto& size : json.at("sizes_bytes")) {
      if (!size.is_number_unsigned()) return input_error("a size is no whole number", size.dump());
      spec.sizes.push_back(size.get<std::uint64_t>());
    }
    spec.iterations = member<std::uint32_t>(json, "iterations");
    spec.warm_up = member<std::uint32_t>(json, "warm_up");
    spec.root = member<std::uint32_t>(json, "root");
    spec.rank = member<std::uint32_t>(json, "rank");
    spec.ranks = member<std::uint32_t>(json, "ranks");
    spec.ranks_per_host = member<std::uint32_t>(json, "ranks_per_host");
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("a collective does not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("a collective does not fit", error.what());
  }
  if (auto good = check(spec); !good) return tl::unexpected(good.error());
  return spec;
}

Expected<CollectiveKind> parse_collective(const std::string& text) {
  std::string all;
  for (const CollectiveKind kind : kKinds) {
    if (text == name_of(kind)) return kind;
    all += (all.empty() ? "" : ", ") + std::string(name_of(kind));
  }
  return input_error("no such collective", text.substr(0, 64), all);
}

Expected<Schedule> schedule_of(const CollectiveSpec& spec, std::uint64_t size) {
  const weft::Shape shape{spec.ranks,          spec.ranks_per_host, spec.ranks_per_host,
                          spec.ranks_per_host, spec.ranks_per_host, spec.ranks_per_host > 1};
  const auto placement = make_placement(Mapping{}, spec.ranks, spec.ranks);
  if (!placement) return tl::unexpected(placement.error());
  CollectiveRequest request;
  request.kind = spec.kind;
  request.algorithm = spec.algorithm;
  const std::uint64_t element = size_of(spec.reduction.type);
  request.size = Bytes{static_cast<std::int64_t>(size / element * element)};
  request.root = spec.root;
  return make_schedule(shape, *placement, request);
}

}  // namespace weft::verbs
