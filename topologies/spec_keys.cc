#include "topologies/spec_keys.h"

#include <optional>

#include "topologies/spec_text.h"

namespace weft {
namespace {

// Visits a default FabricSpec and notes every field.
class KeyCollector {
 public:
  explicit KeyCollector(SpecKey& root) : here_(&root) {}

  template <typename T>
  void value(const Field& field, const T& initial) {
    SpecKey& key = add(field, value_type<T>());
    if constexpr (std::is_enum_v<T>)
      for (const auto& choice : Choices<T>::kAll) key.choices.emplace_back(choice.first);
    if (field.derived_default.empty() && !field.required) key.default_text = yaml_text(initial);
  }
  void choice(const Field& field, const std::string& initial, std::vector<std::string> choices) {
    SpecKey& key = add(field, ValueType::kChoice);
    key.choices = std::move(choices);
    key.default_text = initial;
  }
  template <typename T>
  void optional(const Field& field, const std::optional<T>& /*initial*/) {
    value(field, T{});
  }
  void delay(const Field& field, const Duration& initial) {
    value(field, initial);
    Field length{"length", "of the cable at 5 ns/m, instead of delay"};
    length.derived_default = "delay";
    add(length, ValueType::kLength);
  }
  template <typename Body>
  void group(const Field& field, Body body) {
    nested(add(field, ValueType::kMap), body);
  }
  template <std::size_t N, typename Body>
  void whole_or_group(const Field& field, const std::array<const std::uint32_t*, N>& initial, Body body) {
    SpecKey& key = add(field, ValueType::kMap);
    key.whole_too = true;
    key.default_text = yaml_text(*initial[0]);
    nested(key, body);
  }
  template <typename T, typename Body>
  void optional_group(const Field& field, const std::optional<T>& /*initial*/, Body body) {
    const T initial{};
    nested(add(field, ValueType::kMap), [&] { body(initial); });
  }
  template <typename T, typename Body>
  void list(const Field& field, const std::vector<T>& /*initial*/, Body body) {
    const T element{};
    SpecKey& key = add(field, ValueType::kList);
    key.default_text = "[]";
    nested(key, [&] { body(element); });
  }

 private:
  SpecKey& add(const Field& field, ValueType type) {
    SpecKey& key = here_->children.emplace_back();
    key.name = field.key;
    key.type = type;
    key.doc = field.doc;
    key.minimum = field.minimum;
    key.maximum = field.maximum;
    key.required = field.required;
    if (!field.derived_default.empty()) key.doc += fmt::format(". Default: {}", field.derived_default);
    return key;
  }
  template <typename Body>
  void nested(SpecKey& key, Body body) {
    SpecKey* const parent = here_;
    here_ = &key;
    body();
    here_ = parent;
  }

  SpecKey* here_;
};

void append_paths(const SpecKey& key, const std::string& prefix, std::vector<std::string>& out) {
  for (const SpecKey& child : key.children) {
    const std::string path = prefix + child.name;
    out.push_back(path);
    append_paths(child, path + (child.type == ValueType::kList ? "[]." : "."), out);
  }
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

// What may stand there, in words.
std::string value_words(const SpecKey& key) {
  switch (key.type) {
    case ValueType::kText:
      return "text";
    case ValueType::kChoice:
      return join(key.choices, ", ");
    case ValueType::kFlag:
      return "true, false";
    case ValueType::kWhole:
      return key.maximum > 0 ? fmt::format("whole number, {:.0f} to {:.0f}", key.minimum, key.maximum) : "whole number";
    case ValueType::kReal:
      return fmt::format("number, {} to {}", key.minimum, key.maximum);
    case ValueType::kRate:
      return "rate, bps to Tbps";
    case ValueType::kSize:
      return "size, B to TB and TiB";
    case ValueType::kDuration:
      return "duration, ps to s";
    case ValueType::kLength:
      return "length, m or km";
    case ValueType::kMap:
      return key.whole_too ? fmt::format("whole number, {:.0f} to {:.0f}, or map", key.minimum, key.maximum) : "map";
    case ValueType::kList:
      return "list of maps";
  }
  return {};
}

void append_rows(const SpecKey& key, const std::string& path, std::string& out) {
  const std::string initial = key.required               ? "required"
                              : key.default_text.empty() ? ""
                                                         : fmt::format("`{}`", key.default_text);
  out += fmt::format("| `{}` | {} | {} | {} |\n", path, value_words(key), initial, key.doc);
  const std::string prefix = path + (key.type == ValueType::kList ? "[]." : ".");
  for (const SpecKey& child : key.children) append_rows(child, prefix + child.name, out);
}

}  // namespace

const SpecKey* SpecKey::find(std::string_view child) const {
  for (const SpecKey& key : children)
    if (key.name == child) return &key;
  return nullptr;
}

SpecKey spec_keys() {
  SpecKey root;
  KeyCollector collector(root);
  const FabricSpec defaults;
  visit_spec(collector, defaults);
  return root;
}

std::vector<std::string> key_paths(const SpecKey& root) {
  std::vector<std::string> out;
  append_paths(root, {}, out);
  return out;
}

std::string spec_key_tables() {
  std::string out;
  for (const SpecKey& key : spec_keys().children) {
    out += fmt::format("### {}\n\n| key | value | default | meaning and source |\n|---|---|---|---|\n", key.name);
    append_rows(key, key.name, out);
    out += "\n";
  }
  return out;
}

}  // namespace weft
