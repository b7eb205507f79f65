#include "topologies/spec_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "topologies/spec_override.h"
#include "topologies/spec_reader.h"
#include "topologies/spec_validate.h"

namespace weft {
namespace {

tl::unexpected<Error> in_file(Error error, const std::string& file) {
  error.place.file = file;
  return tl::unexpected<Error>(std::move(error));
}

Error too_large(std::string item) {
  return Error{ErrorCode::kInput,
               "fabric file too large",
               std::move(item),
               fmt::format("the limit is {}; describe a large fabric by a generator of topology.kind",
                           to_text(Bytes{static_cast<std::int64_t>(kMaxSpecBytes)})),
               {}};
}

// Reads at most the limit and a byte, so that a huge file or an endless device costs nothing.
Expected<std::string> read_file(const std::string& path) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) {
    if (failed && failed != std::errc::no_such_file_or_directory) {
      return in_file({ErrorCode::kInput, "cannot open the fabric file", failed.message(), "check the path", {}}, path);
    }
    return in_file({ErrorCode::kInput, "no such file", {}, "give the path of a fabric file in YAML", {}}, path);
  }
  if (std::filesystem::is_directory(status)) {
    return in_file({ErrorCode::kInput, "a directory, not a file", {}, "give the path of a fabric file in YAML", {}},
                   path);
  }
  if (std::filesystem::is_regular_file(status)) {
    const std::uintmax_t size = std::filesystem::file_size(path, failed);
    if (!failed && size > kMaxSpecBytes) return in_file(too_large(fmt::format("{} bytes", size)), path);
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return in_file(
        {ErrorCode::kInput, "cannot open the fabric file", std::strerror(errno), "check its permissions", {}}, path);
  }
  std::string text(kMaxSpecBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return in_file({ErrorCode::kEnvironment, "cannot read the fabric file", {}, {}, {}}, path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// A fault of fields taken together, at the place where the user wrote the offending one.
Error fault_error(const SpecFault& fault, const YamlNode& root, const std::vector<std::string>& sources) {
  const TreePlace place = find_place(root, fault.path);
  std::string item = fault.item;
  if (item.empty() && place.whole && place.node->kind == YamlNode::Kind::kScalar)
    item = quote_for_error(place.node->text);
  return error_at_node(*place.node, sources, fmt::format("{}: {}", fault.path, fault.message), std::move(item),
                       fault.way_out)
      .value();
}

}  // namespace

Expected<FabricSpec> parse_spec(std::string_view text, std::string file_name, std::span<const std::string> overrides) {
  if (text.size() > kMaxSpecBytes) return in_file(too_large(fmt::format("{} bytes", text.size())), file_name);
  auto tree = parse_yaml(text);
  if (!tree) return in_file(tree.error(), file_name);
  std::vector<std::string> sources{std::move(file_name)};
  for (const std::string& override_text : overrides) {
    sources.push_back("--set " + quote_for_error(override_text));
    if (auto done = apply_override(*tree, override_text, static_cast<std::uint32_t>(sources.size() - 1)); !done) {
      Error error = done.error();
      error.place = {sources.back(), 0, 0};
      return tl::unexpected(std::move(error));
    }
  }
  if (auto known = check_keys(*tree, spec_keys(), sources); !known) return tl::unexpected(known.error());
  auto spec = read_spec(*tree, sources);
  if (!spec) return spec;
  if (const auto fault = find_fault(*spec)) return tl::unexpected(fault_error(*fault, *tree, sources));
  return spec;
}

SourcePlace locate_key(const std::string& path, std::string_view key) {
  SourcePlace place{path, 0, 0};
  const auto text = read_file(path);
  if (!text) return place;
  const auto tree = parse_yaml(*text);
  if (!tree) return place;
  for (const YamlNode* node = &*tree; node != nullptr && !key.empty();) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    node = node->find(key.substr(0, dot));
    if (node == nullptr) break;
    place.line = node->line;
    place.column = node->column;
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return place;
}

Expected<FabricSpec> load_spec(const std::string& path, std::span<const std::string> overrides) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  return parse_spec(*text, path, overrides);
}

}  // namespace weft
