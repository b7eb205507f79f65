// Small random-path generators: one directed link per resource, one random path per flow, no Topology involved.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft::testing {

// A generator whose stream is the same with every standard library (std::uniform_int_distribution is not).
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 0x1234567ULL) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }

 private:
  std::uint64_t state_;
};

inline std::vector<std::uint32_t> random_permutation(std::uint32_t n, SplitMix& random) {
  std::vector<std::uint32_t> to(n);
  std::iota(to.begin(), to.end(), 0U);
  for (std::uint32_t i = n; i > 1; --i) std::swap(to[i - 1], to[random.below(i)]);
  return to;
}

// leaves x hosts x spines, one link between each leaf and each spine; all links of one rate.
// Links: host up, host down, leaf to spine, spine to leaf.
struct TwoTier {
  std::uint32_t leaves, hosts_per_leaf, spines;
  double rate = 1.0;

  [[nodiscard]] std::uint32_t hosts() const { return leaves * hosts_per_leaf; }
  [[nodiscard]] std::uint32_t links() const { return 2 * hosts() + 2 * leaves * spines; }
  void append_path(std::uint32_t from, std::uint32_t to, SplitMix& random, std::vector<std::uint32_t>& links) const {
    const std::uint32_t a = from / hosts_per_leaf;
    const std::uint32_t b = to / hosts_per_leaf;
    links.push_back(from);
    if (a != b) {
      const std::uint32_t spine = random.below(spines);
      links.push_back(2 * hosts() + a * spines + spine);
      links.push_back(2 * hosts() + leaves * spines + b * spines + spine);
    }
    links.push_back(hosts() + to);
  }
};

// The k-ary fat-tree of three tiers, k^3/4 hosts, all links of one rate.
// Links: host up, host down, edge to aggregation, down again, aggregation to core, down again: k^3/4 of each.
struct ThreeTier {
  std::uint32_t k;
  double rate = 1.0;

  [[nodiscard]] std::uint32_t hosts() const { return k * k * k / 4; }
  [[nodiscard]] std::uint32_t links() const { return 6 * hosts(); }
  void append_path(std::uint32_t from, std::uint32_t to, SplitMix& random, std::vector<std::uint32_t>& links) const {
    const std::uint32_t half = k / 2;
    const std::uint32_t n = hosts();
    const std::uint32_t edge_a = from / half;
    const std::uint32_t edge_b = to / half;
    links.push_back(from);
    if (edge_a != edge_b) {
      const std::uint32_t aggregation = random.below(half);
      links.push_back(2 * n + edge_a * half + aggregation);
      if (edge_a / half != edge_b / half) {
        const std::uint32_t core = random.below(half);
        links.push_back(4 * n + (edge_a / half * half + aggregation) * half + core);
        links.push_back(5 * n + (edge_b / half * half + aggregation) * half + core);
      }
      links.push_back(3 * n + edge_b * half + aggregation);
    }
    links.push_back(n + to);
  }
};

// `planes` two-tier fabrics; each host has one port on each. Links of a host: planes up, planes down; then per plane
// leaf to spine, then per plane spine to leaf.
struct PlanesFabric {
  std::uint32_t planes, leaves, hosts_per_leaf, spines;
  double rate = 1.0;

  [[nodiscard]] std::uint32_t hosts() const { return leaves * hosts_per_leaf; }
  [[nodiscard]] std::uint32_t links() const { return 2 * planes * (hosts() + leaves * spines); }
  [[nodiscard]] std::uint32_t leaf_uplink(std::uint32_t plane, std::uint32_t leaf, std::uint32_t spine) const {
    return 2 * planes * hosts() + (plane * leaves + leaf) * spines + spine;
  }
  void append_path_on(std::uint32_t plane, std::uint32_t from, std::uint32_t to, SplitMix& random,
                      std::vector<std::uint32_t>& links) const {
    const std::uint32_t a = from / hosts_per_leaf;
    const std::uint32_t b = to / hosts_per_leaf;
    links.push_back(from * planes + plane);
    if (a != b) {
      const std::uint32_t spine = random.below(spines);
      links.push_back(leaf_uplink(plane, a, spine));
      links.push_back(leaf_uplink(plane, b, spine) + planes * leaves * spines);
    }
    links.push_back((hosts() + to) * planes + plane);
  }
  void append_path(std::uint32_t from, std::uint32_t to, SplitMix& random, std::vector<std::uint32_t>& links) const {
    append_path_on(random.below(planes), from, to, random, links);
  }
};

// One variable per host that does not send to itself, over `paths` random paths: one variable with all of them when
// `lockstep`, else one variable each (the order is flow by flow).
template <typename Fabric>
MaxMinArrays permutation_problem(const Fabric& fabric, std::uint64_t seed, std::uint32_t paths = 1,
                                 bool lockstep = false) {
  SplitMix random(seed);
  MaxMinArrays arrays;
  arrays.capacity.assign(fabric.links(), fabric.rate);
  const std::vector<std::uint32_t> to = random_permutation(fabric.hosts(), random);
  for (std::uint32_t from = 0; from < fabric.hosts(); ++from) {
    if (to[from] == from) continue;
    for (std::uint32_t path = 0; path < paths; ++path) {
      fabric.append_path(from, to[from], random, arrays.resources);
      if (!lockstep || path + 1 == paths) arrays.end_variable();
    }
  }
  return arrays;
}

}  // namespace weft::testing
