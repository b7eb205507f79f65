#include "fabric/measurement_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "fabric/json_member.h"
#include "fabric/traffic_json.h"

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

using measurement_json::member;
using measurement_json::Unfit;
using measurement_json::value_of;

constexpr std::size_t kMaxMeasurementText = 64U << 20;
constexpr std::string_view kSchema = "weft-measurement-1";

Json to_value(const Why& why) {
  return {{"ideal_share", why.ideal_share},
          {"hash_collisions", why.hash_collisions},
          {"oversubscription", why.oversubscription},
          {"scale_up", why.scale_up},
          {"latency", why.latency},
          {"protocol", why.protocol},
          {"failures", why.failures},
          {"binding_tier", why.binding_tier},
          {"sentence", why.sentence}};
}

Why why_from(const Json& j) {
  const auto share = [&](const char* key) { return member<double>(j, key); };
  return {share("ideal_share"), share("hash_collisions"), share("oversubscription"),
          share("scale_up"),    share("latency"),         share("protocol"),
          share("failures"),    j.at("binding_tier"),     j.at("sentence")};
}

Json to_value(const Operation& op) {
  Json phases = Json::array();
  for (const PhaseTime& p : op.phases) phases.push_back({{"name", p.name}, {"steps", p.steps}, {"seconds", p.seconds}});
  return {{"size_bytes", op.size.count},    {"algorithm", op.algorithm},
          {"protocol", op.protocol},        {"time_ps", op.time.picoseconds},
          {"algbw_gbytes_per_s", op.algbw}, {"busbw_gbytes_per_s", op.busbw},
          {"why", to_value(op.why)},        {"phases", phases}};
}

Operation operation_from(const Json& j) {
  Operation op;
  op.size = Bytes{member<std::int64_t>(j, "size_bytes")};
  op.algorithm = j.at("algorithm");
  op.protocol = j.at("protocol");
  op.time = Duration{member<std::int64_t>(j, "time_ps")};
  op.algbw = member<double>(j, "algbw_gbytes_per_s");
  op.busbw = member<double>(j, "busbw_gbytes_per_s");
  op.why = why_from(j.at("why"));
  for (const Json& p : j.at("phases"))
    op.phases.push_back({p.at("name"), member<std::uint64_t>(p, "steps"), member<double>(p, "seconds")});
  return op;
}

Json to_value(const VerifiedComponent& c) {
  return {{"link", c.link},
          {"random", c.random},
          {"paths", c.paths},
          {"flows", c.flows},
          {"background", c.background},
          {"thinning", c.thinning},
          {"scale", c.scale},
          {"full_seconds", c.full_seconds},
          {"fluid_seconds", c.fluid_seconds},
          {"packet_seconds", c.packet_seconds},
          {"rate_error", c.rate_error},
          {"grown_flows", c.grown_flows},
          {"grown_background", c.grown_background},
          {"grown_fluid_seconds", c.grown_fluid_seconds},
          {"grown_packet_seconds", c.grown_packet_seconds}};
}

VerifiedComponent component_from(const Json& j) {
  const auto number = [&](const char* key) { return member<double>(j, key); };
  const auto count = [&](const char* key) { return member<std::uint64_t>(j, key); };
  VerifiedComponent c;
  c.link = j.at("link");
  c.random = j.at("random");
  c.paths = number("paths");
  c.flows = count("flows");
  c.background = count("background");
  c.thinning = number("thinning");
  c.scale = number("scale");
  c.full_seconds = number("full_seconds");
  c.fluid_seconds = number("fluid_seconds");
  c.packet_seconds = number("packet_seconds");
  c.rate_error = number("rate_error");
  c.grown_flows = count("grown_flows");
  c.grown_background = count("grown_background");
  c.grown_fluid_seconds = number("grown_fluid_seconds");
  c.grown_packet_seconds = number("grown_packet_seconds");
  return c;
}

Json to_value(const Verification& v) {
  Json components = Json::array();
  for (const VerifiedComponent& c : v.components) components.push_back(to_value(c));
  return {{"phase", v.phase},
          {"step", v.step},
          {"size_bytes", v.size.count},
          {"asked", v.asked},
          {"unfinished", v.unfinished},
          {"low_ratio", v.low_ratio},
          {"high_ratio", v.high_ratio},
          {"low_ps", v.low.picoseconds},
          {"high_ps", v.high.picoseconds},
          {"components", components},
          {"step_seconds", v.step_seconds},
          {"longest_seconds", v.longest_seconds},
          {"unplayed", v.unplayed},
          {"notes", v.notes}};
}

Verification verification_from(const Json& j) {
  Verification v;
  v.phase = j.at("phase");
  v.step = member<std::uint64_t>(j, "step");
  v.size = Bytes{member<std::int64_t>(j, "size_bytes")};
  v.asked = member<std::uint32_t>(j, "asked");
  v.unfinished = member<std::uint64_t>(j, "unfinished");
  v.low_ratio = member<double>(j, "low_ratio");
  v.high_ratio = member<double>(j, "high_ratio");
  v.low = Duration{member<std::int64_t>(j, "low_ps")};
  v.high = Duration{member<std::int64_t>(j, "high_ps")};
  v.step_seconds = member<double>(j, "step_seconds");
  v.longest_seconds = member<double>(j, "longest_seconds");
  for (const Json& n : j.at("unplayed")) v.unplayed.push_back(value_of<std::uint64_t>(n, "unplayed"));
  for (const Json& c : j.at("components")) v.components.push_back(component_from(c));
  v.notes = j.at("notes");
  return v;
}

Measurement measurement_from(const Json& j) {
  Measurement m;
  const Json& p = j.at("provenance");
  m.provenance = {
      p.at("backend"), p.at("version"), p.at("spec_name"), p.at("spec_digest"), member<std::uint64_t>(p, "seed"),
      p.at("options")};
  m.collective = j.at("collective");
  m.algorithm = j.at("algorithm");
  m.ranks = member<std::uint32_t>(j, "ranks");
  m.group_size = member<std::uint32_t>(j, "group_size");
  for (const Json& op : j.at("operations")) m.operations.push_back(operation_from(op));
  for (const Json& t : j.at("tiers"))
    m.tiers.push_back({t.at("tier"), member<std::uint64_t>(t, "links"), member<double>(t, "min"),
                       member<double>(t, "mean"), member<double>(t, "max")});
  for (const Json& h : j.at("hot_links"))
    m.hot_links.push_back({h.at("name"), member<double>(h, "utilisation"), member<double>(h, "flows")});
  m.max_mean_ratio = member<double>(j, "max_mean_ratio");
  m.jain_index = member<double>(j, "jain_index");
  m.counters = j.at("counters");
  m.notes = j.at("notes");
  if (j.contains("verify")) m.verification = verification_from(j.at("verify"));
  if (j.contains("traffic"))
    for (const Json& t : j.at("traffic")) m.traffic.push_back(measurement_json::traffic_point_from(t));
  return m;
}

}  // namespace

std::string to_json(const Measurement& m) {
  Json operations = Json::array(), tiers = Json::array(), hot = Json::array();
  for (const Operation& op : m.operations) operations.push_back(to_value(op));
  for (const TierUse& t : m.tiers)
    tiers.push_back({{"tier", t.tier}, {"links", t.links}, {"min", t.min}, {"mean", t.mean}, {"max", t.max}});
  for (const HotLink& h : m.hot_links)
    hot.push_back({{"name", h.name}, {"utilisation", h.utilisation}, {"flows", h.flows}});
  const Provenance& p = m.provenance;
  Json out = {{"schema", kSchema},
              {"provenance",
               {{"backend", p.backend},
                {"version", p.version},
                {"spec_name", p.spec_name},
                {"spec_digest", p.spec_digest},
                {"seed", p.seed},
                {"options", p.options}}},
              {"collective", m.collective},
              {"algorithm", m.algorithm},
              {"ranks", m.ranks},
              {"group_size", m.group_size},
              {"operations", operations},
              {"tiers", tiers},
              {"hot_links", hot},
              {"max_mean_ratio", m.max_mean_ratio},
              {"jain_index", m.jain_index},
              {"counters", m.counters},
              {"notes", m.notes}};
  if (m.verification) out["verify"] = to_value(*m.verification);
  if (!m.traffic.empty()) {
    out["traffic"] = Json::array();
    for (const TrafficPoint& t : m.traffic) out["traffic"].push_back(measurement_json::to_value(t));
  }
  return out.dump(1) + "\n";
}

Expected<Measurement> measurement_from_json(std::string_view text) {
  if (text.size() > kMaxMeasurementText)
    return input_error("a measurement of more than 64 MiB", std::to_string(text.size()), "write fewer sizes");
  try {
    const Json j = Json::parse(text);
    if (j.at("schema") != kSchema)
      return input_error("a measurement of another schema", j.at("schema").dump(),
                         "this version reads weft-measurement-1");
    return measurement_from(j);
  } catch (const Unfit& unfit) {
    return input_error("a field of a measurement that is of the wrong type or out of range: " + unfit.key, unfit.value,
                       "see docs/measurement.schema.json");
  } catch (const Json::exception& e) {
    return input_error("not a measurement", e.what(), "see docs/measurement.schema.json");
  }
}

}  // namespace weft
