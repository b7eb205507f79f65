// Re-solving only what a change reaches.
//
// Correctness properties:
//  W1  Rates are max-min fair iff no resource is above its capacity and every variable is at its bound or at a
//      saturated resource where nobody is faster (its bottleneck). So a candidate is judged by that test alone.
//  W2  A variable that keeps its rate can lose its bottleneck only at a touched resource: one whose capacity, users or
//      users' rates changed. Looking at those is enough.
//  W3  Each round that finds a violation activates at least one more variable; in the limit all are active, and that is
//      a cold solve. So the loop ends, and it ends at the exact answer.
#include "emulator/fluid/maxmin_warm.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weft {
namespace {

// Relative slack of the bottleneck test: far above the rounding of a sum of rates, far below 1e-9.
constexpr double kSlack = 1e-12;

bool at_least(double a, double b) { return a >= b * (1.0 - kSlack); }

}  // namespace

WarmMaxMin::WarmMaxMin(const MaxMinProblem& problem, const Incidence& incidence, WarmOptions options)
    : options_(options),
      base_(problem),
      incidence_(&incidence),
      capacity_(problem.capacity.begin(), problem.capacity.end()),
      rates_(problem.variable_count()),
      overlay_slot_(problem.variable_count(), kNone),
      active_slot_(problem.variable_count(), kNone),
      touched_slot_(problem.resource_count(), kNone) {
  bound_.assign(problem.bound.begin(), problem.bound.end());
  bound_.resize(problem.variable_count(), kUnbounded);
  solver_.solve(capacity_, bound_, incidence, rates_);
  compute_levels();
}

template <typename See>
void WarmMaxMin::for_each_entry(std::uint32_t variable, const See& see) const {
  if (const std::uint32_t slot = overlay_slot_[variable]; slot != kNone) {
    const Overlay& overlay = overlays_[slot];
    for (std::size_t e = 0; e < overlay.resources.size(); ++e) {
      see(overlay.resources[e], overlay.weights.empty() ? 1.0 : overlay.weights[e]);
    }
    return;
  }
  for (std::uint32_t e = base_.offsets[variable]; e < base_.offsets[variable + 1]; ++e) {
    see(base_.resources[e], base_.weight(e));
  }
}

template <typename See>
void WarmMaxMin::for_each_user(std::uint32_t resource, const See& see) const {
  const Incidence& t = *incidence_;
  for (std::uint32_t e = t.offsets[resource]; e < t.offsets[resource + 1]; ++e) {
    if (overlay_slot_[t.variables[e]] == kNone) see(t.variables[e], t.weights.empty() ? 1.0 : t.weights[e]);
  }
  if (added_users_.empty()) return;
  if (const auto found = added_users_.find(resource); found != added_users_.end()) {
    for (const User& user : found->second) see(user.variable, user.weight);
  }
}

std::vector<std::uint32_t> WarmMaxMin::users(std::uint32_t resource) const {
  std::vector<std::uint32_t> result;
  for_each_user(resource, [&](std::uint32_t v, double) { result.push_back(v); });
  return result;
}

std::vector<std::uint32_t> WarmMaxMin::entries(std::uint32_t variable) const {
  std::vector<std::uint32_t> result;
  for_each_entry(variable, [&](std::uint32_t r, double) { result.push_back(r); });
  return result;
}

void WarmMaxMin::set_capacity(std::uint32_t resource, double capacity) {
  WEFT_CHECK(capacity >= 0.0 && capacity < kUnbounded);
  capacity_[resource] = capacity;
  touch(resource);
}

void WarmMaxMin::set_entries(std::uint32_t variable, std::span<const std::uint32_t> resources,
                             std::span<const double> weights) {
  WEFT_CHECK(weights.empty() || weights.size() == resources.size());
  replace(variable, {{resources.begin(), resources.end()}, {weights.begin(), weights.end()}});
  activate(variable);
}

void WarmMaxMin::remove(std::uint32_t variable) {
  replace(variable, {});
  rates_[variable] = bound_[variable] = 0.0;
}

std::uint32_t WarmMaxMin::add(std::span<const std::uint32_t> resources, std::span<const double> weights, double bound) {
  const auto variable = static_cast<std::uint32_t>(rates_.size());
  rates_.push_back(0.0);
  bound_.push_back(bound);
  active_slot_.push_back(kNone);
  overlay_slot_.push_back(static_cast<std::uint32_t>(overlays_.size()));
  overlays_.emplace_back();
  set_entries(variable, resources, weights);
  return variable;
}

void WarmMaxMin::replace(std::uint32_t variable, Overlay overlay) {
  for_each_entry(variable, [this](std::uint32_t r, double) { touch(r); });
  std::uint32_t& slot = overlay_slot_[variable];
  if (slot == kNone) {
    slot = static_cast<std::uint32_t>(overlays_.size());
    overlays_.emplace_back();
  } else {
    for (const std::uint32_t r : overlays_[slot].resources) {
      std::erase_if(added_users_[r], [variable](const User& user) { return user.variable == variable; });
    }
  }
  for (std::size_t e = 0; e < overlay.resources.size(); ++e) {
    added_users_[overlay.resources[e]].push_back({variable, overlay.weights.empty() ? 1.0 : overlay.weights[e]});
  }
  overlays_[slot] = std::move(overlay);
}

void WarmMaxMin::activate(std::uint32_t variable) {
  if (active_slot_[variable] == kNone) {
    active_slot_[variable] = static_cast<std::uint32_t>(active_.size());
    active_.push_back(variable);
  }
  for_each_entry(variable, [this](std::uint32_t r, double) { touch(r); });
}

void WarmMaxMin::touch(std::uint32_t resource) {
  if (touched_slot_[resource] != kNone) return;
  touched_slot_[resource] = static_cast<std::uint32_t>(touched_.size());
  touched_.push_back({resource, 0.0, level_[resource], 0.0});
}

// Solves the active variables on what those that keep their rates leave of the touched resources.
void WarmMaxMin::solve_active() {
  sub_incidence_.offsets.assign(1, 0);
  sub_incidence_.variables.clear();
  sub_incidence_.weights.clear();
  sub_capacity_.clear();
  bool weighted = false;
  for (Touched& touched : touched_) {
    touched.held = 0.0;
    for_each_user(touched.resource, [&](std::uint32_t v, double weight) {
      if (active_slot_[v] == kNone) {
        touched.held += weight * rates_[v];
        return;
      }
      sub_incidence_.variables.push_back(active_slot_[v]);
      sub_incidence_.weights.push_back(weight);
      weighted |= weight != 1.0;
    });
    sub_incidence_.offsets.push_back(static_cast<std::uint32_t>(sub_incidence_.variables.size()));
    sub_capacity_.push_back(std::max(0.0, capacity_[touched.resource] - touched.held));
  }
  if (!weighted) sub_incidence_.weights.clear();
  sub_bound_.clear();
  for (const std::uint32_t v : active_) sub_bound_.push_back(bound_[v]);
  sub_rates_.resize(active_.size());
  solver_.solve(sub_capacity_, sub_bound_, sub_incidence_, sub_rates_);
  for (std::size_t i = 0; i < active_.size(); ++i) rates_[active_[i]] = sub_rates_[i];
}

double WarmMaxMin::level_of(std::uint32_t resource, double* fastest) const {
  double load = 0.0;
  *fastest = 0.0;
  for_each_user(resource, [&](std::uint32_t v, double weight) {
    load += weight * rates_[v];
    *fastest = std::max(*fastest, rates_[v]);
  });
  return at_least(load, capacity_[resource]) ? *fastest : kUnbounded;
}

double WarmMaxMin::level_now(std::uint32_t resource) const {
  const std::uint32_t slot = touched_slot_[resource];
  return slot == kNone ? level_[resource] : touched_[slot].level;
}

bool WarmMaxMin::is_stopped(std::uint32_t variable) const {
  const double rate = rates_[variable];
  if (rate >= bound_[variable]) return true;
  bool stopped = false;
  for_each_entry(variable, [&](std::uint32_t r, double) { stopped = stopped || at_least(rate, level_now(r)); });
  return stopped;
}

void WarmMaxMin::judge_touched() {
  for (Touched& touched : touched_) touched.level = level_of(touched.resource, &touched.fastest);
}

// Activates the variables that violate [W1] at one resource. [W2]
void WarmMaxMin::grow_at(const Touched& touched) {
  const double before = level_[touched.resource];
  const bool overfull = touched.held > capacity_[touched.resource] * (1.0 + kSlack);
  double slowest_stuck = kUnbounded;  // active, and nothing but a faster holder stops it
  if (touched.level < kUnbounded) {
    for_each_user(touched.resource, [&](std::uint32_t v, double) {
      if (active_slot_[v] != kNone && rates_[v] < slowest_stuck && !is_stopped(v)) slowest_stuck = rates_[v];
    });
  }
  for_each_user(touched.resource, [&](std::uint32_t v, double) {
    if (active_slot_[v] != kNone) return;
    const bool too_fast = overfull || rates_[v] > slowest_stuck * (1.0 + kSlack);
    const bool lost = at_least(rates_[v], before) && !at_least(rates_[v], touched.level) && !is_stopped(v);
    if (too_fast || lost) activate(v);
  });
}

WarmStats WarmMaxMin::resolve() {
  WarmStats stats;
  const auto limit = static_cast<std::size_t>(options_.max_active_fraction * static_cast<double>(rates_.size()));
  while (true) {
    ++stats.rounds;
    solve_active();
    judge_touched();
    const std::size_t active = active_.size();
    const std::size_t touched = touched_.size();
    for (std::size_t i = 0; i < touched; ++i) grow_at(Touched(touched_[i]));
    if (active_.size() == active) break;
    if (active_.size() > std::max<std::size_t>(limit, 16)) {
      const std::uint32_t rounds = stats.rounds;
      stats = resolve_cold();
      stats.rounds += rounds;
      return stats;
    }
  }
  stats.active_variables = active_.size();
  stats.touched_resources = touched_.size();
  settle();
  return stats;
}

void WarmMaxMin::settle() {
  for (const std::uint32_t v : active_) active_slot_[v] = kNone;
  for (const Touched& touched : touched_) {
    level_[touched.resource] = touched.level;
    touched_slot_[touched.resource] = kNone;
  }
  std::swap(changed_, active_);
  active_.clear();
  touched_.clear();
}

MaxMinArrays WarmMaxMin::snapshot() const {
  MaxMinArrays arrays;
  arrays.capacity = capacity_;
  arrays.bound = bound_;
  bool weighted = false;
  for (std::uint32_t v = 0; v < rates_.size(); ++v) {
    for_each_entry(v, [&](std::uint32_t r, double weight) {
      arrays.resources.push_back(r);
      arrays.weights.push_back(weight);
      weighted |= weight != 1.0;
    });
    arrays.end_variable();
  }
  if (!weighted) arrays.weights = {};
  return arrays;
}

WarmStats WarmMaxMin::resolve_cold() {
  MaxMinArrays arrays = snapshot();
  Incidence incidence = transpose(arrays.view());
  own_arrays_ = std::move(arrays);
  own_incidence_ = std::move(incidence);
  base_ = own_arrays_.view();
  incidence_ = &own_incidence_;
  solver_.solve(capacity_, bound_, own_incidence_, rates_);
  std::fill(overlay_slot_.begin(), overlay_slot_.end(), kNone);
  overlays_.clear();
  added_users_.clear();
  settle();
  changed_.resize(rates_.size());
  std::iota(changed_.begin(), changed_.end(), 0U);
  compute_levels();
  WarmStats stats;
  stats.cold = true;
  stats.rounds = 1;
  stats.active_variables = rates_.size();
  stats.touched_resources = capacity_.size();
  return stats;
}

void WarmMaxMin::compute_levels() {
  level_.resize(capacity_.size());
  double fastest = 0.0;
  for (std::uint32_t r = 0; r < capacity_.size(); ++r) level_[r] = level_of(r, &fastest);
}

}  // namespace weft
