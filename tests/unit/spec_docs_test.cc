// The schema, the documentation and the parser speak of the same keys, values and defaults.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "topologies/spec_keys.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

const std::string kSource = WEFT_SOURCE_DIR;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// WEFT_UPDATE_GOLDEN=1 writes what the code says instead of comparing.
bool updating() { return std::getenv("WEFT_UPDATE_GOLDEN") != nullptr; }

void collect(const nlohmann::json& schema, const std::string& prefix, std::set<std::string>& paths,
             std::set<std::string>& enums) {
  if (schema.contains("anyOf")) return collect(schema["anyOf"][1], prefix, paths, enums);
  if (schema.contains("items")) return collect(schema["items"], prefix + "[]", paths, enums);
  if (schema.contains("enum"))
    for (const auto& choice : schema["enum"]) enums.insert(prefix + "=" + choice.get<std::string>());
  if (!schema.contains("properties")) return;
  EXPECT_EQ(schema["additionalProperties"], false) << prefix;
  for (const auto& [key, value] : schema["properties"].items()) {
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    paths.insert(path);
    collect(value, path, paths, enums);
  }
}

void collect_choices(const SpecKey& key, const std::string& prefix, std::set<std::string>& enums) {
  for (const SpecKey& child : key.children) {
    const std::string path = (prefix.empty() ? "" : prefix + ".") + child.name;
    for (const std::string& choice : child.choices) enums.insert(path + "=" + choice);
    collect_choices(child, path + (child.type == ValueType::kList ? "[]" : ""), enums);
  }
}

TEST(SpecSchema, PropertiesAndEnumsAreWhatTheParserAccepts) {
  const auto schema = nlohmann::json::parse(read_text(kSource + "/topologies/fabric.schema.json"));
  std::set<std::string> paths, enums, expected_enums;
  collect(schema, "", paths, enums);
  const SpecKey root = spec_keys();
  const auto expected = key_paths(root);
  EXPECT_EQ(paths, std::set<std::string>(expected.begin(), expected.end()));
  collect_choices(root, "", expected_enums);
  EXPECT_EQ(enums, expected_enums);
}

TEST(SpecSchema, FileIsTheGeneratedText) {
  const std::string path = kSource + "/topologies/fabric.schema.json";
  if (updating()) std::ofstream(path) << spec_json_schema();
  EXPECT_EQ(read_text(path), spec_json_schema()) << "WEFT_UPDATE_GOLDEN=1 writes it anew";
}

TEST(SpecDocs, EveryKeyStandsThereWithItsValuesAndDefault) {
  const std::string path = kSource + "/docs/spec.md";
  const std::string begin = "<!-- keys: begin -->\n\n";
  const std::string end = "<!-- keys: end -->";
  std::string text = read_text(path);
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string tables = text.substr(from + begin.size(), to - from - begin.size());
  if (updating()) {
    std::ofstream(path) << text.substr(0, from + begin.size()) << spec_key_tables() << text.substr(to);
    return;
  }
  EXPECT_EQ(tables, spec_key_tables()) << "WEFT_UPDATE_GOLDEN=1 writes it anew";
}

TEST(SpecDocs, TopLevelKeysAreTheNineOfTheFormat) {
  std::vector<std::string> names;
  for (const SpecKey& key : spec_keys().children) names.push_back(key.name);
  EXPECT_EQ(names, (std::vector<std::string>{"name", "hosts", "topology", "switch", "links", "routing", "transport",
                                             "failures", "parts"}));
}

TEST(SpecDocs, ExampleOfThePageIsAccepted) {
  const std::string text = read_text(kSource + "/docs/spec.md");
  const std::size_t from = text.find("```yaml\n") + 8;
  const auto spec = parse_spec(std::string_view(text).substr(from, text.find("```", from) - from), "docs/spec.md");
  ASSERT_TRUE(spec) << spec.error().text();
  EXPECT_EQ(spec->gpu_count(), 1'048'576U);
}

}  // namespace
}  // namespace weft
