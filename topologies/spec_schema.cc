#include <nlohmann/json.hpp>

#include "topologies/spec_keys.h"

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

// Default values as JSON: numbers and flags bare, everything else as text.
Json default_json(const SpecKey& key) {
  std::string text = key.default_text;
  if (key.type == ValueType::kText) return Json::parse(text);
  const bool bare = key.type == ValueType::kWhole || key.type == ValueType::kReal || key.type == ValueType::kFlag ||
                    key.type == ValueType::kList || key.whole_too;
  return bare ? Json::parse(text) : Json(text);
}

// Quantities: a number, an optional space, a unit. As fabric/units.h reads them.
Json quantity(const std::string& units) {
  return Json{{"type", "string"}, {"pattern", "^ *([0-9]+\\.?[0-9]*|\\.[0-9]+) *(" + units + ") *$"}};
}

Json bounded(const char* type, const SpecKey& key) {
  Json out{{"type", type}, {"minimum", 0}};
  if (key.maximum > 0) {
    const bool whole = key.type != ValueType::kReal;
    out["minimum"] = whole ? Json(static_cast<std::int64_t>(key.minimum)) : Json(key.minimum);
    out["maximum"] = whole ? Json(static_cast<std::int64_t>(key.maximum)) : Json(key.maximum);
  }
  return out;
}

Json schema_of(const SpecKey& key);

Json map_schema(const SpecKey& key) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const SpecKey& child : key.children) {
    properties[child.name] = schema_of(child);
    if (child.required) required.push_back(child.name);
    // A map with a required key is itself required (hosts, for hosts.count).
    if (child.type == ValueType::kMap && properties[child.name].contains("required")) required.push_back(child.name);
  }
  Json out{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Json type_schema(const SpecKey& key) {
  switch (key.type) {
    case ValueType::kText:
      return Json{{"type", Json::array({"string", "number", "boolean"})}};
    case ValueType::kChoice:
      return Json{{"enum", key.choices}};
    case ValueType::kFlag:
      return Json{{"type", "boolean"}};
    case ValueType::kWhole:
      return bounded("integer", key);
    case ValueType::kReal:
      return bounded("number", key);
    case ValueType::kRate:
      return quantity("[TGMKk]?bps");
    case ValueType::kSize:
      return quantity("([TGMK]i?|k)?B");
    case ValueType::kDuration:
      return quantity("[pnum]?s");
    case ValueType::kLength:
      return quantity("k?m");
    case ValueType::kMap:
      if (key.whole_too) return Json{{"anyOf", Json::array({bounded("integer", key), map_schema(key)})}};
      return map_schema(key);
    case ValueType::kList:
      return Json{{"type", "array"}, {"items", map_schema(key)}};
  }
  return {};
}

Json schema_of(const SpecKey& key) {
  Json out = Json{{"description", key.doc}};
  out.update(type_schema(key));
  if (!key.default_text.empty()) out["default"] = default_json(key);
  return out;
}

}  // namespace

std::string spec_json_schema() {
  Json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
           {"title", "weft fabric file"},
           {"description", "One network fabric; docs/spec.md explains every key"}};
  out.update(map_schema(spec_keys()));
  return out.dump(2) + "\n";
}

}  // namespace weft
