#include "topologies/spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "topologies/spec_suggest.h"
#include "topologies/spec_text.h"

namespace weft {
namespace {

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  T number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "30m", "1.5km" -> propagation delay.
Expected<Duration> parse_length(const std::string& text) {
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const bool good = code == std::errc{} && std::isfinite(number) && !std::signbit(number);
  if (!good || (unit != "m" && unit != "km")) {
    return input_error(good && unit.empty() ? "length without a unit" : "not a length", text, "write it like 30m");
  }
  const double metres = unit == "km" ? number * 1000 : number;
  const double picoseconds = metres * static_cast<double>(kPicosecondsPerMetre);
  const auto limit = static_cast<double>(kMaxLatency.picoseconds);
  return Duration{static_cast<std::int64_t>(std::llround(std::min(picoseconds, 2 * limit)))};
}

std::string unquoted(const YamlNode& node) { return node.quoted ? "without quotes, " : ""; }

// Fills the visited fields from the tree. The first error stays; after it every visit is a no-op.
class SpecReader {
 public:
  SpecReader(const YamlNode& root, const std::vector<std::string>& sources) : here_(&root), sources_(sources) {}

  template <typename T>
  void value(const Field& field, T& out) {
    if (error_) return;
    const YamlNode* const node = child(field.key);
    if (node == nullptr) {
      if (field.required) fail(nullptr, fmt::format("{} is missing", path_of(field.key)), {}, "it has no default");
      return;
    }
    read(field, *node, out);
  }
  template <typename T>
  void optional(const Field& field, std::optional<T>& out) {
    if (error_ || child(field.key) == nullptr) return;
    value(field, out.emplace());
  }
  void choice(const Field& field, std::string& out, const std::vector<std::string>& choices) {
    if (error_) return;
    const YamlNode* const node = child(field.key);
    if (node == nullptr) return;
    if (std::ranges::find(choices, node->text) == choices.end()) return bad_choice(field, *node, choices);
    out = node->text;
  }
  void delay(const Field& field, Duration& out) {
    if (error_) return;
    const YamlNode* const length = child("length");
    const YamlNode* const duration = child(field.key);
    if (length != nullptr && duration != nullptr && length->source == duration->source) {
      return fail(length, fmt::format("both delay and length in {}", path_), {}, "give one of them");
    }
    // Of one in the file and one in an override, or of two overrides, the later counts.
    if (length == nullptr || (duration != nullptr && duration->source > length->source)) return value(field, out);
    quantity(Field{"length", {}}, *length, parse_length(length->text), kMaxLatency, out);
  }
  template <typename Body>
  void group(const Field& field, Body body) {
    if (!error_) nested(child(field.key), path_of(field.key), body);
  }
  template <std::size_t N, typename Body>
  void whole_or_group(const Field& field, const std::array<std::uint32_t*, N>& members, Body body) {
    if (error_) return;
    const YamlNode* const node = child(field.key);
    if (node == nullptr || node->kind != YamlNode::Kind::kScalar) return group(field, body);
    read(field, *node, *members[0]);
    for (std::uint32_t* const member : members) *member = *members[0];
  }
  template <typename T, typename Body>
  void optional_group(const Field& field, std::optional<T>& out, Body body) {
    if (error_ || child(field.key) == nullptr) return;
    group(field, [&] { body(out.emplace()); });
  }
  template <typename T, typename Body>
  void list(const Field& field, std::vector<T>& out, Body body) {
    const YamlNode* const node = error_ ? nullptr : child(field.key);
    if (node == nullptr) return;
    out.resize(node->items.size());
    for (std::size_t i = 0; i < out.size() && !error_; ++i)
      nested(&node->items[i], fmt::format("{}.{}", path_of(field.key), i), [&] { body(out[i]); });
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  [[nodiscard]] const YamlNode* child(std::string_view key) const {
    return here_ == nullptr ? nullptr : here_->find(key);
  }
  [[nodiscard]] std::string path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  template <typename Body>
  void nested(const YamlNode* node, std::string path, Body body) {
    const YamlNode* const parent = here_;
    const YamlNode* const parent_known = known_;
    here_ = node;
    if (node != nullptr) known_ = node;
    path_.swap(path);
    body();
    path_.swap(path);
    here_ = parent;
    known_ = parent_known;
  }
  // nullptr: at the map that lacks the key.
  void fail(const YamlNode* node, std::string message, std::string item, std::string way_out) {
    const YamlNode& place = node != nullptr ? *node : *known_;
    error_ = error_at_node(place, sources_, std::move(message), std::move(item), std::move(way_out)).value();
  }
  void bad_value(const Field& field, const YamlNode& node, std::string_view what, const std::string& way_out) {
    fail(&node, fmt::format("{} {}", path_of(field.key), what), quote_for_error(node.text), way_out);
  }
  void bad_choice(const Field& field, const YamlNode& node, const std::vector<std::string>& choices) {
    const std::string near = nearest_word(node.text, choices);
    bad_value(field, node, "has no such value",
              near.empty() ? fmt::format("right are {}", fmt::join(choices, ", "))
                           : fmt::format("did you mean {}? Right are {}", near, fmt::join(choices, ", ")));
  }

  void read(const Field& field, const YamlNode& node, std::string& out) {
    constexpr std::size_t kMaxText = 1000;
    if (node.text.size() > kMaxText) {
      return bad_value(field, node, fmt::format("is longer than {} bytes", kMaxText), "shorten it");
    }
    const auto control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
    if (std::ranges::any_of(node.text, control)) {
      return bad_value(field, node, "has a line break, tab or control character", "write it in one line");
    }
    out = node.text;
  }
  void read(const Field& field, const YamlNode& node, bool& out) {
    if (node.quoted || (node.text != "true" && node.text != "false")) {
      return bad_value(field, node, "is not a flag", unquoted(node) + "give true or false");
    }
    out = node.text == "true";
  }
  void read(const Field& field, const YamlNode& node, std::uint32_t& out) {
    const auto number = node.quoted ? std::nullopt : parse_number<std::int64_t>(node.text);
    const std::string range = fmt::format("give a whole number from {:.0f} to {:.0f}", field.minimum, field.maximum);
    if (!number) return bad_value(field, node, "is not a whole number", unquoted(node) + range);
    const auto x = static_cast<double>(*number);
    if (x < field.minimum || x > field.maximum) return bad_value(field, node, "is out of range", range);
    out = static_cast<std::uint32_t>(*number);
  }
  void read(const Field& field, const YamlNode& node, std::uint64_t& out) {
    const auto number = node.quoted ? std::nullopt : parse_number<std::uint64_t>(node.text);
    if (!number) return bad_value(field, node, "is not a whole number", unquoted(node) + "give 0 to 2^64 - 1");
    out = *number;
  }
  void read(const Field& field, const YamlNode& node, double& out) {
    const auto number = node.quoted ? std::nullopt : parse_number<double>(node.text);
    const std::string range = fmt::format("give a number from {} to {}", field.minimum, field.maximum);
    if (!number) return bad_value(field, node, "is not a number", unquoted(node) + range);
    if (!(*number >= field.minimum && *number <= field.maximum))
      return bad_value(field, node, "is out of range", range);
    out = *number == 0 ? 0.0 : *number;  // -0 would print as another spec
  }
  void read(const Field& field, const YamlNode& node, Rate& out) {
    quantity(field, node, parse_rate(node.text), kMaxRate, out);
  }
  void read(const Field& field, const YamlNode& node, Bytes& out) {
    quantity(field, node, parse_bytes(node.text), kMaxBuffer, out);
  }
  void read(const Field& field, const YamlNode& node, Duration& out) {
    quantity(field, node, parse_duration(node.text), kMaxLatency, out);
  }
  template <typename E>
  requires std::is_enum_v<E>
  void read(const Field& field, const YamlNode& node, E& out) {
    std::vector<std::string> names;
    for (const auto& [name, choice] : Choices<E>::kAll) {
      if (node.text == name) {
        out = choice;
        return;
      }
      names.emplace_back(name);
    }
    bad_choice(field, node, names);
  }
  template <typename T>
  void quantity(const Field& field, const YamlNode& node, const Expected<T>& parsed, T limit, T& out) {
    if (!parsed) {
      const Error& e = parsed.error();
      return fail(&node, fmt::format("{}: {}", path_of(field.key), e.message), quote_for_error(node.text), e.way_out);
    }
    if (*parsed > limit) return bad_value(field, node, "is out of range", "the limit is " + to_text(limit));
    out = *parsed;
  }

  const YamlNode* here_;           // the map being read; nullptr where it is absent
  const YamlNode* known_ = here_;  // the deepest map that is there
  std::string path_;
  const std::vector<std::string>& sources_;
  std::optional<Error> error_;
};

// Defaults that depend on other fields; spec_fields.h states them in words.
void derive_defaults(const YamlNode& root, FabricSpec& spec) {
  const auto given = [&](std::string_view path) { return find_place(root, path).whole; };
  HostsSpec& h = spec.hosts;
  if (!given("hosts.nics")) h.nics = h.gpus;
  if (!given("hosts.rails")) h.rails = h.nics;
  if (!given("hosts.scale_up.domain_gpus")) h.scale_up.domain_gpus = h.gpus;
  for (const GpuGeneration& gpu : kGpuGenerations) {
    if (h.gpu != gpu.name) continue;
    if (!given("hosts.scale_up.rate_per_gpu")) h.scale_up.rate_per_gpu = gpu.scale_up_rate;
    if (!given("hosts.scale_up.in_network_reduction")) h.scale_up.in_network_reduction = gpu.in_network_reduction;
  }
  TopologySpec& t = spec.topology;
  if (t.kind == TopologyKind::kRailOnly && !given("topology.tiers")) t.tiers = 1;
  if (t.kind == TopologyKind::kMultiPlane && !given("topology.planes"))
    t.planes = t.split == PlaneSplit::kPort ? h.ports_per_nic : h.nics;
}

}  // namespace

Expected<FabricSpec> read_spec(const YamlNode& root, const std::vector<std::string>& sources) {
  FabricSpec spec;
  SpecReader reader(root, sources);
  visit_spec(reader, spec);
  if (reader.error()) return tl::unexpected(*reader.error());
  derive_defaults(root, spec);
  return spec;
}

}  // namespace weft
