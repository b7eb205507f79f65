#include "verbs/hosts/wire_events.h"

#include <channel/agent.pb.h>  // generated

#include <algorithm>

#include "fabric/traffic_json.h"
#include "verbs/control.h"

namespace weft::verbs {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr int kMostNotes = 256;
constexpr std::int64_t kLatestStamp = std::int64_t{1} << 60U;  // ns, 36 years; differences cannot overflow

std::string cut(const std::string& text) { return text.substr(0, kLongestText); }

// protobuf strings are UTF-8; what a kernel or a peer said may not be.
std::string clean(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c < ' ' && c != '\n') || c > '~'; }, '?');
  return cut(text);
}

Expected<TrafficPoint> point_from_text(const std::string& text) {
  const auto json = decode_body(text);
  if (!json) return tl::unexpected(json.error());
  try {
    return measurement_json::traffic_point_from(*json);
  } catch (const measurement_json::Unfit& unfit) {
    return input_error("an agent's figures do not fit: " + unfit.key, unfit.value);
  } catch (const nlohmann::json::exception& error) {
    return input_error("an agent's figures do not fit", error.what());
  }
}

}  // namespace

v1::RunEvent to_wire(const FlowEvent& event) {
  v1::RunEvent out;
  out.set_kind(static_cast<v1::RunEvent::Kind>(event.kind));
  out.set_flow(event.flow);
  if (event.point)
    out.set_point(
        measurement_json::to_value(*event.point).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  if (event.error) {
    v1::Failure& failure = *out.mutable_failure();
    failure.set_code(static_cast<std::uint32_t>(event.error->code));
    failure.set_message(clean(event.error->message));
    failure.set_item(clean(event.error->item));
    failure.set_way_out(clean(event.error->way_out));
  }
  for (const std::string& note : event.notes) out.add_notes(clean(note));
  out.set_started_ns(event.started);
  out.set_flows_done(event.done);
  return out;
}

Expected<FlowEvent> from_wire(const v1::RunEvent& event) {
  if (event.kind() < v1::RunEvent::ALIVE || event.kind() > v1::RunEvent::ENDED)
    return input_error("an agent told of something unknown", std::to_string(event.kind()));
  if (event.started_ns() < 0 || event.started_ns() > kLatestStamp)
    return input_error("an agent told of a time that no clock has", std::to_string(event.started_ns()));
  FlowEvent out;
  out.kind = static_cast<FlowEvent::Kind>(event.kind());
  out.flow = event.flow();
  if (out.kind == FlowEvent::Kind::kPoint) {
    auto point = point_from_text(event.point());
    if (!point) return tl::unexpected(point.error());
    out.point = std::move(*point);
  }
  if (event.has_failure()) {
    const v1::Failure& failure = event.failure();
    const std::uint32_t code =
        std::min<std::uint32_t>(failure.code(), static_cast<std::uint32_t>(ErrorCode::kInterrupted));
    out.error = Error{
        static_cast<ErrorCode>(code), clean(failure.message()), clean(failure.item()), clean(failure.way_out()), {}};
  }
  for (const std::string& note : event.notes())
    if (std::ssize(out.notes) < kMostNotes) out.notes.push_back(clean(note));
  out.started = event.started_ns();
  out.done = event.flows_done();
  return out;
}

Expected<PairPlan> plan_from_text(const std::string& text) {
  const auto json = decode_body(text);
  if (!json) return tl::unexpected(json.error());
  return plan_from_json(*json);
}

Expected<std::optional<CollectiveSpec>> collective_from_text(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto json = decode_body(text);
  if (!json) return tl::unexpected(json.error());
  auto spec = collective_spec_from_json(*json);
  if (!spec) return tl::unexpected(spec.error());
  return std::move(*spec);
}

}  // namespace weft::verbs
