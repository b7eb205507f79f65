// Which keys and shapes a fabric file may have.
#include <fmt/format.h>

#include <optional>

#include "topologies/spec_reader.h"
#include "topologies/spec_suggest.h"

namespace weft {
namespace {

std::vector<std::string> child_names(const SpecKey& key) {
  std::vector<std::string> names;
  for (const SpecKey& child : key.children) names.push_back(child.name);
  return names;
}

class KeyChecker {
 public:
  KeyChecker(const SpecKey& root, const std::vector<std::string>& sources) : root_(root), sources_(sources) {}

  Expected<void> check(const YamlNode& node, const SpecKey& key, const std::string& path) const {
    if (key.type == ValueType::kList) return check_list(node, key, path);
    if (key.type == ValueType::kMap && !(key.whole_too && node.kind == YamlNode::Kind::kScalar)) {
      return check_map(node, key, path);
    }
    if (node.kind == YamlNode::Kind::kScalar) return {};
    return fail(node, fmt::format("{} is a {}, not a single value", path, kind_name(node)), {}, "give one value");
  }

 private:
  static std::string_view kind_name(const YamlNode& node) {
    return node.kind == YamlNode::Kind::kMap ? "map" : node.kind == YamlNode::Kind::kList ? "list" : "single value";
  }

  Expected<void> check_list(const YamlNode& node, const SpecKey& key, const std::string& path) const {
    if (node.kind != YamlNode::Kind::kList) {
      return fail(node, fmt::format("{} is a {}, not a list", path, kind_name(node)), quote_for_error(node.text),
                  fmt::format("write [{{{}: ...}}], or a '- ' before each element", key.children[0].name));
    }
    for (std::size_t i = 0; i < node.items.size(); ++i)
      if (auto ok = check_map(node.items[i], key, fmt::format("{}.{}", path, i)); !ok) return ok;
    return {};
  }

  Expected<void> check_map(const YamlNode& node, const SpecKey& key, const std::string& path) const {
    if (node.kind != YamlNode::Kind::kMap) {
      return fail(node, fmt::format("{} is a {}, not a map", path.empty() ? "the file" : path, kind_name(node)),
                  quote_for_error(node.text), fmt::format("its keys are {}", fmt::join(child_names(key), ", ")));
    }
    std::vector<const YamlNode*> seen(key.children.size(), nullptr);
    for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
      const YamlNode& name = node.items[i];
      const SpecKey* const child = name.kind == YamlNode::Kind::kScalar ? key.find(name.text) : nullptr;
      if (child == nullptr) return unknown(name, key, path);
      const YamlNode*& first = seen[static_cast<std::size_t>(child - key.children.data())];
      if (first != nullptr) {
        return fail(name, "duplicate key", name.text, fmt::format("first given in line {}; keep one", first->line));
      }
      first = &name;
      const std::string child_path = path.empty() ? child->name : fmt::format("{}.{}", path, child->name);
      if (node.items[i + 1].kind == YamlNode::Kind::kNull) {
        return fail(name, fmt::format("{} has no value", child_path), {}, "give one or remove the key");
      }
      if (auto ok = check(node.items[i + 1], *child, child_path); !ok) return ok;
    }
    return {};
  }

  Expected<void> unknown(const YamlNode& name, const SpecKey& key, const std::string& path) const {
    const std::vector<std::string> right = child_names(key);
    std::string hint = nearest_word(name.text, right);
    if (!hint.empty()) {
      hint = fmt::format("did you mean {}?", hint);
    } else if (const auto elsewhere = find_elsewhere(name.text); elsewhere) {
      hint = fmt::format("it belongs in {}", *elsewhere);
    } else {
      hint = fmt::format("right are {}", fmt::join(right, ", "));
    }
    const std::string where = path.empty() ? "" : fmt::format(" in {}", path);
    return fail(name, "unknown key" + where, quote_for_error(name.text), hint);
  }

  // The parent of a key of this name somewhere else.
  [[nodiscard]] std::optional<std::string> find_elsewhere(std::string_view name) const {
    for (const std::string& path : key_paths(root_)) {
      const std::size_t dot = path.rfind('.');
      if (dot != std::string::npos && std::string_view(path).substr(dot + 1) == name) return path.substr(0, dot);
    }
    if (root_.find(name) != nullptr) return "the top level";
    return std::nullopt;
  }

  [[nodiscard]] tl::unexpected<Error> fail(const YamlNode& node, std::string message, std::string item,
                                           std::string way_out) const {
    return error_at_node(node, sources_, std::move(message), std::move(item), std::move(way_out));
  }

  const SpecKey& root_;
  const std::vector<std::string>& sources_;
};

}  // namespace

Expected<void> check_keys(const YamlNode& root, const SpecKey& keys, const std::vector<std::string>& sources) {
  if (root.kind == YamlNode::Kind::kNull) {
    return error_at_node(root, sources, "the file is empty", {}, "give at least name and hosts: {count: ...}");
  }
  return KeyChecker(keys, sources).check(root, keys, {});
}

tl::unexpected<Error> error_at_node(const YamlNode& node, const std::vector<std::string>& sources, std::string message,
                                    std::string item, std::string way_out) {
  Error error{ErrorCode::kInput, std::move(message), std::move(item), std::move(way_out), {}};
  error.place.file = sources[node.source];
  if (node.source == 0) {  // an override has no lines
    error.place.line = node.line;
    error.place.column = node.column;
  }
  return tl::unexpected<Error>(std::move(error));
}

TreePlace find_place(const YamlNode& root, std::string_view path) {
  const YamlNode* node = &root;
  while (!path.empty()) {
    const std::string_view step = path.substr(0, path.find('.'));
    const YamlNode* next = node->find(step);
    if (node->kind == YamlNode::Kind::kList) {
      const std::size_t index = std::strtoul(std::string(step).c_str(), nullptr, 10);
      next = index < node->items.size() ? &node->items[index] : nullptr;
    }
    if (next == nullptr) return {node, false};
    node = next;
    path.remove_prefix(std::min(path.size(), step.size() + 1));
  }
  return {node, true};
}

}  // namespace weft
