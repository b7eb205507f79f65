// What must hold for any bytes given as a Measurement; shared by libFuzzer and the replay test.
#pragma once

#include <string_view>

#include "fabric/measurement_json.h"

namespace weft {

// Either a measurement comes out whose JSON is read again to the same bytes, or an error with a message. Aborts
// otherwise; true when accepted.
inline bool check_measurement_input(std::string_view text) {
  const auto measurement = measurement_from_json(text);
  if (!measurement) {
    const Error& error = measurement.error();
    WEFT_CHECK(error.code == ErrorCode::kInput && !error.message.empty() && error.text().size() < 2000);
    return false;
  }
  const std::string json = to_json(*measurement);
  const auto again = measurement_from_json(json);
  WEFT_CHECK(again && to_json(*again) == json);
  return true;
}

}  // namespace weft
