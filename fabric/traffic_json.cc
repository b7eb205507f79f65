#include "fabric/traffic_json.h"

#include <array>
#include <string>
#include <utility>

namespace weft::measurement_json {
namespace {

using Field = std::pair<const char*, Duration LatencySummary::*>;
constexpr std::array kLatencyFields{
    Field{"min_ps", &LatencySummary::min},     Field{"max_ps", &LatencySummary::max},
    Field{"mean_ps", &LatencySummary::mean},   Field{"stdev_ps", &LatencySummary::standard_deviation},
    Field{"p50_ps", &LatencySummary::p50},     Field{"p90_ps", &LatencySummary::p90},
    Field{"p99_ps", &LatencySummary::p99},     Field{"p99_9_ps", &LatencySummary::p999},
    Field{"p99_99_ps", &LatencySummary::p9999}};

Json to_value(const LatencySummary& latency) {
  Json j = {{"samples", latency.samples}};
  for (const auto& [key, field] : kLatencyFields) j[key] = (latency.*field).picoseconds;
  return j;
}

LatencySummary latency_from(const Json& j) {
  LatencySummary latency;
  latency.samples = member<std::uint64_t>(j, "samples");
  for (const auto& [key, field] : kLatencyFields) latency.*field = Duration{member<std::int64_t>(j, key)};
  return latency;
}

}  // namespace

Json to_value(const TrafficPoint& point) {
  Json j = {{"operation", point.operation},
            {"transport", point.transport},
            {"from", point.from},
            {"to", point.to},
            {"size_bytes", point.size.count},
            {"messages", point.messages},
            {"time_ps", point.time.picoseconds},
            {"gbits_per_s_average", point.gbits_average},
            {"gbits_per_s_peak", point.gbits_peak},
            {"messages_per_s", point.messages_per_second},
            {"counters", point.counters},
            {"failures", point.failures}};
  if (point.latency) j["latency"] = to_value(*point.latency);
  return j;
}

TrafficPoint traffic_point_from(const Json& j) {
  TrafficPoint point;
  point.operation = j.at("operation");
  point.transport = j.at("transport");
  point.from = j.at("from");
  point.to = j.at("to");
  point.size = Bytes{member<std::int64_t>(j, "size_bytes")};
  point.messages = member<std::uint64_t>(j, "messages");
  point.time = Duration{member<std::int64_t>(j, "time_ps")};
  point.gbits_average = member<double>(j, "gbits_per_s_average");
  point.gbits_peak = member<double>(j, "gbits_per_s_peak");
  point.messages_per_second = member<double>(j, "messages_per_s");
  point.counters = j.at("counters");
  point.failures = j.at("failures");
  if (j.contains("latency")) point.latency = latency_from(j.at("latency"));
  return point;
}

}  // namespace weft::measurement_json
