#include "topologies/spec_override.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace weft {
namespace {

void mark_source(YamlNode& node, std::uint32_t source) {
  node.source = source;
  for (YamlNode& item : node.items) mark_source(item, source);
}

// Where `step` leads from `node`; what is not there is made.
Expected<YamlNode*> descend(YamlNode& node, const std::string& step, const std::string& so_far, std::uint32_t source) {
  // No key of a map begins with a digit, so that failures.0.count begins the list.
  const bool index_follows = step[0] >= '0' && step[0] <= '9';
  if (node.kind == YamlNode::Kind::kNull) node.kind = index_follows ? YamlNode::Kind::kList : YamlNode::Kind::kMap;
  if (node.kind == YamlNode::Kind::kScalar) {
    return input_error(fmt::format("{} is a single value, not a map", so_far), quote_for_error(node.text),
                       fmt::format("set the whole of it: {}={{{}: ...}}", so_far, step));
  }
  YamlNode fresh;
  fresh.source = source;
  if (node.kind == YamlNode::Kind::kList) {
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(step.data(), step.data() + step.size(), index);
    if (code != std::errc{} || end != step.data() + step.size() || index > node.items.size()) {
      return input_error(fmt::format("no such element of {}", so_far), quote_for_error(step),
                         fmt::format("give 0 to {}; the last appends", node.items.size()));
    }
    if (index == node.items.size()) node.items.push_back(std::move(fresh));
    return &node.items[index];
  }
  if (YamlNode* const next = node.find(step)) return next;
  YamlNode key = fresh;
  key.kind = YamlNode::Kind::kScalar;
  key.text = step;
  node.items.push_back(std::move(key));
  node.items.push_back(std::move(fresh));
  return &node.items.back();
}

}  // namespace

Expected<void> apply_override(YamlNode& root, const std::string& text, std::uint32_t source) {
  constexpr const char* kWayOut = "write it like hosts.count=128";
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return input_error("an override without =", quote_for_error(text), kWayOut);
  const std::string path = text.substr(0, equals);
  YamlNode* node = &root;
  std::size_t start = 0;
  for (std::uint32_t depth = 0; start <= path.size(); ++depth) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    const std::string step = path.substr(start, dot - start);
    if (step.empty()) return input_error("an empty key in an override", quote_for_error(path), kWayOut);
    if (depth >= kMaxYamlDepth) return input_error("no field stands that deep", quote_for_error(path), kWayOut);
    auto next = descend(*node, step, path.substr(0, start == 0 ? 0 : start - 1), source);
    if (!next) return tl::unexpected(next.error());
    node = *next;
    start = dot + 1;
  }
  auto value = parse_yaml(std::string_view(text).substr(equals + 1));
  if (!value) return tl::unexpected(value.error());
  *node = std::move(*value);
  mark_source(*node, source);
  return {};
}

}  // namespace weft
