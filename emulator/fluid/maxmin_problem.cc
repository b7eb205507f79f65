// Validation and transposition of max-min problems.
#include <algorithm>
#include <cmath>
#include <string>

#include "emulator/fluid/maxmin.h"
#include "emulator/fluid/parallel.h"

namespace weft {
namespace {

std::string at(const char* array, std::size_t index) { return std::string(array) + "[" + std::to_string(index) + "]"; }

Expected<void> validate_values(const MaxMinProblem& p) {
  for (std::size_t r = 0; r < p.capacity.size(); ++r) {
    if (!(p.capacity[r] >= 0.0) || !std::isfinite(p.capacity[r])) {
      return input_error(at("capacity", r) + " is not a finite number >= 0", std::to_string(p.capacity[r]),
                         "give every resource a capacity, 0 for a failed one");
    }
  }
  for (std::size_t e = 0; e < p.resources.size(); ++e) {
    if (p.resources[e] >= p.capacity.size()) {
      return input_error(at("resources", e) + " is out of range", std::to_string(p.resources[e]),
                         "there are " + std::to_string(p.capacity.size()) + " resources");
    }
  }
  for (std::size_t e = 0; e < p.weights.size(); ++e) {
    if (!(p.weights[e] > 0.0) || !std::isfinite(p.weights[e])) {
      return input_error(at("weights", e) + " is not a finite number > 0", std::to_string(p.weights[e]),
                         "leave out entries that consume nothing");
    }
  }
  for (std::size_t v = 0; v < p.bound.size(); ++v) {
    if (!(p.bound[v] >= 0.0)) {
      return input_error(at("bound", v) + " is not a number >= 0", std::to_string(p.bound[v]),
                         "use kUnbounded for a variable without a cap");
    }
  }
  return {};
}

}  // namespace

Expected<void> validate(const MaxMinProblem& p) {
  if (p.offsets.empty() || p.offsets.front() != 0 || p.offsets.back() != p.resources.size()) {
    return input_error("offsets do not span the entries", std::to_string(p.offsets.size()),
                       "give variables + 1 offsets, from 0 to the number of entries");
  }
  for (std::size_t v = 0; v + 1 < p.offsets.size(); ++v) {
    if (p.offsets[v] > p.offsets[v + 1]) {
      return input_error(at("offsets", v + 1) + " is less than the one before", std::to_string(p.offsets[v + 1]),
                         "offsets must not decrease");
    }
  }
  if (!p.weights.empty() && p.weights.size() != p.resources.size()) {
    return input_error("weights are not one per entry", std::to_string(p.weights.size()),
                       "give " + std::to_string(p.resources.size()) + " weights or none");
  }
  if (!p.bound.empty() && p.bound.size() != p.variable_count()) {
    return input_error("bounds are not one per variable", std::to_string(p.bound.size()),
                       "give " + std::to_string(p.variable_count()) + " bounds or none");
  }
  return validate_values(p);
}

// Each thread owns a contiguous range of resources and scans all entries for them: no atomics, ascending variables,
// and the same bytes for any thread count.
Incidence transpose(const MaxMinProblem& p, unsigned threads) {
  const std::size_t resources = p.resource_count();
  Incidence t;
  t.offsets.assign(resources + 1, 0);
  t.variables.resize(p.resources.size());
  if (!p.weights.empty()) t.weights.resize(p.resources.size());
  for (const std::uint32_t r : p.resources) ++t.offsets[r + 1];
  for (std::size_t r = 0; r < resources; ++r) t.offsets[r + 1] += t.offsets[r];

  std::vector<std::uint32_t> cursor(t.offsets.begin(), t.offsets.end() - 1);
  parallel_for(threads, resources, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t v = 0; v < p.variable_count(); ++v) {
      for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1]; ++e) {
        const std::uint32_t r = p.resources[e];
        if (r < begin || r >= end) continue;
        const std::uint32_t slot = cursor[r]++;
        t.variables[slot] = static_cast<std::uint32_t>(v);
        if (!p.weights.empty()) t.weights[slot] = p.weights[e];
      }
    }
  });
  return t;
}

}  // namespace weft
