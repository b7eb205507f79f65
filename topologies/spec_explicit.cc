#include "topologies/spec_explicit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <unordered_set>
#include <vector>

#include "topologies/spec_suggest.h"
#include "topologies/yaml_tree.h"

namespace weft {
namespace {

// Takes `word` and a decimal number below `limit`, written without leading zeros, off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view word, std::uint32_t limit) {
  if (!text.starts_with(word)) return std::nullopt;
  std::string_view rest = text.substr(word.size());
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  if (code != std::errc{} || number >= limit || (rest[0] == '0' && digits > 1)) return std::nullopt;
  text = rest.substr(digits);
  return number;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Names that weft gives to other nodes.
bool is_reserved(std::string_view name) {
  const auto numbered = [&](std::string_view word) {
    return name.starts_with(word) && name.size() > word.size() &&
           std::ranges::all_of(name.substr(word.size()), [](char c) { return c >= '0' && c <= '9'; });
  };
  return numbered("host") || numbered("gpu");
}

using Names = std::unordered_set<std::string_view>;

std::optional<SpecFault> find_switch_fault(const TopologySpec& t, Names& names) {
  for (std::size_t i = 0; i < t.switches.size(); ++i) {
    const std::string path = fmt::format("topology.switches.{}.name", i);
    const std::string& name = t.switches[i].name;
    if (!is_plain_name(name)) {
      return SpecFault{path, "not a switch's name", {}, "use 1 to 64 letters, digits, - and _"};
    }
    if (is_reserved(name)) return SpecFault{path, "a reserved name", {}, "host0 and gpu0 name hosts and GPUs"};
    if (!names.insert(name).second) return SpecFault{path, "a switch named twice", {}, "give each switch its own name"};
  }
  return std::nullopt;
}

std::string unknown_end_hint(const FabricSpec& spec, const std::string& end) {
  constexpr std::size_t kMaxSuggested = 4096;  // the suggestion is O(switches x name length^2)
  std::vector<std::string> names;
  for (const ExplicitSwitch& s : spec.topology.switches)
    if (names.size() < kMaxSuggested) names.push_back(s.name);
  const std::string near = nearest_word(end, names);
  if (!near.empty()) return fmt::format("did you mean {}?", near);
  const HostsSpec& h = spec.hosts;
  return fmt::format("name a switch of topology.switches, or a NIC port, host0.nic0{} to host{}.nic{}{}",
                     h.ports_per_nic > 1 ? ".port0" : "", h.count - 1, h.nics - 1,
                     h.ports_per_nic > 1 ? fmt::format(".port{}", h.ports_per_nic - 1) : "");
}

}  // namespace

std::optional<std::uint32_t> find_nic_port(const HostsSpec& hosts, std::string_view name) {
  const auto host = take_number(name, "host", hosts.count);
  const auto nic = host ? take_number(name, ".nic", hosts.nics) : std::nullopt;
  if (!nic) return std::nullopt;
  std::optional<std::uint32_t> port = 0;
  if (!name.empty() || hosts.ports_per_nic > 1) port = take_number(name, ".port", hosts.ports_per_nic);
  if (!port || !name.empty()) return std::nullopt;
  return (*host * hosts.nics + *nic) * hosts.ports_per_nic + *port;
}

std::optional<SpecFault> find_explicit_fault(const FabricSpec& spec) {
  const TopologySpec& t = spec.topology;
  if (t.switches.empty())
    return SpecFault{"topology.switches", "an explicit topology without switches", {}, "list them"};
  if (t.links.empty()) return SpecFault{"topology.links", "an explicit topology without links", {}, "list them"};
  Names names;
  if (auto fault = find_switch_fault(t, names)) return fault;
  std::unordered_set<std::uint32_t> wired;
  for (std::size_t i = 0; i < t.links.size(); ++i) {
    const ExplicitLink& link = t.links[i];
    const std::string path = fmt::format("topology.links.{}", i);
    if (link.a == link.b) return SpecFault{path + ".b", "a link from a node to itself", {}, "name two ends"};
    std::uint32_t nic_ends = 0;
    for (const bool first : {true, false}) {
      const std::string& end = first ? link.a : link.b;
      const std::string end_path = path + (first ? ".a" : ".b");
      if (names.contains(end)) continue;
      const auto port = find_nic_port(spec.hosts, end);
      if (!port) return SpecFault{end_path, "no such switch or NIC port", {}, unknown_end_hint(spec, end)};
      if (!wired.insert(*port).second || link.count > 1) {
        return SpecFault{end_path, "more than one cable in a NIC port", {}, "raise hosts.ports_per_nic or remove one"};
      }
      ++nic_ends;
    }
    if (nic_ends == 2) return SpecFault{path + ".b", "a link between two NIC ports", {}, "one end must be a switch"};
  }
  return std::nullopt;
}

}  // namespace weft
