// What must hold for any text of a request: message sizes, quantities with units, a mapping file. Shared by libFuzzer
// and the replay test.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "emulator/predict.h"
#include "fabric/collectives/placement.h"
#include "fabric/units.h"

namespace weft {

// An error that a user can act on. The value is shown whole at most up to a line.
inline bool check_request_error(const Error& error) {
  WEFT_CHECK(error.code == ErrorCode::kInput && !error.message.empty() && error.text().size() < 2000);
  return false;
}

template <typename Value>
bool check_quantity(const Expected<Value>& value, Expected<Value> (*parse)(std::string_view)) {
  if (!value) return check_request_error(value.error());
  const auto again = parse(to_text(*value));
  WEFT_CHECK(again && *again == *value);
  return true;
}

inline bool check_sizes(const std::string& text) {
  const auto sizes = parse_sizes(text);
  if (!sizes) return check_request_error(sizes.error());
  WEFT_CHECK(!sizes->empty() && sizes->size() <= 1000);
  for (const Bytes size : *sizes) WEFT_CHECK(size.count >= 0);
  return true;
}

inline bool check_mapping_file(std::string text) {
  constexpr std::uint32_t kRanks = 4, kGpus = 8;
  Mapping mapping;
  mapping.kind = MappingKind::kFile;
  mapping.file = "ranks.txt";
  mapping.text = std::move(text);
  const auto placement = make_placement(mapping, kRanks, kGpus);
  if (!placement) return check_request_error(placement.error());
  std::unordered_set<std::uint32_t> seen;
  for (std::uint32_t r = 0; r < kRanks; ++r) seen.insert(placement->gpu_of(Rank{r}).value);
  WEFT_CHECK(seen.size() == kRanks);
  for (const std::uint32_t gpu : seen) WEFT_CHECK(gpu < kGpus);
  return true;
}

// The first byte picks the parser, the rest is its text. Each gives a value within its bounds or an error. Aborts
// otherwise; true when accepted.
inline bool check_request_input(std::string_view text) {
  const char parser = text.empty() ? 's' : text.front();
  const std::string rest(text.empty() ? text : text.substr(1));
  switch (parser) {
    case 'r':
      return check_quantity<Rate>(parse_rate(rest), parse_rate);
    case 'b':
      return check_quantity<Bytes>(parse_bytes(rest), parse_bytes);
    case 'd':
      return check_quantity<Duration>(parse_duration(rest), parse_duration);
    case 'n': {
      const auto size = parse_nccl_size(rest);
      if (!size) return check_request_error(size.error());
      WEFT_CHECK(size->count >= 0);
      return true;
    }
    case 'm':
      return check_mapping_file(rest);
    default:
      return check_sizes(rest);
  }
}

}  // namespace weft
