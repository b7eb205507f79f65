#include "topologies/explicit.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "topologies/node_names.h"

namespace weft {
namespace {

constexpr std::uint32_t kMaxExplicitCables = 1U << 24;
constexpr std::size_t kLongestName = 64;

bool is_tier_switch(NodeKind kind) {
  return kind == NodeKind::kLeaf || kind == NodeKind::kSpine || kind == NodeKind::kCore;
}

int place_of(NodeKind kind) { return static_cast<int>(kind) - static_cast<int>(NodeKind::kLeaf); }

// Names must not look like an endpoint's or break "FROM>TO#i".
bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

// Sets of joined nodes, with path halving.
class Sets {
 public:
  explicit Sets(std::uint32_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0U); }
  std::uint32_t find(std::uint32_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  void join(std::uint32_t a, std::uint32_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace

Expected<std::unique_ptr<ExplicitTopology>> ExplicitTopology::create(FabricSpec spec) {
  std::unique_ptr<ExplicitTopology> t(new ExplicitTopology(std::move(spec)));
  if (auto done = t->add_switches(); !done) return tl::unexpected(std::move(done.error()));
  if (auto done = t->add_links(); !done) return tl::unexpected(std::move(done.error()));
  t->number_parallels();
  t->index_neighbours();
  if (auto done = t->check_connected(); !done) return tl::unexpected(std::move(done.error()));
  if (!t->spec().failures.empty()) {
    auto deviations = resolve_failures(*t);
    if (!deviations) return tl::unexpected(std::move(deviations.error()));
    t->deviations_ = std::move(*deviations);
  }
  return t;
}

Expected<void> ExplicitTopology::add_switches() {
  for (const ExplicitSwitch& s : spec().topology.switches) {
    if (!is_tier_switch(s.kind)) return input_error("topology.switches: a switch is leaf, spine or core", s.name);
    if (!good_name(s.name)) {
      return input_error("topology.switches: unusable name", s.name.substr(0, kLongestName),
                         "letters, digits, '_', '-' and '.', at most 64");
    }
    auto& names = switch_names_[place_of(s.kind)];
    const NodeRef node{s.kind, static_cast<std::uint32_t>(names.size())};
    if (find_endpoint(*this, s.name) || !by_name_.emplace(s.name, node).second) {
      return input_error("topology.switches: the name is taken", s.name, "a name of its own for each switch");
    }
    names.push_back(s.name);
  }
  if (switch_names_[0].empty())
    return input_error("topology.switches: no leaf", "[]", "at least one switch of kind leaf");
  return {};
}

Expected<ExplicitTopology::Cable> ExplicitTopology::read_link(const ExplicitLink& link) const {
  const auto a = find_node(link.a), b = find_node(link.b);
  for (const auto& [node, text] : {std::pair(a, &link.a), std::pair(b, &link.b)}) {
    if (!node) {
      return input_error("topology.links: no such switch or NIC port", *text,
                         "the nearest name is " + nearest_name(*this, *text));
    }
    if (!is_tier_switch(node->kind) && node->kind != NodeKind::kNicPort) {
      return input_error("topology.links: not a switch or NIC port", *text);
    }
  }
  Cable cable;
  const bool in_order = a->kind <= b->kind;
  cable.up = in_order ? LinkEnds{*a, *b} : LinkEnds{*b, *a};
  const NodeKind low = cable.up.from.kind, high = cable.up.to.kind;
  const std::string text = link.a + " - " + link.b;
  if (cable.up.from == cable.up.to) return input_error("topology.links: a link from a switch to itself", text);
  const LinksSpec& links = spec().links;
  const LinkTierSpec* tier = nullptr;
  if (low == NodeKind::kNicPort && high == NodeKind::kLeaf) {
    cable.tier = LinkTier::kHost;
    tier = &links.host;
  } else if (low == NodeKind::kLeaf && (high == NodeKind::kSpine || high == NodeKind::kLeaf)) {
    cable.tier = LinkTier::kLeafSpine;
    tier = &links.leaf_spine;
  } else if (low == NodeKind::kSpine || low == NodeKind::kCore) {
    cable.tier = LinkTier::kSpineCore;
    tier = &links.spine_core;
  } else {
    return input_error("topology.links: these tiers do not meet", text,
                       "hosts join leaves, leaves spines, spines cores");
  }
  cable.rate = link.rate.value_or(tier->rate.value_or(spec().port_rate()));
  cable.delay = link.delay.value_or(tier->delay);
  if (cable.rate.bits_per_second <= 0) return input_error("topology.links: a link needs a rate above zero", text);
  return cable;
}

Expected<void> ExplicitTopology::add_links() {
  if (has_scale_up()) {
    for (std::uint32_t g = 0; g < gpu_count(); ++g) {
      cables_.push_back({{{NodeKind::kGpu, g}, {NodeKind::kScaleUpSwitch, domain_of(GpuId{g})}},
                         LinkTier::kScaleUp,
                         spec().hosts.scale_up.rate_per_gpu,
                         Duration{}});
    }
  }
  std::vector<Cable> host(port_count()), fabric;
  std::vector<bool> plugged(port_count(), false);
  for (const ExplicitLink& link : spec().topology.links) {
    auto cable = read_link(link);
    if (!cable) return tl::unexpected(std::move(cable.error()));
    if (cable->tier == LinkTier::kHost) {
      const std::uint32_t port = cable->up.from.index;
      if (plugged[port] || link.count != 1) {
        return input_error("topology.links: a NIC port takes one cable", name(cable->up.from), "one link with count 1");
      }
      plugged[port] = true;
      host[port] = *cable;
      continue;
    }
    if (link.count == 0 || link.count > kMaxExplicitCables || fabric.size() + link.count > kMaxExplicitCables) {
      return input_error("topology.links: count out of range", std::to_string(link.count),
                         fmt::format("1 to {} cables in all", kMaxExplicitCables));
    }
    fabric.insert(fabric.end(), link.count, *cable);
  }
  for (std::uint32_t p = 0; p < port_count(); ++p) {
    if (!plugged[p]) {
      return input_error("topology.links: a NIC port has no link", name(NodeRef{NodeKind::kNicPort, p}),
                         "a link from it to a leaf");
    }
  }
  std::stable_sort(fabric.begin(), fabric.end(), [](const Cable& a, const Cable& b) { return a.tier < b.tier; });
  cables_.insert(cables_.end(), host.begin(), host.end());
  cables_.insert(cables_.end(), fabric.begin(), fabric.end());
  return {};
}

void ExplicitTopology::number_parallels() {
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  const auto key = [this](const Cable& c) {
    const std::uint64_t a = dense(c.up.from), b = dense(c.up.to);
    return std::min(a, b) << 32 | std::max(a, b);
  };
  for (Cable& c : cables_) c.parallel = seen[key(c)]++;
  for (Cable& c : cables_) c.parallels = seen[key(c)];
}

void ExplicitTopology::index_neighbours() {
  first_neighbour_.assign(node_count() + 1, 0);
  for (std::uint32_t l = 0; l < link_count(); ++l) ++first_neighbour_[dense(ends(LinkId{l}).from) + 1];
  std::partial_sum(first_neighbour_.begin(), first_neighbour_.end(), first_neighbour_.begin());
  neighbours_.resize(link_count());
  std::vector<std::uint32_t> next(first_neighbour_.begin(), first_neighbour_.end() - 1);
  for (std::uint32_t l = 0; l < link_count(); ++l) neighbours_[next[dense(ends(LinkId{l}).from)]++] = LinkId{l};
}

Expected<void> ExplicitTopology::check_connected() const {
  // Scale-up does not count: a fabric that only scale-up holds together carries no scale-out traffic between its parts.
  Sets sets(node_count());
  for (const Cable& c : cables_) {
    if (c.tier != LinkTier::kScaleUp) sets.join(dense(c.up.from), dense(c.up.to));
  }
  const NodeRef first{NodeKind::kNicPort, 0};
  const auto check = [&](NodeRef node) { return sets.find(dense(node)) == sets.find(dense(first)); };
  for (const NodeKind kind : {NodeKind::kNicPort, NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore}) {
    const std::uint32_t n = kind == NodeKind::kNicPort ? port_count() : switch_count(kind);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (check({kind, i})) continue;
      return input_error(fmt::format("topology.links: the fabric is disconnected, no path from {}", name(first)),
                         name(NodeRef{kind, i}), "add a link that joins the parts");
    }
  }
  return {};
}

std::uint32_t ExplicitTopology::dense(NodeRef node) const {
  std::uint32_t first = 0;
  switch (node.kind) {
    case NodeKind::kCore:
      first += switch_count(NodeKind::kSpine);
      [[fallthrough]];
    case NodeKind::kSpine:
      first += switch_count(NodeKind::kLeaf);
      [[fallthrough]];
    case NodeKind::kLeaf:
      first += port_count();
      [[fallthrough]];
    case NodeKind::kNicPort:
      first += switch_count(NodeKind::kScaleUpSwitch);
      [[fallthrough]];
    case NodeKind::kScaleUpSwitch:
      first += gpu_count();
      [[fallthrough]];
    case NodeKind::kGpu:
      break;
  }
  return first + node.index;
}

std::uint32_t ExplicitTopology::node_count() const { return dense({NodeKind::kCore, switch_count(NodeKind::kCore)}); }

std::span<const LinkId> ExplicitTopology::neighbours(NodeRef node) const {
  const std::uint32_t i = dense(node);
  return {neighbours_.data() + first_neighbour_[i], first_neighbour_[i + 1] - first_neighbour_[i]};
}

Rate ExplicitTopology::rate(LinkId link) const {
  const std::uint32_t cable = link.value / 2;
  const Rate full = cables_[cable].rate;
  if (!deviations_.deviates(cable)) return full;
  return Rate{static_cast<std::int64_t>(static_cast<double>(full.bits_per_second) * deviations_.rate_factor(cable))};
}

LinkEnds ExplicitTopology::ends(LinkId link) const {
  const LinkEnds& up = cables_[link.value / 2].up;
  return link.value % 2 == 0 ? up : LinkEnds{up.to, up.from};
}

std::uint32_t ExplicitTopology::switch_count(NodeKind kind) const {
  if (is_tier_switch(kind)) return static_cast<std::uint32_t>(switch_names_[place_of(kind)].size());
  if (kind == NodeKind::kScaleUpSwitch && has_scale_up()) {
    return (gpu_count() - 1) / spec().hosts.scale_up.domain_gpus + 1;
  }
  return 0;
}

std::string ExplicitTopology::name(NodeRef node) const {
  return is_tier_switch(node.kind) ? switch_names_[place_of(node.kind)][node.index] : endpoint_name(*this, node);
}

std::string ExplicitTopology::name(LinkId link) const {
  const LinkEnds e = ends(link);
  const Cable& c = cables_[link.value / 2];
  std::string text = name(e.from) + ">" + name(e.to);
  if (c.parallels > 1) text += fmt::format("#{}", c.parallel);
  return text;
}

std::optional<NodeRef> ExplicitTopology::find_node(std::string_view text) const {
  if (const auto at = by_name_.find(std::string(text)); at != by_name_.end()) return at->second;
  return find_endpoint(*this, text);
}

std::optional<LinkId> ExplicitTopology::find_link(std::string_view text) const {
  const auto parts = split_link_name(text);
  if (!parts) return std::nullopt;
  const auto from = find_node(parts->from), to = find_node(parts->to);
  if (!from || !to) return std::nullopt;
  for (const LinkId link : neighbours(*from)) {
    const Cable& c = cables_[link.value / 2];
    if (ends(link).to != *to || c.parallel != parts->parallel.value_or(0)) continue;
    if (parts->parallel.has_value() == (c.parallels > 1)) return link;
  }
  return std::nullopt;
}

}  // namespace weft
