#include "fabric/measurement_json.h"

#include <nlohmann/json.hpp>

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

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
  return {j.at("ideal_share"), j.at("hash_collisions"), j.at("oversubscription"), j.at("scale_up"), j.at("latency"),
          j.at("protocol"),    j.at("failures"),        j.at("binding_tier"),     j.at("sentence")};
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
  op.size = Bytes{j.at("size_bytes")};
  op.algorithm = j.at("algorithm");
  op.protocol = j.at("protocol");
  op.time = Duration{j.at("time_ps")};
  op.algbw = j.at("algbw_gbytes_per_s");
  op.busbw = j.at("busbw_gbytes_per_s");
  op.why = why_from(j.at("why"));
  for (const Json& p : j.at("phases")) op.phases.push_back({p.at("name"), p.at("steps"), p.at("seconds")});
  return op;
}

Measurement measurement_from(const Json& j) {
  Measurement m;
  const Json& p = j.at("provenance");
  m.provenance = {p.at("backend"),     p.at("version"), p.at("spec_name"),
                  p.at("spec_digest"), p.at("seed"),    p.at("options")};
  m.collective = j.at("collective");
  m.algorithm = j.at("algorithm");
  m.ranks = j.at("ranks");
  m.group_size = j.at("group_size");
  for (const Json& op : j.at("operations")) m.operations.push_back(operation_from(op));
  for (const Json& t : j.at("tiers"))
    m.tiers.push_back({t.at("tier"), t.at("links"), t.at("min"), t.at("mean"), t.at("max")});
  for (const Json& h : j.at("hot_links")) m.hot_links.push_back({h.at("name"), h.at("utilisation"), h.at("flows")});
  m.max_mean_ratio = j.at("max_mean_ratio");
  m.jain_index = j.at("jain_index");
  m.counters = j.at("counters");
  m.notes = j.at("notes");
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
  const Json out = {{"schema", kSchema},
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
  return out.dump(1) + "\n";
}

Expected<Measurement> measurement_from_json(std::string_view text) {
  try {
    const Json j = Json::parse(text);
    if (j.at("schema") != kSchema)
      return input_error("a measurement of another schema", j.at("schema").dump(),
                         "this version reads weft-measurement-1");
    return measurement_from(j);
  } catch (const Json::exception& e) {
    return input_error("not a measurement", e.what(), "see docs/measurement.schema.json");
  }
}

}  // namespace weft
