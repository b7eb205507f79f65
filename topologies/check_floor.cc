// check_wiring of a CSV as found on the floor. The file is untrusted: bounded, and wrong lines are named.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "topologies/cabling.h"
#include "topologies/failures.h"

namespace weft {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::uint64_t kSpareLines = 1000;
constexpr std::uint32_t kMaxPort = 1U << 24;

using Key = std::uint64_t;
Key key_of(PlugEnd e) {
  return static_cast<Key>(e.node.kind) << 56 | static_cast<Key>(e.node.index) << 24 | (e.port & (kMaxPort - 1));
}

struct FoundCable {
  std::uint32_t line = 0;
  PlugEnd a, b;
};

std::vector<std::string_view> split_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0;;) {
    const std::size_t comma = line.find(',', at);
    std::string_view field = line.substr(at, comma == std::string_view::npos ? comma : comma - at);
    while (!field.empty() && (field.front() == ' ' || field.front() == '\t')) field.remove_prefix(1);
    while (!field.empty() && (field.back() == ' ' || field.back() == '\t')) field.remove_suffix(1);
    fields.push_back(field);
    if (comma == std::string_view::npos) return fields;
    at = comma + 1;
  }
}

// What a message may repeat of untrusted text.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

class FloorReader {
 public:
  FloorReader(const Topology& topology, std::istream& in, const std::string& file)
      : t_(topology), in_(in), file_(file), max_lines_(topology.link_count() + kSpareLines) {}

  Expected<void> read_header() {
    auto line = next_line();
    if (!line) return tl::unexpected(std::move(line.error()));
    if (!*line) return error("empty cabling list", "", kHeaderWayOut);
    const auto fields = split_fields(**line);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      for (int c = 0; c < 4; ++c) {
        if (fields[i] != kColumns[c]) continue;
        if (column_[c]) return error("column given twice", shown(fields[i]), "each column once");
        column_[c] = i;
      }
    }
    for (int c = 0; c < 4; ++c) {
      if (!column_[c]) return error("the first line lacks a column", kColumns[c], kHeaderWayOut);
    }
    return {};
  }

  // nullopt at the end. Nodes that the fabric does not have become problems, not errors: the floor may well have them.
  Expected<std::optional<FoundCable>> next(WiringReport& report) {
    for (;;) {
      auto line = next_line();
      if (!line) return tl::unexpected(std::move(line.error()));
      if (!*line) return std::nullopt;
      if ((*line)->empty()) continue;
      const auto fields = split_fields(**line);
      FoundCable cable;
      cable.line = line_;
      bool known = true;
      for (const auto& [end, name, port] : {std::tuple(&cable.a, 0, 1), std::tuple(&cable.b, 2, 3)}) {
        const std::size_t last = std::max(*column_[name], *column_[port]);
        if (last >= fields.size()) {
          return error("too few fields", std::to_string(fields.size()), fmt::format("at least {}", last + 1));
        }
        const std::string_view text = fields[*column_[port]];
        const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), end->port);
        if (failed != std::errc{} || stop != text.data() + text.size() || end->port >= kMaxPort) {
          return error("not a port number", shown(text), "a whole number from 0");
        }
        const std::string_view node = fields[*column_[name]];
        const auto found = t_.find_node(node);
        if (found && found->kind != NodeKind::kGpu && found->kind != NodeKind::kScaleUpSwitch) {
          end->node = *found;
          continue;
        }
        known = false;
        // Each suggestion costs a search over names.
        const bool suggest = ++unknown_ <= 20;
        report.add_problem(fmt::format("line {}: no such switch or NIC port '{}'{}", line_, shown(node),
                                       suggest ? "; the nearest name is " + nearest_name(t_, node) : std::string()));
      }
      if (known) return cable;
    }
  }

 private:
  static constexpr const char* kColumns[4] = {"from", "from_port", "to", "to_port"};
  static constexpr const char* kHeaderWayOut = "a first line that names from, from_port, to and to_port";

  tl::unexpected<Error> error(std::string message, std::string item, std::string way_out) const {
    return tl::unexpected(
        Error{ErrorCode::kInput, std::move(message), std::move(item), std::move(way_out), {file_, line_, 1}});
  }

  Expected<std::optional<std::string_view>> next_line() {
    char* buffer = buffer_;
    if (!in_.getline(buffer, sizeof buffer_)) {
      if (in_.eof() && in_.gcount() == 0) return std::nullopt;
      ++line_;
      if (in_.bad()) return error("the cabling list could not be read", "", "a readable file");
      return error("line too long", "", fmt::format("at most {} bytes", kLongestLine));
    }
    if (++line_ > max_lines_) {
      return error("more lines than this fabric can have cables", std::to_string(line_),
                   fmt::format("at most {}", max_lines_));
    }
    std::string_view line(buffer);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  const Topology& t_;
  std::istream& in_;
  const std::string& file_;
  std::uint64_t max_lines_;
  std::uint32_t line_ = 0;
  std::uint32_t unknown_ = 0;
  std::optional<std::size_t> column_[4];
  char buffer_[kLongestLine + 2]{};
};

class Comparison {
 public:
  Comparison(const Topology& t, WiringReport& report) : t_(t), report_(report), first_(t.first_host_link() / 2) {
    const std::uint32_t cables = t.link_count() / 2 - first_;
    seen_on_.assign(cables, 0);
    excused_.assign(cables, false);
    plan_.reserve(2 * std::size_t{cables});
    for (std::uint32_t c = 0; c < cables; ++c) {
      const CablePlugs plugs = plugs_of(t, first_ + c);
      plan_.push_back({key_of(plugs.from), c});
      plan_.push_back({key_of(plugs.to), c});
    }
    std::sort(plan_.begin(), plan_.end());
  }

  void add(const FoundCable& found) {
    const auto a = cable_at(found.a), b = cable_at(found.b);
    if (!a || a != b || found.a == found.b) {
      wrong_.push_back(found);
      return;
    }
    if (seen_on_[*a] != 0) {
      report_.add_problem(
          fmt::format("line {}: extra: {} stands on line {} already", found.line, text(found), seen_on_[*a]));
      return;
    }
    seen_on_[*a] = found.line;
  }

  void finish() {
    for (std::uint32_t i = 0; i < wrong_.size(); ++i) {
      wrong_at_.emplace(key_of(wrong_[i].a), i);
      wrong_at_.emplace(key_of(wrong_[i].b), i);
    }
    std::vector<bool> told(wrong_.size(), false);
    for (std::uint32_t i = 0; i < wrong_.size(); ++i) {
      if (!told[i]) tell_wrong(i, told);
    }
    for (std::uint32_t c = 0; c < seen_on_.size(); ++c) {
      if (seen_on_[c] != 0 || excused_[c]) continue;
      const CablePlugs plugs = plugs_of(t_, first_ + c);
      report_.add_problem(fmt::format("missing: {} to {}", text(plugs.from), text(plugs.to)));
    }
  }

 private:
  std::optional<std::uint32_t> cable_at(PlugEnd end) const {
    const Key key = key_of(end);
    const auto at = std::lower_bound(plan_.begin(), plan_.end(), std::pair<Key, std::uint32_t>(key, 0));
    if (at == plan_.end() || at->first != key) return std::nullopt;
    return at->second;
  }
  PlugEnd planned_peer(PlugEnd end, std::uint32_t cable) const {
    const CablePlugs plugs = plugs_of(t_, first_ + cable);
    return plugs.from == end ? plugs.to : plugs.from;
  }
  std::string text(PlugEnd end) const { return fmt::format("{} port {}", t_.name(end.node), end.port); }
  std::string text(const FoundCable& f) const { return text(f.a) + " to " + text(f.b); }

  // The wrong line that joins the two ends which line i left without their peers, if the two were swapped.
  std::optional<std::uint32_t> swapped_with(PlugEnd x, PlugEnd y) const {
    const auto at = wrong_at_.find(key_of(x));
    if (at == wrong_at_.end()) return std::nullopt;
    const FoundCable& other = wrong_[at->second];
    if ((other.a == x && other.b == y) || (other.a == y && other.b == x)) return at->second;
    return std::nullopt;
  }

  void tell_wrong(std::uint32_t i, std::vector<bool>& told) {
    const FoundCable& f = wrong_[i];
    told[i] = true;
    const auto a = cable_at(f.a), b = cable_at(f.b);
    if (a && b && *a != *b) {
      const PlugEnd peer_a = planned_peer(f.a, *a), peer_b = planned_peer(f.b, *b);
      const auto j = swapped_with(peer_a, peer_b);
      if (j && !told[*j]) {
        told[*j] = true;
        excused_[*a] = excused_[*b] = true;
        report_.add_problem(fmt::format("lines {} and {}: swapped: {} belongs to {}, and {} to {}", f.line,
                                        wrong_[*j].line, text(f.a), text(peer_a), text(peer_b), text(f.b)));
        return;
      }
    }
    std::string planned;
    if (a) planned += fmt::format("; the plan joins {} to {}", text(f.a), text(planned_peer(f.a, *a)));
    if (b && !planned.empty()) planned += fmt::format(" and {} to {}", text(f.b), text(planned_peer(f.b, *b)));
    if (b && planned.empty())
      planned = fmt::format("; the plan joins {} to {}", text(f.b), text(planned_peer(f.b, *b)));
    report_.add_problem(fmt::format("line {}: extra: {}{}", f.line, text(f), planned));
  }

  const Topology& t_;
  WiringReport& report_;
  std::uint32_t first_;
  std::vector<std::pair<Key, std::uint32_t>> plan_;  // both plugs of each planned cable
  std::vector<std::uint32_t> seen_on_;               // line, 0: not yet
  std::vector<bool> excused_;                        // told as part of a swap
  std::vector<FoundCable> wrong_;
  std::unordered_map<Key, std::uint32_t> wrong_at_;
};

}  // namespace

Expected<WiringReport> check_wiring(const Topology& topology, std::istream& found, const std::string& file) {
  WiringReport report;
  FloorReader reader(topology, found, file);
  if (auto header = reader.read_header(); !header) return tl::unexpected(std::move(header.error()));
  Comparison comparison(topology, report);
  for (;;) {
    auto cable = reader.next(report);
    if (!cable) return tl::unexpected(std::move(cable.error()));
    if (!*cable) break;
    comparison.add(**cable);
  }
  comparison.finish();
  return report;
}

}  // namespace weft
