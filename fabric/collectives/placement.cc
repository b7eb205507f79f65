#include "fabric/collectives/placement.h"

#include <fmt/format.h>

#include <charconv>

#include "fabric/collectives/random.h"

namespace weft {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

tl::unexpected<Error> line_error(const Mapping& mapping, std::uint32_t line, std::string message, std::string_view item,
                                 std::string way_out) {
  constexpr std::size_t kLongestItem = 40;  // binary garbage must not fill the screen
  return tl::unexpected<Error>(Error{ErrorCode::kInput, std::move(message), std::string(item.substr(0, kLongestItem)),
                                     std::move(way_out), SourcePlace{mapping.file, line, 1}});
}

Expected<std::vector<std::uint32_t>> parse_table(const Mapping& mapping, std::uint32_t ranks, std::uint32_t gpus) {
  std::vector<std::uint32_t> table;
  std::vector<std::uint32_t> line_of(gpus, 0);  // the line that named each GPU
  std::string_view rest = mapping.text;
  for (std::uint32_t line = 1; !rest.empty(); ++line) {
    const auto end = rest.find('\n');
    std::string_view item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    item = trim(item.substr(0, item.find('#')));
    if (item.empty()) continue;
    const std::string range = fmt::format("GPUs are 0 to {}", gpus - 1);
    std::uint32_t gpu = 0;
    const auto [stop, code] = std::from_chars(item.data(), item.data() + item.size(), gpu);
    if ((code != std::errc{} && code != std::errc::result_out_of_range) || stop != item.data() + item.size())
      return line_error(mapping, line, "not a GPU index", item, "write one GPU index a line; " + range);
    if (code == std::errc::result_out_of_range || gpu >= gpus)
      return line_error(mapping, line, "no such GPU", item, range);
    if (line_of[gpu] != 0)
      return line_error(mapping, line, fmt::format("GPU already taken by line {}", line_of[gpu]), item,
                        "give each rank its own GPU");
    line_of[gpu] = line;
    table.push_back(gpu);
  }
  if (table.size() < ranks)
    return line_error(mapping, 0, "the mapping file has too few lines for the ranks",
                      fmt::format("{} of {}", table.size(), ranks), "add lines, or ask for fewer ranks");
  table.resize(ranks);
  return table;
}

}  // namespace

// Columns j = 0 .. stride-1 hold the GPUs j, j + stride, ...; the first gpus % stride of them have one more.
GpuId Placement::strided(std::uint32_t rank) const {
  const std::uint32_t shorter = gpus_ / stride_;
  const std::uint32_t long_columns = gpus_ % stride_;
  const std::uint64_t in_long = static_cast<std::uint64_t>(long_columns) * (shorter + 1);
  if (rank < in_long) return GpuId{rank % (shorter + 1) * stride_ + rank / (shorter + 1)};
  const auto r = static_cast<std::uint32_t>(rank - in_long);
  return GpuId{r % shorter * stride_ + long_columns + r / shorter};
}

Expected<Placement> make_placement(const Mapping& mapping, std::uint32_t ranks, std::uint32_t gpus) {
  if (ranks == 0) return input_error("no ranks", "0", "ask for at least one");
  if (ranks > gpus)
    return input_error("more ranks than the fabric has GPUs", std::to_string(ranks),
                       fmt::format("ask for at most {}, or add hosts", gpus));
  Placement placement;
  placement.ranks_ = ranks;
  placement.gpus_ = gpus;
  switch (mapping.kind) {
    case MappingKind::kPacked:
      break;
    case MappingKind::kStrided:
      if (mapping.stride == 0 || mapping.stride > gpus)
        return input_error("stride out of range", std::to_string(mapping.stride),
                           fmt::format("a stride is 1 to the number of GPUs, {}", gpus));
      placement.stride_ = mapping.stride;
      break;
    case MappingKind::kRandom: {
      std::vector<std::uint32_t> table = random_order(gpus, mapping.seed);
      table.resize(ranks);
      placement.table_ = std::make_shared<const std::vector<std::uint32_t>>(std::move(table));
      break;
    }
    case MappingKind::kFile: {
      auto table = parse_table(mapping, ranks, gpus);
      if (!table) return tl::unexpected(table.error());
      placement.table_ = std::make_shared<const std::vector<std::uint32_t>>(std::move(*table));
      break;
    }
  }
  return placement;
}

}  // namespace weft
