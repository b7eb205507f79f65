#include "topologies/failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

namespace weft {
namespace {

// splitmix64 (Steele, Lea, Flood, OOPSLA'14): the same draw on every machine, which std:: distributions do not promise.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint32_t random_below(std::uint64_t& state, std::uint32_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint32_t>((static_cast<Wide>(next_random(state)) * n) >> 64);
}

// `count` distinct numbers below n (Floyd's sampling, CACM 1987), sorted.
std::vector<std::uint32_t> sample(std::uint32_t count, std::uint32_t n, std::uint64_t seed) {
  std::unordered_set<std::uint32_t> chosen;
  std::uint64_t state = seed;
  for (std::uint32_t top = n - count; top < n; ++top) {
    const std::uint32_t candidate = random_below(state, top + 1);
    if (!chosen.insert(candidate).second) chosen.insert(top);
  }
  std::vector<std::uint32_t> out(chosen.begin(), chosen.end());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_switch(NodeKind kind) { return kind != NodeKind::kGpu && kind != NodeKind::kNicPort; }

struct CableRange {
  std::uint32_t first = 0, count = 0;
};

// Tiers are numbered one after another (fabric/topology.h).
CableRange cables_of_tier(const Topology& topology, LinkTier tier) {
  const std::uint32_t cables = topology.link_count() / 2;
  const auto first_at_least = [&](int wanted) {
    std::uint32_t low = 0, high = cables;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (static_cast<int>(topology.tier(LinkId{2 * middle})) < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  const std::uint32_t first = first_at_least(static_cast<int>(tier));
  return {first, first_at_least(static_cast<int>(tier) + 1) - first};
}

class Resolver {
 public:
  explicit Resolver(const Topology& topology) : topology_(topology) {}

  Expected<void> add(const FailureSpec& failure) {
    if (!(failure.rate_factor >= 0.0 && failure.rate_factor <= 1.0)) {
      return input_error("failures: rate_factor outside 0 to 1", fmt::format("{}", failure.rate_factor),
                         "0 is dead, 0.25 a quarter of the rate");
    }
    if (!failure.name.empty()) return add_named(failure);
    return failure.target == FailureTarget::kLink ? add_random_links(failure) : add_random_switches(failure);
  }

  Expected<Deviations> finish() {
    if (!switches_.empty()) collect_cables_of_switches();
    std::sort(found_.begin(), found_.end(), [](const CableDeviation& a, const CableDeviation& b) {
      return a.cable != b.cable ? a.cable < b.cable : a.rate_factor < b.rate_factor;
    });
    const auto same = [](const CableDeviation& a, const CableDeviation& b) { return a.cable == b.cable; };
    found_.erase(std::unique(found_.begin(), found_.end(), same), found_.end());
    std::erase_if(found_, [](const CableDeviation& d) { return d.rate_factor >= 1.0; });
    return Deviations(std::move(found_), topology_.link_count() / 2);
  }

 private:
  struct FailedSwitch {
    NodeRef node;
    double rate_factor;
  };

  Expected<void> add_named(const FailureSpec& failure) {
    if (failure.target == FailureTarget::kLink) {
      const auto link = topology_.find_link(failure.name);
      if (!link) return unknown("failures: no such link", failure.name);
      found_.push_back({link->value / 2, failure.rate_factor});
      return {};
    }
    const auto node = topology_.find_node(failure.name);
    if (!node || !is_switch(node->kind)) return unknown("failures: no such switch", failure.name);
    switches_.push_back({*node, failure.rate_factor});
    return {};
  }

  tl::unexpected<Error> unknown(std::string message, const std::string& name) const {
    return input_error(std::move(message), name, "the nearest name is " + nearest_name(topology_, name));
  }

  // How many of `n` parts the line asks for.
  static Expected<std::uint32_t> wanted(const FailureSpec& failure, std::uint32_t n, const char* tier) {
    if (n == 0) return input_error("failures: this fabric has no parts of the tier", tier);
    if (failure.count.has_value() == failure.fraction.has_value()) {
      return input_error("failures: a line without a name takes either count or fraction", tier);
    }
    if (failure.count) {
      if (*failure.count <= n) return *failure.count;
      return input_error("failures: count above the parts of the tier", std::to_string(*failure.count),
                         fmt::format("tier {} has {}", tier, n));
    }
    if (!(*failure.fraction >= 0.0 && *failure.fraction <= 1.0)) {
      return input_error("failures: fraction outside 0 to 1", fmt::format("{}", *failure.fraction));
    }
    return static_cast<std::uint32_t>(std::llround(*failure.fraction * n));
  }

  Expected<void> add_random_links(const FailureSpec& failure) {
    if (!failure.link_tier)
      return input_error("failures: random links need a tier", "link", "one of host, leaf_spine, spine_core");
    const CableRange range = cables_of_tier(topology_, *failure.link_tier);
    const auto count = wanted(failure, range.count, to_text(*failure.link_tier));
    if (!count) return tl::unexpected(count.error());
    for (const std::uint32_t i : sample(*count, range.count, failure.seed)) {
      found_.push_back({range.first + i, failure.rate_factor});
    }
    return {};
  }

  Expected<void> add_random_switches(const FailureSpec& failure) {
    if (!failure.switch_tier || !is_switch(*failure.switch_tier)) {
      return input_error("failures: random switches need a tier", "switch", "one of leaf, spine, core");
    }
    const std::uint32_t n = topology_.switch_count(*failure.switch_tier);
    const auto count = wanted(failure, n, to_text(*failure.switch_tier));
    if (!count) return tl::unexpected(count.error());
    for (const std::uint32_t i : sample(*count, n, failure.seed)) {
      switches_.push_back({{*failure.switch_tier, i}, failure.rate_factor});
    }
    return {};
  }

  // One pass over all cables: independent of how many switches failed.
  void collect_cables_of_switches() {
    constexpr int kKinds = static_cast<int>(NodeKind::kCore) + 1;
    std::vector<double> factor[kKinds];
    for (const FailedSwitch& s : switches_) {
      auto& of_kind = factor[static_cast<int>(s.node.kind)];
      if (of_kind.empty()) of_kind.assign(topology_.switch_count(s.node.kind), 1.0);
      of_kind[s.node.index] = std::min(of_kind[s.node.index], s.rate_factor);
    }
    const auto factor_of = [&](NodeRef node) {
      const auto& of_kind = factor[static_cast<int>(node.kind)];
      return of_kind.empty() ? 1.0 : of_kind[node.index];
    };
    for (std::uint32_t cable = 0; cable < topology_.link_count() / 2; ++cable) {
      const LinkEnds e = topology_.ends(LinkId{2 * cable});
      const double f = std::min(factor_of(e.from), factor_of(e.to));
      if (f < 1.0) found_.push_back({cable, f});
    }
  }

  const Topology& topology_;
  std::vector<CableDeviation> found_;
  std::vector<FailedSwitch> switches_;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Deviations::Deviations(std::vector<CableDeviation> sorted, std::uint32_t cables) : sorted_(std::move(sorted)) {
  if (sorted_.empty()) return;
  bits_.assign(cables / 64 + 1, 0);
  for (const CableDeviation& d : sorted_) bits_[d.cable / 64] |= std::uint64_t{1} << (d.cable % 64);
}

double Deviations::rate_factor(std::uint32_t cable) const {
  if (!deviates(cable)) return 1.0;
  const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), cable,
                                   [](const CableDeviation& d, std::uint32_t c) { return d.cable < c; });
  return at->rate_factor;
}

Expected<Deviations> resolve_failures(const Topology& topology) {
  Resolver resolver(topology), checked_only(topology);
  for (const FailureSpec& failure : topology.spec().failures) {
    auto added = (failure.at ? checked_only : resolver).add(failure);
    if (!added) return tl::unexpected(std::move(added.error()));
  }
  return resolver.finish();
}

Expected<std::vector<TimedDeviation>> resolve_timed_failures(const Topology& topology) {
  const std::vector<FailureSpec>& failures = topology.spec().failures;
  const auto same_times = [](const FailureSpec& a, const FailureSpec& b) {
    return a.at == b.at && a.until == b.until && a.period == b.period;
  };
  std::vector<TimedDeviation> out;
  for (std::size_t i = 0; i < failures.size();) {
    const FailureSpec& first = failures[i];
    Resolver resolver(topology);
    for (; i < failures.size() && same_times(failures[i], first); ++i) {
      if (!first.at) continue;
      if (auto added = resolver.add(failures[i]); !added) return tl::unexpected(std::move(added.error()));
    }
    if (!first.at) continue;
    const auto deviations = resolver.finish();
    if (!deviations) return tl::unexpected(deviations.error());
    for (const CableDeviation& d : deviations->sorted())
      out.push_back({d.cable, d.rate_factor, *first.at, first.until, first.period});
  }
  return out;
}

std::string nearest_name(const Topology& topology, std::string_view text) {
  // Long garbage must not cost quadratic time.
  constexpr std::size_t kLongestName = 128;
  text = text.substr(0, kLongestName);
  std::string best;
  std::size_t best_distance = ~std::size_t{0};
  const auto consider = [&](std::string candidate) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance >= best_distance) return;
    best_distance = distance;
    best = std::move(candidate);
  };
  // Every name of a million is not worth a look: the first and last of each kind and powers of ten between show the
  // form.
  constexpr std::uint32_t kAllUpTo = 4096;
  if (text.find('>') == std::string_view::npos) {
    for (const NodeKind kind : {NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore, NodeKind::kScaleUpSwitch}) {
      const std::uint32_t n = topology.switch_count(kind);
      for (std::uint32_t i = 0; i < std::min(n, kAllUpTo); ++i) consider(topology.name(NodeRef{kind, i}));
      if (n > kAllUpTo) consider(topology.name(NodeRef{kind, n - 1}));
    }
    const std::uint32_t ports = text.starts_with("host") ? topology.port_count() : 0;
    for (std::uint32_t i = 0; i < std::min(ports, kAllUpTo); ++i)
      consider(topology.name(NodeRef{NodeKind::kNicPort, i}));
    if (ports > kAllUpTo) consider(topology.name(NodeRef{NodeKind::kNicPort, ports - 1}));
    return best;
  }
  for (const LinkTier tier : {LinkTier::kScaleUp, LinkTier::kHost, LinkTier::kLeafSpine, LinkTier::kSpineCore}) {
    const CableRange range = cables_of_tier(topology, tier);
    for (std::uint32_t i = 0; i < std::min(range.count, kAllUpTo); ++i) {
      consider(topology.name(LinkId{2 * (range.first + i)}));
    }
    if (range.count > kAllUpTo) consider(topology.name(LinkId{2 * (range.first + range.count - 1)}));
  }
  return best;
}

const char* to_text(NodeKind kind) {
  switch (kind) {
    case NodeKind::kGpu:
      return "gpu";
    case NodeKind::kScaleUpSwitch:
      return "scaleup";
    case NodeKind::kNicPort:
      return "nic_port";
    case NodeKind::kLeaf:
      return "leaf";
    case NodeKind::kSpine:
      return "spine";
    case NodeKind::kCore:
      return "core";
  }
  return "?";
}

const char* to_text(LinkTier tier) {
  switch (tier) {
    case LinkTier::kScaleUp:
      return "scale_up";
    case LinkTier::kHost:
      return "host";
    case LinkTier::kLeafSpine:
      return "leaf_spine";
    case LinkTier::kSpineCore:
      return "spine_core";
  }
  return "?";
}

}  // namespace weft
