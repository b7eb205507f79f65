#include "emulator/fluid/components.h"

#include <algorithm>
#include <random>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace weft {
namespace {

// So many candidates are looked at for each component asked for: many share all their flows with another.
constexpr std::size_t kCandidates = 4;

using PathKey = std::pair<std::uint64_t, std::uint32_t>;  // edge, QP
PathKey key_of(const RoutedPath& path) { return {path.edge, path.qp}; }

struct Candidate {
  std::uint32_t resource = 0;
  bool random = false;
  double keep = 1;  // share of its paths that are played
  std::vector<RoutedPath> paths;
};

class Finder {
 public:
  Finder(const RoutedStep& step, const Forwarding& forwarding, const ComponentOptions& options)
      : step_(step), options_(options), carver_(step, forwarding, step.phase().via, options.most_flows) {}

  Expected<Components> find() {
    list_candidates();
    if (candidates_.empty())
      return input_error("nothing of this step crosses the network", step_.phase().name,
                         "--verify checks what NICs send; leave it out");
    if (auto done = collect_foreground(); !done) return tl::unexpected(done.error());
    choose();
    if (auto done = collect_others(); !done) return tl::unexpected(done.error());
    if (auto done = grow(); !done) return tl::unexpected(done.error());
    Components out;
    out.played = build();
    count_unplayed(out);
    return out;
  }

 private:
  struct Chosen {
    Candidate from;
    bool sampled = false;          // a sample of its paths
    bool shared_too_much = false;  // others are too many to be told apart
    std::vector<RoutedPath> others, grown, grown_others;
  };

  [[nodiscard]] double drain(std::uint32_t r) const { return step_.bits()[r] / step_.capacity()[r]; }
  [[nodiscard]] Candidate candidate(std::uint32_t r, bool random) const {
    const double paths = step_.count()[r];
    const bool pool = step_.router().pool_size(r) > 1;
    const double most = pool ? options_.most_grown : options_.most_foreground;
    return {r, random, paths <= most ? 1.0 : 2 * options_.most_foreground / paths, {}};
  }

  void list_candidates() {
    std::vector<std::uint32_t> used, saturated;
    const std::uint32_t first = step_.topology().first_host_link();
    for (std::uint32_t r = first; r < step_.capacity().size(); ++r) {
      if (step_.load()[r] <= 0) continue;
      used.push_back(r);
      if (step_.saturated(r)) saturated.push_back(r);
    }
    const std::size_t top = std::min(used.size(), kCandidates * options_.contended);
    const auto longer = [&](std::uint32_t a, std::uint32_t b) {
      const double da = drain(a), db = drain(b);
      if (std::abs(da - db) > 1e-9 * (da + db)) return da > db;
      if (step_.count()[a] != step_.count()[b]) return step_.count()[a] > step_.count()[b];
      return a < b;
    };
    std::vector<std::uint32_t> random = saturated.empty() ? used : saturated;
    std::partial_sort(used.begin(), used.begin() + static_cast<std::ptrdiff_t>(top), used.end(), longer);
    for (std::size_t i = 0; i < top; ++i) candidates_.push_back(candidate(used[i], false));
    std::mt19937_64 draw(options_.seed);
    for (std::size_t i = 0; i < kCandidates * options_.random && !random.empty(); ++i) {
      const std::size_t at = draw() % random.size();
      candidates_.push_back(candidate(random[at], true));
      random[at] = random.back();
      random.pop_back();
    }
  }

  // Marks the resources of `wanted`; mark 1 keeps all.
  template <typename Each>
  [[nodiscard]] Expected<std::vector<RoutedPath>> paths_across(const Each& each) const {
    PathFilter filter;
    filter.seed = options_.seed;
    filter.mark.assign(step_.capacity().size(), 0);
    filter.keep = {0.0, 1.0};
    each(filter);
    return step_.paths(filter);
  }

  Expected<void> collect_foreground() {
    auto paths = paths_across([&](PathFilter& filter) {
      for (const Candidate& c : candidates_) {
        if (filter.mark[c.resource] != 0) continue;
        filter.mark[c.resource] = static_cast<std::uint32_t>(filter.keep.size());
        filter.keep.push_back(c.keep);
      }
    });
    if (!paths) return tl::unexpected(paths.error());
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_resource;
    for (std::size_t i = 0; i < candidates_.size(); ++i) by_resource[candidates_[i].resource].push_back(i);
    for (const RoutedPath& path : *paths) {
      for (const std::uint32_t r : path.resources) {
        const auto at = by_resource.find(r);
        if (at == by_resource.end()) continue;
        for (const std::size_t i : at->second) {
          std::vector<RoutedPath>& of = candidates_[i].paths;
          if (of.empty() || key_of(of.back()) != key_of(path)) of.push_back(path);
        }
      }
    }
    return {};
  }

  void choose() {
    std::set<PathKey> seen;
    std::uint32_t contended = 0, random = 0;
    for (Candidate& c : candidates_) {
      std::uint32_t& of = c.random ? random : contended;
      if (c.paths.empty() || of == (c.random ? options_.random : options_.contended)) continue;
      bool fresh = false;
      for (const RoutedPath& path : c.paths) fresh |= seen.insert(key_of(path)).second;
      if (!fresh) continue;
      ++of;
      Chosen chosen;
      chosen.sampled = c.keep < 1;
      std::unordered_set<std::uint32_t> links = links_of(c.paths);
      double others = 0;
      for (const std::uint32_t r : links) others += step_.count()[r];
      chosen.shared_too_much = others > options_.most_others;
      chosen.from = std::move(c);
      chosen_.push_back(std::move(chosen));
    }
  }

  [[nodiscard]] static std::unordered_set<std::uint32_t> links_of(const std::vector<RoutedPath>& paths) {
    std::unordered_set<std::uint32_t> links;
    for (const RoutedPath& path : paths) links.insert(path.resources.begin(), path.resources.end());
    return links;
  }

  // Fills chosen[i].*to with the paths that cross links of `foreground(chosen[i])` and are not in it.
  template <typename Foreground>
  Expected<void> collect_beside(const Foreground& foreground, std::vector<RoutedPath> Chosen::*to) {
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_resource;
    std::vector<std::set<PathKey>> inside(chosen_.size());
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      const std::vector<RoutedPath>* paths = foreground(chosen_[i]);
      if (paths == nullptr) continue;
      for (const RoutedPath& path : *paths) inside[i].insert(key_of(path));
      for (const std::uint32_t r : links_of(*paths)) by_resource[r].push_back(i);
    }
    if (by_resource.empty()) return {};
    auto found = paths_across([&](PathFilter& filter) {
      for (const auto& [resource, of] : by_resource) filter.mark[resource] = 1;
    });
    if (!found) return tl::unexpected(found.error());
    for (const RoutedPath& path : *found) {
      std::set<std::size_t> beside;
      for (const std::uint32_t r : path.resources) {
        const auto at = by_resource.find(r);
        if (at != by_resource.end()) beside.insert(at->second.begin(), at->second.end());
      }
      for (const std::size_t i : beside) {
        if (!inside[i].contains(key_of(path))) (chosen_[i].*to).push_back(path);
      }
    }
    return {};
  }

  Expected<void> collect_others() {
    return collect_beside([](const Chosen& c) { return c.sampled || c.shared_too_much ? nullptr : &c.from.paths; },
                          &Chosen::others);
  }

  // Others that cross a saturated link of the foreground come into it.
  Expected<void> grow() {
    for (Chosen& c : chosen_) {
      if (c.sampled || c.shared_too_much) continue;
      std::unordered_set<std::uint32_t> contended;
      for (const std::uint32_t r : links_of(c.from.paths)) {
        if (step_.saturated(r)) contended.insert(r);
      }
      std::vector<RoutedPath> grown = c.from.paths;
      for (const RoutedPath& path : c.others) {
        const bool crosses = std::any_of(path.resources.begin(), path.resources.end(),
                                         [&](std::uint32_t r) { return contended.contains(r); });
        if (crosses) grown.push_back(path);
      }
      double others = 0;
      for (const std::uint32_t r : links_of(grown)) others += step_.count()[r];
      const bool fits = grown.size() <= options_.most_grown && others <= options_.most_others;
      if (fits && grown.size() > c.from.paths.size()) c.grown = std::move(grown);
    }
    return collect_beside([](const Chosen& c) { return c.grown.empty() ? nullptr : &c.grown; }, &Chosen::grown_others);
  }

  void build_sampled(Chosen& c, Component& component) const {
    const double paths = step_.count()[c.from.resource];
    std::vector<RoutedPath> half;
    for (std::size_t i = 0; i < c.from.paths.size(); i += 2) half.push_back(c.from.paths[i]);
    if (!c.sampled) half = c.from.paths;
    const auto times = [&](const std::vector<RoutedPath>& of) { return paths / static_cast<double>(of.size()); };
    component.base = carver_.carve_sample(c.from.resource, half, c.sampled ? times(half) : 1.0);
    if (c.sampled) component.grown = carver_.carve_sample(c.from.resource, c.from.paths, times(c.from.paths));
  }

  std::vector<Component> build() {
    std::vector<Component> out;
    for (Chosen& c : chosen_) {
      Component component;
      component.resource = c.from.resource;
      component.random = c.from.random;
      component.paths = step_.count()[c.from.resource];
      component.drain = drain(c.from.resource);
      if (c.sampled || c.shared_too_much) {
        build_sampled(c, component);
      } else {
        component.base = carver_.carve(c.from.resource, c.from.paths, c.others);
        if (!c.grown.empty()) component.grown = carver_.carve(c.from.resource, c.grown, c.grown_others);
      }
      out.push_back(std::move(component));
    }
    return out;
  }

  void count_unplayed(Components& out) const {
    std::unordered_set<std::uint32_t> played;
    for (const Component& c : out.played) played.insert(c.resource);
    out.unplayed.assign(kDrainBins, 0);
    out.longest = drain(candidates_.front().resource);
    out.step_seconds = step_.makespan();
    for (std::uint32_t r = step_.topology().first_host_link(); r < step_.capacity().size(); ++r) {
      if (step_.load()[r] <= 0 || !step_.saturated(r) || played.contains(r)) continue;
      const auto bin = static_cast<std::size_t>(drain(r) / out.longest * kDrainBins);
      ++out.unplayed[std::min(bin, kDrainBins - 1)];
    }
  }

  const RoutedStep& step_;
  const ComponentOptions& options_;
  Carver carver_;
  std::vector<Candidate> candidates_;
  std::vector<Chosen> chosen_;
};

}  // namespace

Expected<Components> find_components(const RoutedStep& step, const Forwarding& forwarding,
                                     const ComponentOptions& options) {
  return Finder(step, forwarding, options).find();
}

}  // namespace weft
