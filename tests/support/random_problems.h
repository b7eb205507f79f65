// Random max-min problems with everything that makes them awkward, and the definition of max-min fairness as a check.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft::testing {

// Ties are likely (few distinct capacities), and so are repeats, empty variables, dead resources and bounds.
inline MaxMinArrays any_problem(bool with_weights, bool with_bounds) {
  MaxMinArrays arrays;
  const auto resources = *rc::gen::inRange<std::uint32_t>(1, 20);
  const auto variables = *rc::gen::inRange<std::uint32_t>(0, 40);
  for (std::uint32_t r = 0; r < resources; ++r) {
    arrays.capacity.push_back(*rc::gen::weightedElement<double>({{1, 0.0}, {8, 1.0}, {4, 2.0}, {2, 0.3}, {2, 400.0}}));
  }
  for (std::uint32_t v = 0; v < variables; ++v) {
    const auto entries = *rc::gen::inRange<std::uint32_t>(0, 6);
    for (std::uint32_t e = 0; e < entries; ++e) {
      arrays.resources.push_back(*rc::gen::inRange<std::uint32_t>(0, resources));
      if (with_weights) arrays.weights.push_back(*rc::gen::element(0.1, 0.25, 1.0 / 3.0, 1.0, 2.0));
    }
    arrays.end_variable();
    if (with_bounds) arrays.bound.push_back(*rc::gen::element(kUnbounded, kUnbounded, 0.0, 0.1, 0.5, 3.0));
  }
  return arrays;
}

inline MaxMinArrays any_problem() { return any_problem(*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()); }

inline bool close(double a, double b, double tolerance = 1e-9) {
  return a == b || std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

// Empty, or what is wrong: a resource above its capacity, or a variable that nothing stops. A variable is stopped by
// its bound or by a saturated resource at which nobody is faster (Bertsekas and Gallager, section 6.5.2).
inline std::string unfairness(const MaxMinProblem& p, const std::vector<double>& rates, double tolerance = 1e-9) {
  std::vector<double> load(p.resource_count(), 0.0);
  std::vector<double> fastest(p.resource_count(), 0.0);
  for (std::size_t v = 0; v < p.variable_count(); ++v) {
    for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1]; ++e) {
      load[p.resources[e]] += rates[v] * p.weight(e);
      fastest[p.resources[e]] = std::max(fastest[p.resources[e]], rates[v]);
    }
  }
  for (std::size_t r = 0; r < p.resource_count(); ++r) {
    if (load[r] > p.capacity[r] && !close(load[r], p.capacity[r], tolerance)) {
      return "resource " + std::to_string(r) + " carries " + std::to_string(load[r]);
    }
  }
  for (std::size_t v = 0; v < p.variable_count(); ++v) {
    if (rates[v] > p.upper_bound(v)) return "variable " + std::to_string(v) + " is above its bound";
    bool stopped = rates[v] == p.upper_bound(v);
    for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1] && !stopped; ++e) {
      const std::uint32_t r = p.resources[e];
      stopped = close(load[r], p.capacity[r], tolerance) && close(rates[v], fastest[r], tolerance);
    }
    if (!stopped) return "variable " + std::to_string(v) + " at " + std::to_string(rates[v]) + " could grow";
  }
  return "";
}

inline bool all_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance = 1e-9) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [tolerance](double x, double y) { return close(x, y, tolerance); });
}

}  // namespace weft::testing
