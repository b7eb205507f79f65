#include "topologies/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace weft {
namespace {

constexpr int kTiers = 4;  // hosts, leaves, spines, cores: bottom up

struct Edge {
  std::uint32_t cables = 0, dead = 0, slow = 0;
};

// The fabric with NIC ports folded into hosts. A node is its tier and place in it.
struct Picture {
  std::vector<std::string> names[kTiers];
  std::map<std::pair<std::pair<int, std::uint32_t>, std::pair<int, std::uint32_t>>, Edge> edges;  // ordered: same bytes
};

std::pair<int, std::uint32_t> drawn_as(const Topology& t, NodeRef node) {
  if (node.kind == NodeKind::kNicPort) {
    const HostsSpec& h = t.spec().hosts;
    return {0, node.index / h.ports_per_nic / h.nics};
  }
  return {static_cast<int>(node.kind) - static_cast<int>(NodeKind::kLeaf) + 1, node.index};
}

Expected<Picture> picture_of(const Topology& t) {
  std::uint64_t nodes = t.host_count();
  for (const NodeKind kind : {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore}) nodes += t.switch_count(kind);
  if (nodes > kMaxDrawnNodes) {
    return input_error("the fabric is too large to draw", fmt::format("{} hosts and switches", nodes),
                       fmt::format("at most {}; the cabling plan lists any size", kMaxDrawnNodes));
  }
  Picture p;
  for (std::uint32_t h = 0; h < t.host_count(); ++h) p.names[0].push_back(fmt::format("host{}", h));
  for (int tier = 1; tier < kTiers; ++tier) {
    const auto kind = static_cast<NodeKind>(static_cast<int>(NodeKind::kLeaf) + tier - 1);
    for (std::uint32_t i = 0; i < t.switch_count(kind); ++i) p.names[tier].push_back(t.name(NodeRef{kind, i}));
  }
  // Degraded is below what another cable of the tier runs at; only a spec with failures can have any.
  const bool deviates = t.spec().failing_from_start();
  std::int64_t fastest[4]{};
  for (std::uint32_t l = t.first_host_link(); l < t.link_count() && deviates; l += 2) {
    auto& f = fastest[static_cast<int>(t.tier(LinkId{l}))];
    f = std::max(f, t.rate(LinkId{l}).bits_per_second);
  }
  for (std::uint32_t l = t.first_host_link(); l < t.link_count(); l += 2) {
    const LinkEnds e = t.ends(LinkId{l});
    Edge& edge = p.edges[{drawn_as(t, e.from), drawn_as(t, e.to)}];
    const std::int64_t rate = t.rate(LinkId{l}).bits_per_second;
    ++edge.cables;
    if (rate == 0) {
      ++edge.dead;
    } else if (rate < fastest[static_cast<int>(t.tier(LinkId{l}))]) {
      ++edge.slow;
    }
  }
  return p;
}

const char* colour(const Edge& e) {
  if (e.dead > 0) return "#c0392b";
  return e.slow > 0 ? "#e67e22" : "#95a5a6";
}

// Names of explicit switches are letters, digits, '_', '-', '.'; the fabric's own name is anything.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) {
    if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\\' || (c >= 0 && c < ' ')) {
      out += '_';
    } else {
      out += c;
    }
  }
  return out;
}

constexpr int kBoxHeight = 22, kTierGap = 170, kMargin = 40;

struct Layout {
  int width = 0, height = 0, pitch = 0, tiers = 0;
  // Centre of a box: each tier is spread over the whole width, hosts at the bottom.
  [[nodiscard]] std::pair<double, int> centre(const Picture& p, std::pair<int, std::uint32_t> node) const {
    const auto n = static_cast<double>(p.names[node.first].size());
    const double x = kMargin + (width - 2 * kMargin) * (node.second + 0.5) / n;
    return {x, kMargin + 20 + (tiers - 1 - node.first) * kTierGap + kBoxHeight / 2};
  }
};

Layout lay_out(const Picture& p) {
  std::size_t most = 1, longest = 1;
  Layout l;
  for (int tier = 0; tier < kTiers; ++tier) {
    if (!p.names[tier].empty()) l.tiers = tier + 1;
    most = std::max(most, p.names[tier].size());
    for (const std::string& name : p.names[tier]) longest = std::max(longest, name.size());
  }
  l.pitch = static_cast<int>(longest) * 7 + 18;
  l.width = 2 * kMargin + static_cast<int>(most) * l.pitch;
  l.height = 2 * kMargin + 20 + (l.tiers - 1) * kTierGap + kBoxHeight;
  return l;
}

}  // namespace

Expected<std::string> draw_dot(const Topology& topology) {
  const auto p = picture_of(topology);
  if (!p) return tl::unexpected(p.error());
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "graph \"{}\" {{\n  rankdir=BT;\n  node [shape=box];\n", escaped(topology.spec().name));
  for (const auto& names : p->names) {
    if (names.empty()) continue;
    out += "  { rank=same;";
    for (const std::string& name : names) fmt::format_to(to, " \"{}\";", name);
    out += " }\n";
  }
  for (const auto& [ends, edge] : p->edges) {
    fmt::format_to(to, "  \"{}\" -- \"{}\" [color=\"{}\"", p->names[ends.first.first][ends.first.second],
                   p->names[ends.second.first][ends.second.second], colour(edge));
    if (edge.cables > 1) fmt::format_to(to, ", label=\"x{}\"", edge.cables);
    if (edge.dead > 0) out += ", style=dashed";
    out += "];\n";
  }
  out += "}\n";
  return out;
}

Expected<std::string> draw_svg(const Topology& topology) {
  const auto p = picture_of(topology);
  if (!p) return tl::unexpected(p.error());
  static constexpr const char* kFill[kTiers] = {"#ecf0f1", "#d4e6f1", "#d5f5e3", "#fdebd0"};
  const Layout l = lay_out(*p);
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
                 "font-family=\"sans-serif\" font-size=\"11\" text-anchor=\"middle\">\n",
                 l.width, l.height);
  fmt::format_to(to, "<title>{0}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                 escaped(topology.spec().name));
  for (const auto& [ends, edge] : p->edges) {
    const auto [x1, y1] = l.centre(*p, ends.first);
    const auto [x2, y2] = l.centre(*p, ends.second);
    fmt::format_to(
        to, "<line x1=\"{:.1f}\" y1=\"{}\" x2=\"{:.1f}\" y2=\"{}\" stroke=\"{}\"{}><title>{} cable{}</title></line>\n",
        x1, y1, x2, y2, colour(edge), edge.dead > 0 ? " stroke-dasharray=\"4 3\"" : "", edge.cables,
        edge.cables > 1 ? "s" : "");
  }
  for (int tier = 0; tier < kTiers; ++tier) {
    for (std::uint32_t i = 0; i < p->names[tier].size(); ++i) {
      const auto [x, y] = l.centre(*p, {tier, i});
      fmt::format_to(to,
                     "<rect x=\"{:.1f}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\" fill=\"{}\" stroke=\"#34495e\"/>"
                     "<text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
                     x - (l.pitch - 8) / 2.0, y - kBoxHeight / 2, l.pitch - 8, kBoxHeight, kFill[tier], x, y + 4,
                     p->names[tier][i]);
    }
  }
  out += "</svg>\n";
  return out;
}

}  // namespace weft
