#include "emulator/link_use.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>

namespace weft {
namespace {

constexpr std::array<std::string_view, kLinkClasses / 2> kTierNames{"scale-up", "host", "leaf-spine", "spine-core"};

double rate_of(const Topology& topology, LinkId link) {
  return static_cast<double>(topology.rate(link).bits_per_second);
}

}  // namespace

std::size_t link_class(const Topology& topology, LinkId link) {
  return 2 * static_cast<std::size_t>(topology.tier(link)) + (link.value & 1U);
}

std::string link_class_name(std::size_t index) {
  return std::string(kTierNames[index / 2]) + (index % 2 == 0 ? " up" : " down");
}

std::vector<TierUse> tier_uses(const Topology& topology, const std::vector<double>& bits, double seconds) {
  std::array<TierUse, kLinkClasses> uses{};
  for (std::uint32_t l = 0; l < topology.link_count(); ++l) {
    const double rate = rate_of(topology, LinkId{l});
    if (rate == 0.0) continue;
    const double use = seconds > 0 ? bits[l] / (rate * seconds) : 0.0;
    TierUse& tier = uses[link_class(topology, LinkId{l})];
    tier.min = tier.links == 0 ? use : std::min(tier.min, use);
    tier.max = std::max(tier.max, use);
    tier.mean += use;
    ++tier.links;
  }
  std::vector<TierUse> out;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].links == 0) continue;
    uses[i].tier = link_class_name(i);
    uses[i].mean = std::clamp(uses[i].mean / static_cast<double>(uses[i].links), uses[i].min, uses[i].max);
    out.push_back(uses[i]);
  }
  return out;
}

std::vector<HotLink> hottest_links(const Topology& topology, const std::vector<double>& bits,
                                   const std::vector<double>& flows, double seconds, std::size_t count) {
  std::vector<std::pair<double, std::uint32_t>> order;  // minus utilisation, link
  for (std::uint32_t l = 0; l < topology.link_count(); ++l)
    if (bits[l] > 0.0) order.emplace_back(-bits[l] / (rate_of(topology, LinkId{l}) * seconds), l);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  std::vector<HotLink> hot;
  for (std::size_t i = 0; i < count; ++i) {
    const LinkId link{order[i].second};
    hot.push_back({topology.name(link), -order[i].first, flows[link.value]});
  }
  return hot;
}

double max_mean_ratio(const Topology& topology, const std::vector<double>& flows) {
  std::array<double, kLinkClasses> sum{}, most{}, used{};
  for (std::uint32_t l = topology.first_fabric_link(); l < topology.link_count(); ++l) {
    if (flows[l] == 0.0) continue;
    const std::size_t c = link_class(topology, LinkId{l});
    sum[c] += flows[l];
    most[c] = std::max(most[c], flows[l]);
    used[c] += 1;
  }
  double ratio = 1;
  for (std::size_t c = 0; c < sum.size(); ++c)
    if (used[c] > 0) ratio = std::max(ratio, most[c] / (sum[c] / used[c]));
  return ratio;
}

double jain_index(const std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  double squares = 0;
  for (const double v : values) squares += v * v;
  return squares == 0.0 ? 1.0 : sum * sum / (static_cast<double>(values.size()) * squares);
}

}  // namespace weft
