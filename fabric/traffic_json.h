// Traffic points of a Measurement as JSON. Readers throw Unfit or Json::exception; measurement_from_json() catches
// both.
#pragma once

#include "fabric/json_member.h"
#include "fabric/measurement.h"

namespace weft::measurement_json {

[[nodiscard]] Json to_value(const TrafficPoint& point);
[[nodiscard]] TrafficPoint traffic_point_from(const Json& j);

}  // namespace weft::measurement_json
