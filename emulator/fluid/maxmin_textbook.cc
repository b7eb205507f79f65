// Progressive filling with a lazy binary heap: short enough to be checked by reading, and the peer to be beaten.
#include <algorithm>
#include <queue>

#include "emulator/fluid/maxmin.h"

namespace weft {
namespace {

struct Candidate {
  double share;
  std::uint32_t id;  // a resource, or resource_count + variable for a bound
  bool operator>(const Candidate& o) const { return share > o.share || (share == o.share && id > o.id); }
};

}  // namespace

std::vector<double> textbook_max_min(const MaxMinProblem& p, const Incidence& t) {
  const auto resources = static_cast<std::uint32_t>(p.resource_count());
  std::vector<double> remaining(p.capacity.begin(), p.capacity.end());
  std::vector<double> demand(resources, 0.0);  // sum of weights of variables that still grow
  std::vector<std::uint32_t> growing(resources, 0);
  std::vector<double> rates(p.variable_count(), -1.0);
  for (std::size_t e = 0; e < p.resources.size(); ++e) {
    demand[p.resources[e]] += p.weight(e);
    ++growing[p.resources[e]];
  }

  std::vector<Candidate> first;
  first.reserve(resources);
  for (std::uint32_t r = 0; r < resources; ++r) {
    if (growing[r] != 0) first.push_back({remaining[r] / demand[r], r});
  }
  for (std::uint32_t v = 0; v < p.variable_count(); ++v) {
    if (p.upper_bound(v) < kUnbounded) first.push_back({p.upper_bound(v), resources + v});
    if (p.offsets[v] == p.offsets[v + 1]) rates[v] = p.upper_bound(v);
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>{}, std::move(first));

  double level = 0.0;  // rates only rise; rounding must not make them fall
  auto fix = [&](std::uint32_t v) {
    rates[v] = level;
    for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1]; ++e) {
      const std::uint32_t r = p.resources[e];
      remaining[r] -= level * p.weight(e);
      demand[r] -= p.weight(e);
      --growing[r];
    }
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    if (top.id >= resources) {
      level = std::max(level, top.share);
      if (rates[top.id - resources] < 0.0) fix(top.id - resources);
      continue;
    }
    if (growing[top.id] == 0) continue;
    const double share = std::max(0.0, remaining[top.id]) / demand[top.id];
    if (share > top.share) {
      heap.push({share, top.id});
      continue;
    }
    level = std::max(level, top.share);
    for (std::uint32_t i = t.offsets[top.id]; i < t.offsets[top.id + 1]; ++i) {
      if (rates[t.variables[i]] < 0.0) fix(t.variables[i]);
    }
  }
  return rates;
}

}  // namespace weft
