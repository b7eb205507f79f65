// Colour refinement on the bipartite graph of variables and resources.
#include "emulator/fluid/fold.h"

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

namespace weft {
namespace {

// A quotient this small is solved at once, however few variables it stands for.
constexpr std::uint32_t kFewClasses = 16;

using Colours = std::vector<std::uint32_t>;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;  // the finalizer of SplitMix64
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value); }

// Numbers equal signatures alike, in order of first appearance. Returns the number of classes.
std::uint32_t number(const std::vector<std::uint64_t>& signatures, Colours& colours) {
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    colours[i] = seen.try_emplace(signatures[i], static_cast<std::uint32_t>(seen.size())).first->second;
  }
  return static_cast<std::uint32_t>(seen.size());
}

// One side's next colours: its own and the multiset of (neighbour's colour, weight), as a sum that ignores order.
template <typename Neighbours, typename Weights>
std::uint32_t refine(const Neighbours& offsets, std::span<const std::uint32_t> entries, const Weights& weight,
                     const Colours& other, Colours& own) {
  std::vector<std::uint64_t> signatures(own.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    std::uint64_t sum = mix(own[i] + 0x9E3779B97F4A7C15ULL);
    for (std::uint32_t e = offsets[i]; e < offsets[i + 1]; ++e) {
      sum += mix(mix(other[entries[e]] + 0xD1B54A32D192ED03ULL) ^ bits(weight(e)));
    }
    signatures[i] = mix(sum);
  }
  return number(signatures, own);
}

// The neighbours of `i` as a sorted list of (colour, weight): equal lists are what equitable means.
template <typename Neighbours, typename Weights>
void list_neighbours(const Neighbours& offsets, std::span<const std::uint32_t> entries, const Weights& weight,
                     const Colours& other, std::size_t i, std::vector<std::pair<std::uint32_t, double>>& list) {
  list.clear();
  for (std::uint32_t e = offsets[i]; e < offsets[i + 1]; ++e) list.emplace_back(other[entries[e]], weight(e));
  std::sort(list.begin(), list.end());
}

std::vector<std::uint32_t> first_members(const Colours& colours, std::uint32_t classes) {
  std::vector<std::uint32_t> first(classes, 0xFFFFFFFFU);
  for (std::uint32_t i = 0; i < colours.size(); ++i) first[colours[i]] = std::min(first[colours[i]], i);
  return first;
}

template <typename Neighbours, typename Weights>
bool equitable(const Neighbours& offsets, std::span<const std::uint32_t> entries, const Weights& weight,
               const Colours& other, const Colours& own, const std::vector<std::uint32_t>& first) {
  std::vector<std::pair<std::uint32_t, double>> mine;
  std::vector<std::pair<std::uint32_t, double>> model;
  for (std::uint32_t i = 0; i < own.size(); ++i) {
    if (first[own[i]] == i) continue;
    list_neighbours(offsets, entries, weight, other, i, mine);
    list_neighbours(offsets, entries, weight, other, first[own[i]], model);
    if (mine != model) return false;
  }
  return true;
}

class Folder {
  auto variable_weight() const {
    return [this](std::uint32_t e) { return p_.weight(e); };
  }
  auto resource_weight() const {
    return [this](std::uint32_t e) { return t_.weights.empty() ? 1.0 : t_.weights[e]; };
  }

 public:
  Folder(const MaxMinProblem& p, const Incidence& t, std::span<const double> sizes)
      : p_(p), t_(t), sizes_(sizes), variables_(p.variable_count()), resources_(p.resource_count()) {}

  std::optional<Fold> run(const FoldOptions& options) {
    start();
    const double limit = options.max_class_fraction * static_cast<double>(variables_.size());
    bool stable = false;
    for (std::uint32_t round = 0; round < options.max_rounds && !stable; ++round) {
      if (static_cast<double>(variable_classes_) > limit && variable_classes_ > kFewClasses) return std::nullopt;
      const std::uint32_t r = refine(t_.offsets, t_.variables, resource_weight(), variables_, resources_);
      const std::uint32_t v = refine(p_.offsets, p_.resources, variable_weight(), resources_, variables_);
      stable = r == resource_classes_ && v == variable_classes_;
      resource_classes_ = r;
      variable_classes_ = v;
    }
    if (!stable || !is_exact()) return std::nullopt;
    return quotient();
  }

 private:
  [[nodiscard]] double size(std::size_t v) const { return sizes_.empty() ? 0.0 : sizes_[v]; }

  void start() {
    std::vector<std::uint64_t> signatures(resources_.size());
    for (std::size_t r = 0; r < resources_.size(); ++r) signatures[r] = bits(p_.capacity[r]);
    resource_classes_ = number(signatures, resources_);
    signatures.resize(variables_.size());
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      signatures[v] = mix(bits(p_.upper_bound(v))) + 3 * mix(bits(size(v)) + 1);
    }
    variable_classes_ = number(signatures, variables_);
  }

  // Against hash collisions: compares what was hashed.
  [[nodiscard]] bool is_exact() {
    first_variable_ = first_members(variables_, variable_classes_);
    first_resource_ = first_members(resources_, resource_classes_);
    for (std::size_t r = 0; r < resources_.size(); ++r) {
      if (p_.capacity[r] != p_.capacity[first_resource_[resources_[r]]]) return false;
    }
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      const std::uint32_t model = first_variable_[variables_[v]];
      if (p_.upper_bound(v) != p_.upper_bound(model) || size(v) != size(model)) return false;
    }
    return equitable(t_.offsets, t_.variables, resource_weight(), variables_, resources_, first_resource_) &&
           equitable(p_.offsets, p_.resources, variable_weight(), resources_, variables_, first_variable_);
  }

  // At a resource of class R, variables of class c weigh together w(R, c): the quotient's entries.
  Fold quotient() {
    Fold fold;
    std::vector<std::map<std::uint32_t, double>> entries(variable_classes_);
    for (std::uint32_t r = 0; r < resource_classes_; ++r) {
      fold.quotient.capacity.push_back(p_.capacity[first_resource_[r]]);
      for (std::uint32_t e = t_.offsets[first_resource_[r]]; e < t_.offsets[first_resource_[r] + 1]; ++e) {
        entries[variables_[t_.variables[e]]][r] += resource_weight()(e);
      }
    }
    for (std::uint32_t c = 0; c < variable_classes_; ++c) {
      for (const auto& [resource, weight] : entries[c]) {
        fold.quotient.resources.push_back(resource);
        fold.quotient.weights.push_back(weight);
      }
      fold.quotient.end_variable();
      fold.quotient.bound.push_back(p_.upper_bound(first_variable_[c]));
    }
    fold.class_size.assign(variable_classes_, 0);
    for (const std::uint32_t c : variables_) ++fold.class_size[c];
    fold.variable_class = std::move(variables_);
    fold.resource_class = std::move(resources_);
    return fold;
  }

  const MaxMinProblem& p_;
  const Incidence& t_;
  std::span<const double> sizes_;
  Colours variables_;
  Colours resources_;
  std::uint32_t variable_classes_ = 0;
  std::uint32_t resource_classes_ = 0;
  std::vector<std::uint32_t> first_variable_;
  std::vector<std::uint32_t> first_resource_;
};

}  // namespace

std::vector<double> Fold::expand(std::span<const double> class_rates) const {
  std::vector<double> rates(variable_class.size());
  for (std::size_t v = 0; v < rates.size(); ++v) rates[v] = class_rates[variable_class[v]];
  return rates;
}

std::optional<Fold> fold(const MaxMinProblem& problem, const Incidence& incidence, std::span<const double> sizes,
                         const FoldOptions& options) {
  WEFT_CHECK(sizes.empty() || sizes.size() == problem.variable_count());
  return Folder(problem, incidence, sizes).run(options);
}

std::vector<double> solve_folded(const MaxMinProblem& problem, const Incidence& incidence, const FoldOptions& options) {
  MaxMinSolver solver;
  if (const auto folded = fold(problem, incidence, {}, options)) {
    return folded->expand(solver.solve(folded->quotient.view()));
  }
  std::vector<double> rates(problem.variable_count());
  solver.solve(problem, incidence, rates);
  return rates;
}

}  // namespace weft
