#include "fabric/priorities.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>

namespace weft {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint32_t> number_up_to(std::string_view text, std::uint32_t limit) {
  text = trimmed(text);
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size() || number > limit) return std::nullopt;
  return number;
}

// Calls `take(piece)` for each piece between commas, until one returns an error. An empty text has no pieces.
template <typename Take>
Expected<void> for_each_piece(std::string_view text, Take take) {
  if (trimmed(text).empty()) return {};
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    if (auto taken = take(trimmed(text.substr(start, comma - start))); !taken) return taken;
    start = comma + 1;
  }
  return {};
}

}  // namespace

Expected<PrioritySet> parse_priorities(std::string_view text) {
  PrioritySet set;
  auto read = for_each_piece(text, [&](std::string_view piece) -> Expected<void> {
    const auto priority = number_up_to(piece, kPriorities - 1);
    if (!priority)
      return input_error("not a priority", std::string(piece), "write 0 to 7 with commas, as 3 or \"3,4\"");
    set.bits = static_cast<std::uint8_t>(set.bits | 1U << *priority);
    return {};
  });
  if (!read) return tl::unexpected(std::move(read.error()));
  return set;
}

Expected<PriorityWeights> parse_weights(std::string_view text) {
  PriorityWeights weights;
  weights.fill(1);
  PrioritySet named;
  auto read = for_each_piece(text, [&](std::string_view piece) -> Expected<void> {
    const std::size_t sign = piece.find('=');
    const std::string item(piece);
    if (sign == std::string_view::npos) return input_error("not priority=weight", item, "write it like \"3=4,5=1\"");
    const auto priority = number_up_to(piece.substr(0, sign), kPriorities - 1);
    if (!priority) return input_error("a weight of no priority", item, "priorities are 0 to 7");
    const auto weight = number_up_to(piece.substr(sign + 1), kMaxWeight);
    if (!weight || *weight == 0)
      return input_error("not a weight", item, fmt::format("give a whole number from 1 to {}", kMaxWeight));
    if (named.has(*priority)) return input_error("a priority weighted twice", item, "keep one of them");
    named.bits = static_cast<std::uint8_t>(named.bits | 1U << *priority);
    weights[*priority] = *weight;
    return {};
  });
  if (!read) return tl::unexpected(std::move(read.error()));
  return weights;
}

}  // namespace weft
