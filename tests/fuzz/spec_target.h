// What must hold for any bytes given to the fabric file's parser; shared by libFuzzer and the replay test.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "topologies/spec_yaml.h"

namespace weft {

// A first line "--set key=value" is an override, the rest the file. Either a spec comes out that its canonical text
// gives again, or an error with a message, and a place within the text. Aborts otherwise; true when accepted.
inline bool check_spec_input(std::string_view text) {
  constexpr std::string_view kSet = "--set ";
  std::vector<std::string> overrides;
  if (text.starts_with(kSet)) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    overrides.emplace_back(text.substr(kSet.size(), end - kSet.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto spec = parse_spec(text, "fuzz.yaml", overrides);
  if (!spec) {
    const Error& error = spec.error();
    WEFT_CHECK(error.code == ErrorCode::kInput && !error.message.empty() && error.text().size() < 2000);
    WEFT_CHECK(!error.place.file.empty() && error.place.line <= text.size() + 2 &&
               error.place.column <= text.size() + 2);
    return false;
  }
  const auto again = parse_spec(to_yaml(*spec), "again.yaml");
  WEFT_CHECK(again && *again == *spec);
  return true;
}

}  // namespace weft
