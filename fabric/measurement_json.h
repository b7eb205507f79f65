// Measurement <-> JSON, docs/measurement.schema.json. Keys in a fixed order, so the same result is the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "fabric/error.h"
#include "fabric/measurement.h"

namespace weft {

[[nodiscard]] std::string to_json(const Measurement& measurement);
// Errors: kInput for text that is no JSON or longer than 64 MiB, or a field that is missing, of the wrong type or out
// of range, by its name.
[[nodiscard]] Expected<Measurement> measurement_from_json(std::string_view text);

}  // namespace weft
