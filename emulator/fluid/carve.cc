#include "emulator/fluid/carve.h"

#include <algorithm>
#include <map>
#include <set>

#include "emulator/fluid/completion.h"

namespace weft {
namespace {

// A link is never all taken: what crosses it must end some day.
constexpr double kMostTaken = 0.999;
// Spray: of more next hops than this, every k-th is carved, k times as fast.
constexpr std::uint32_t kMostNextHops = 32;

// Merged flows are one variable at the rate of one path that takes as much of each link as all of them.
MaxMinArrays arrays_of(const CarveOut& carve) {
  MaxMinArrays arrays;
  arrays.capacity = carve.capacity;
  for (const CarvedFlow& flow : carve.flows) {
    arrays.resources.insert(arrays.resources.end(), flow.resources.begin(), flow.resources.end());
    for (std::size_t i = 0; i < flow.resources.size(); ++i)
      arrays.weights.push_back(flow.paths * (flow.weights.empty() ? 1.0 : flow.weights[i]));
    arrays.end_variable();
    arrays.bound.push_back(flow.limit > 0 ? flow.limit / flow.paths : kUnbounded);
  }
  const bool plain = std::all_of(arrays.weights.begin(), arrays.weights.end(), [](double w) { return w == 1; });
  if (plain) arrays.weights.clear();
  return arrays;
}

}  // namespace

class Carver::Builder {
 public:
  Builder(const Carver& carver, std::uint32_t resource) : c_(carver), step_(carver.step_) {
    out_.resource = place(resource);
    const LinkId link = step_.router().pool_link(resource, 0);
    out_.bottleneck = c_.topology_.name(link);
  }

  // Appends the path as one flow, or one for each pair of ports that shares a sprayed connection.
  void add(const RoutedPath& path, bool foreground, double times) {
    std::size_t begin = 0;
    const std::uint32_t pairs = split_count(path);
    for (std::uint32_t pair = 0; pair < pairs; ++pair) {
      std::size_t end = begin + 1;
      while (end < path.resources.size() && !starts(path, end)) ++end;
      CarvedFlow flow;
      flow.foreground = foreground;
      const double share = times / pairs;
      flow.bits = path.bits * share;
      flow.rate = path.rate * share;
      flow.finish = path.finish;
      flow.delay = path.delay;
      if (!foreground || !path.held_back) flow.limit = flow.rate;
      for (std::size_t i = begin; i < end; ++i) {
        flow.resources.push_back(place(path.resources[i]));
        if (!path.weights.empty()) flow.weights.push_back(path.weights[i] * pairs);
      }
      add_links(path, pairs > 1 ? pair : path.qp, begin, end, flow);
      out_.flows.push_back(std::move(flow));
      begin = end;
    }
    (foreground ? out_.foreground_paths : out_.background_paths) += 1;
  }

  // One more path over the same links of the foreground.
  void merge(CarvedFlow& into, const RoutedPath& path) {
    into.rate += path.rate;
    into.limit = into.rate;
    into.bits += path.bits;
    into.finish = std::max(into.finish, path.finish);
    ++into.paths;
    ++out_.background_paths;
  }

  // Takes `rate` of the resource's capacity for good.
  void take(std::uint32_t resource, double rate) {
    const double capacity = step_.capacity()[resource];
    const double share = std::clamp(rate / capacity, 0.0, kMostTaken);
    if (share <= 0) return;
    taken_[resource] = std::min(kMostTaken, taken_[resource] + share);
  }

  [[nodiscard]] bool has(std::uint32_t resource) const { return places_.contains(resource); }
  [[nodiscard]] CarveOut& out() { return out_; }

  [[nodiscard]] CarveOut finish() {
    for (const auto& [resource, share] : taken_) {
      out_.capacity[place(resource)] *= 1 - share;
      const std::uint32_t links = step_.router().pool_size(resource);
      for (std::uint32_t i = 0; i < links; ++i) {
        const LinkId link = step_.router().pool_link(resource, i);
        if (links == 1 || pool_.contains(link)) out_.taken.emplace_back(link, share);
      }
    }
    for (const auto& [link, factor] : pool_) out_.pool_links.emplace_back(link, factor);
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool starts(const RoutedPath& path, std::size_t i) const {
    const std::uint32_t r = path.resources[i];
    return r < c_.topology_.first_fabric_link() && r % 2 == 0;
  }
  [[nodiscard]] std::uint32_t split_count(const RoutedPath& path) const {
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < path.resources.size(); ++i) n += starts(path, i) ? 1U : 0U;
    return std::max(1U, n);
  }
  std::uint32_t place(std::uint32_t resource) {
    const auto [at, fresh] = places_.emplace(resource, static_cast<std::uint32_t>(out_.capacity.size()));
    if (fresh) out_.capacity.push_back(step_.capacity()[resource]);
    return at->second;
  }

  void add_links(const RoutedPath& path, std::uint32_t qp, std::size_t begin, std::size_t end, CarvedFlow& flow) {
    const auto endpoints = c_.forwarding_.endpoints(path.connection, c_.via_, qp);
    WEFT_CHECK(endpoints.has_value() && !endpoints->scale_up_only);
    flow.from = endpoints->from;
    flow.to = endpoints->to;
    flow.digest = endpoints->digest;
    if (step_.router().weighted()) {
      add_pools(flow.from, flow.to);
      return;
    }
    for (std::size_t i = begin; i < end; ++i) flow.path.push_back(LinkId{path.resources[i]});
    const Forwarding::Endpoints back = c_.forwarding_.reverse(*endpoints);
    static_cast<void>(c_.forwarding_.path(back.from, back.to, back.digest, flow.back_path));
  }

  // All links that packets between the ports may cross; the host links are two of them.
  void add_pools(PortId from, PortId to) {
    const Topology& t = c_.topology_;
    const LinkId first = t.host_link(from, false), last = t.host_link(to, true);
    pool_.emplace(first, 1.0);
    pool_.emplace(last, 1.0);
    const std::pair key{t.ends(first).to.index, t.ends(last).from.index};
    if (!walked_.insert(key).second) return;
    std::map<LinkTier, double> factors;
    std::vector<LinkId> frontier{first};
    std::set<LinkId> seen;
    while (!frontier.empty()) {
      const LinkId at = frontier.back();
      frontier.pop_back();
      if (at == last) continue;
      const NextHops hops = c_.forwarding_.next_hops(at, to);
      const bool up = hops.step == NextHops::Step::kLeafToSpine || hops.step == NextHops::Step::kSpineToCore;
      const std::uint32_t stride = up ? (hops.choices + kMostNextHops - 1) / kMostNextHops : 1;
      for (std::uint32_t c = 0; c < hops.choices; c += std::max(1U, stride)) {
        const LinkId link = hops.link(c);
        if (!c_.forwarding_.alive(hops, c) || !seen.insert(link).second) continue;
        double& factor = factors.emplace(t.tier(link), 1.0).first->second;
        if (up) factor = stride * (t.tier(link) == LinkTier::kSpineCore ? factors[LinkTier::kLeafSpine] : 1.0);
        pool_.emplace(link, t.tier(link) == LinkTier::kHost ? 1.0 : factor);
        frontier.push_back(link);
      }
    }
  }

  const Carver& c_;
  const RoutedStep& step_;
  CarveOut out_;
  std::unordered_map<std::uint32_t, std::uint32_t> places_;
  std::map<std::uint32_t, double> taken_;
  std::map<LinkId, double> pool_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> walked_;
};

CarveOut Carver::carve(std::uint32_t resource, std::span<const RoutedPath> foreground,
                       std::span<const RoutedPath> others) const {
  Builder builder(*this, resource);
  for (const RoutedPath& path : foreground) builder.add(path, true, 1);
  std::unordered_set<std::uint32_t> shared;
  for (const RoutedPath& path : foreground) shared.insert(path.resources.begin(), path.resources.end());
  const std::size_t room = most_flows_ - std::min<std::size_t>(most_flows_, foreground.size());
  const bool merging = others.size() > room;
  std::map<std::vector<std::uint32_t>, std::size_t> open;    // links of the foreground -> flow that others may join
  std::unordered_map<std::uint32_t, double> used;            // by resource elsewhere: payload bits/s played on it
  std::unordered_map<std::size_t, const RoutedPath*> first;  // by flow: the path that it takes
  const auto fits = [&](const RoutedPath& way, double rate) {
    return std::all_of(way.resources.begin(), way.resources.end(),
                       [&](std::uint32_t r) { return shared.contains(r) || used[r] + rate <= step_.capacity()[r]; });
  };
  const auto use = [&](const RoutedPath& way, double rate) {
    for (const std::uint32_t r : way.resources) used[r] += rate;
  };
  std::size_t played = 0;
  for (const RoutedPath& path : others) {
    if (!merging) {
      builder.add(path, false, 1);
      continue;
    }
    std::vector<std::uint32_t> key;
    for (const std::uint32_t r : path.resources)
      if (shared.contains(r)) key.push_back(r);
    if (const auto at = open.find(key); at != open.end() && fits(*first[at->second], path.rate)) {
      use(*first[at->second], path.rate);
      builder.merge(builder.out().flows[at->second], path);
    } else if (played < room && fits(path, path.rate)) {
      use(path, path.rate);
      ++played;
      builder.add(path, false, 1);
      open[key] = builder.out().flows.size() - 1;
      first[open[key]] = &path;
    } else {
      for (const std::uint32_t r : key) builder.take(r, path.rate);
      builder.out().background_paths += 1;
    }
  }
  return builder.finish();
}

CarveOut Carver::carve_sample(std::uint32_t resource, std::span<const RoutedPath> foreground, double thinning) const {
  Builder builder(*this, resource);
  std::map<std::uint32_t, double> carried;  // by resource: payload bits/s of the sample
  for (const RoutedPath& path : foreground) {
    builder.add(path, true, thinning);
    for (std::size_t i = 0; i < path.resources.size(); ++i)
      carried[path.resources[i]] += thinning * path.rate * (path.weights.empty() ? 1.0 : path.weights[i]);
  }
  for (const auto& [r, rate] : carried) {
    if (r != resource) builder.take(r, step_.load()[r] - rate);
  }
  builder.out().thinning = thinning;
  return builder.finish();
}

std::vector<double> fluid_rates(const CarveOut& carve) {
  const MaxMinArrays arrays = arrays_of(carve);
  std::vector<double> rates = MaxMinSolver().solve(arrays.view());
  for (std::size_t i = 0; i < rates.size(); ++i) rates[i] *= carve.flows[i].paths;
  return rates;
}

Expected<std::vector<double>> solve_fluid(const CarveOut& carve, double scale) {
  const MaxMinArrays arrays = arrays_of(carve);
  std::vector<double> sizes;
  sizes.reserve(carve.flows.size());
  for (const CarvedFlow& flow : carve.flows) sizes.push_back(flow.bits * scale / flow.paths);
  auto done = complete(arrays.view(), sizes);
  if (!done) return tl::unexpected(done.error());
  return std::move(done->finish);
}

}  // namespace weft
