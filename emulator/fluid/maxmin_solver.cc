// The fast exact max-min solver.
//
// Correctness properties, marked [P1]..[P5] where they are kept:
//  P1  A resource with a single entry is a bound on its variable: it needs no place in the filling.
//  P2  A resource whose variables cannot fill it even at their upper bounds never binds.
//  P3  Fixing a variable at a rate not above the share of its resources can only raise those shares. So the smallest
//      share in the queue, found not to be stale, is a true minimum: its resource is a bottleneck.
//  P4  Every variable is fixed exactly once, at the smallest level at which a resource or its bound stops it.
//  P5  Resources meet in the order (share, record number), which is a function of the problem alone.
#include <algorithm>
#include <cmath>

#include "emulator/fluid/maxmin.h"

namespace weft {
namespace {

// Above this share of entries on resources that can bind, copying them does not pay.
constexpr double kDirectShare = 0.6;
constexpr double kGrowing = -1.0;  // in `rates`: not fixed yet
// How many items ahead of its use each random access is announced, in the order in which they depend.
constexpr std::uint32_t kRecordsAhead = 32;
constexpr std::uint32_t kVariablesAhead = 20;
constexpr std::uint32_t kRatesAhead = 12;
constexpr std::uint32_t kEntriesAhead = 7;
constexpr std::uint32_t kNeighboursAhead = 3;
constexpr std::uint32_t kMostAnnounced = 16;  // entries of a variable; a whole ring's list streams by itself

void prefetch(const void* address) { __builtin_prefetch(address); }

template <typename Record>
class Filling {
 public:
  Filling(const MaxMinSolver::System<Record>& system, std::span<double> rates, SolveStats& stats)
      : system_(system), records_(system.records), rates_(rates), stats_(stats) {}

  // `first` lists the records to start from; `events` are in ascending order of bound; `all_bounded` says that every
  // growing variable has one.
  void run(std::span<const std::uint32_t> first, std::span<const MaxMinSolver::BoundEvent> events, bool all_bounded,
           ShareQueue& queue) {
    events_ = events;
    all_bounded_ = all_bounded;
    auto [lowest, highest] = share_range(first);
    queue.reset(lowest, highest);
    for (const std::uint32_t id : first) queue.push({share(id), id});
    const auto refresh = [&](const ShareItem& item) { return records_[item.id].count == 0 ? -1.0 : share(item.id); };
    while (!done_) {
      const std::vector<ShareItem>& batch = queue.open_next(refresh);
      if (batch.empty()) break;
      drain(queue, batch);
    }
    while (!done_ && next_event_ < events_.size()) meet_bound();
  }

 private:
  [[nodiscard]] double share(std::uint32_t id) const {
    return std::max(0.0, records_[id].remaining) / records_[id].demand();
  }

  [[nodiscard]] std::pair<double, double> share_range(std::span<const std::uint32_t> first) const {
    double lowest = kUnbounded;
    double highest = 0.0;
    for (const std::uint32_t id : first) {
      const double s = share(id);
      lowest = std::min(lowest, s);
      highest = std::max(highest, s);
    }
    return {std::min(lowest, highest), highest};
  }

  // Merges three sorted sources: the batch, what was pushed back into its slice, and the bounds.
  void drain(ShareQueue& queue, const std::vector<ShareItem>& batch) {
    std::size_t i = 0;
    while (!done_ && (i < batch.size() || queue.has_late())) {
      const bool late = queue.has_late() && (i == batch.size() || queue.top_late() < batch[i]);
      const ShareItem item = late ? queue.top_late() : batch[i];
      if (next_event_ < events_.size() && events_[next_event_].bound < item.share) {
        meet_bound();
        continue;
      }
      if (late) {
        queue.pop_late();
      } else {
        announce(batch, i++);
      }
      visit(queue, item);
    }
  }

  // Software prefetch, in five dependent stages: record, its variables, their rates, their entries, those records.
  void announce(const std::vector<ShareItem>& batch, std::size_t i) const {
    if (i + kRecordsAhead < batch.size()) prefetch(&records_[batch[i + kRecordsAhead].id]);
    if (i + kVariablesAhead < batch.size()) {
      const Record& record = records_[batch[i + kVariablesAhead].id];
      if (record.count != 0) prefetch(&system_.variables[record.begin]);
    }
    if (i + kRatesAhead < batch.size()) for_head(batch[i + kRatesAhead].id, &Filling::announce_rate);
    if (i + kEntriesAhead < batch.size()) for_head(batch[i + kEntriesAhead].id, &Filling::announce_entries);
    if (i + kNeighboursAhead < batch.size()) for_head(batch[i + kNeighboursAhead].id, &Filling::announce_neighbours);
  }

  // The first variables of a resource; the others are announced as its list is walked.
  void for_head(std::uint32_t id, void (Filling::*announce_one)(std::uint32_t) const) const {
    if (records_[id].count == 0) return;
    const std::uint32_t begin = records_[id].begin;
    const std::uint32_t end = std::min(records_[id + 1].begin, begin + kRatesAhead);
    for (std::uint32_t e = begin; e < end; ++e) (this->*announce_one)(system_.variables[e]);
  }

  void announce_rate(std::uint32_t variable) const {
    prefetch(&rates_[variable]);
    prefetch(&system_.offsets[variable]);
  }
  void announce_entries(std::uint32_t variable) const {
    if (rates_[variable] < 0.0) prefetch(&system_.entries[system_.offsets[variable]]);
  }
  void announce_neighbours(std::uint32_t variable) const {
    if (rates_[variable] >= 0.0) return;
    const std::uint32_t end = std::min(system_.offsets[variable + 1], system_.offsets[variable] + kMostAnnounced);
    for (std::uint32_t e = system_.offsets[variable]; e < end; ++e) prefetch(&records_[system_.entries[e]]);
  }

  void visit(ShareQueue& queue, const ShareItem& item) {
    if (records_[item.id].count == 0) return;
    const double now = share(item.id);
    if (now > item.share) {  // stale [P3]
      ++stats_.requeued;
      queue.push({now, item.id});
      return;
    }
    level_ = std::max(level_, item.share);
    ++stats_.frozen_resources;
    const std::uint32_t end = records_[item.id + 1].begin;
    const std::span<const std::uint32_t> variables = system_.variables;
    for (std::uint32_t e = records_[item.id].begin; e < end; ++e) {
      if (e + kRatesAhead < end) announce_rate(variables[e + kRatesAhead]);
      if (e + kEntriesAhead < end) announce_entries(variables[e + kEntriesAhead]);
      if (e + kNeighboursAhead < end) announce_neighbours(variables[e + kNeighboursAhead]);
      fix(variables[e]);
    }
  }

  void meet_bound() {
    level_ = std::max(level_, events_[next_event_].bound);
    if (all_bounded_ && events_[next_event_].bound == events_.back().bound) {
      // Whoever still grows is among these last events: nothing is left to be told about it.
      for (; next_event_ < events_.size(); ++next_event_) {
        double& rate = rates_[events_[next_event_].variable];
        if (rate < 0.0) rate = level_;
      }
      done_ = true;
      return;
    }
    fix(events_[next_event_++].variable);
  }

  void fix(std::uint32_t variable) {
    if (rates_[variable] >= 0.0) return;  // [P4]
    rates_[variable] = level_;
    for (std::uint32_t e = system_.offsets[variable]; e < system_.offsets[variable + 1]; ++e) {
      records_[system_.entries[e]].consume(level_, system_.weights.empty() ? 1.0 : system_.weights[e]);
    }
  }

  MaxMinSolver::System<Record> system_;
  std::span<Record> records_;
  std::span<double> rates_;
  SolveStats& stats_;
  std::span<const MaxMinSolver::BoundEvent> events_;
  std::size_t next_event_ = 0;
  double level_ = 0.0;
  bool all_bounded_ = false;
  bool done_ = false;
};

template <typename Record>
Record record_of(std::span<const double> capacity, const Incidence& t, std::uint32_t resource) {
  Record record;
  record.remaining = capacity[resource];
  record.count = t.degree(resource);
  record.begin = t.offsets[resource];
  if constexpr (requires { record.weight; }) {
    for (std::uint32_t e = t.offsets[resource]; e < t.offsets[resource + 1]; ++e) record.weight += t.weights[e];
  }
  return record;
}

}  // namespace

// [P1]
void MaxMinSolver::collect_upper_bounds(const Input& in, std::span<const double> bound, std::size_t variables) {
  if (bound.empty()) {
    upper_.assign(variables, kUnbounded);
  } else {
    upper_.assign(bound.begin(), bound.end());
  }
  const Incidence& t = in.incidence;
  for (std::size_t r = 0; r < in.capacity.size(); ++r) {
    if (t.degree(r) != 1) continue;
    const std::uint32_t e = t.offsets[r];
    const double cap = t.weights.empty() ? in.capacity[r] : in.capacity[r] / t.weights[e];
    double& upper = upper_[t.variables[e]];
    upper = std::min(upper, cap);
  }
}

// [P2]
void MaxMinSolver::select_resources(const Input& in) {
  const Incidence& t = in.incidence;
  selected_.clear();
  stats_.active_entries = 0;
  for (std::uint32_t r = 0; r < in.capacity.size(); ++r) {
    if (t.degree(r) < 2) continue;
    double reachable = 0.0;
    for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1] && reachable <= in.capacity[r]; ++e) {
      reachable += upper_[t.variables[e]] * (t.weights.empty() ? 1.0 : t.weights[e]);
    }
    if (reachable <= in.capacity[r]) continue;
    selected_.push_back(r);
    stats_.active_entries += t.degree(r);
  }
  stats_.active_resources = selected_.size();
}

// A copy of what can bind, dense: pays where most of the problem cannot.
template <typename Record>
MaxMinSolver::System<Record> MaxMinSolver::compact_system(const Input& in, std::vector<Record>& records) {
  const Incidence& t = in.incidence;
  records.resize(selected_.size() + 1);
  variables_.resize(stats_.active_entries);
  offsets_.assign(upper_.size() + 1, 0);
  std::uint32_t begin = 0;
  for (std::uint32_t id = 0; id < selected_.size(); ++id) {
    const std::uint32_t r = selected_[id];
    records[id] = record_of<Record>(in.capacity, t, r);
    records[id].begin = begin;
    for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1]; ++e) {
      variables_[begin++] = t.variables[e];
      ++offsets_[t.variables[e] + 1];
    }
  }
  records.back().begin = begin;
  index_variables(t);
  for (std::uint32_t id = 0; id < selected_.size(); ++id) selected_[id] = id;
  return {records, variables_, offsets_, entries_, weights_};
}

// Transposes the kept entries. Before, offsets_[v + 1] counts those of v; afterwards it is where they end.
void MaxMinSolver::index_variables(const Incidence& t) {
  std::uint32_t begin = 0;  // becomes a cursor that ends where the next variable begins
  for (std::size_t v = 1; v < offsets_.size(); ++v) {
    const std::uint32_t count = offsets_[v];
    offsets_[v] = begin;
    begin += count;
  }
  entries_.resize(variables_.size());
  weights_.resize(t.weights.empty() ? 0 : variables_.size());
  std::uint32_t kept = 0;
  for (std::uint32_t id = 0; id < selected_.size(); ++id) {
    const std::uint32_t r = selected_[id];
    for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1]; ++e) {
      const std::uint32_t slot = offsets_[variables_[kept++] + 1]++;
      entries_[slot] = id;
      if (!t.weights.empty()) weights_[slot] = t.weights[e];
    }
  }
}

// The caller's arrays as they are: no copy, where most of the problem can bind. Records that cannot are never queued.
template <typename Record>
MaxMinSolver::System<Record> MaxMinSolver::direct_system(const Input& in, std::vector<Record>& records) {
  records.resize(in.capacity.size() + 1);
  for (std::uint32_t r = 0; r < in.capacity.size(); ++r) {
    records[r] = record_of<Record>(in.capacity, in.incidence, r);
  }
  records.back().begin = in.incidence.offsets.back();
  return {records, in.incidence.variables, in.problem->offsets, in.problem->resources, in.problem->weights};
}

// A variable that nothing selected can stop runs at its upper bound at once.
void MaxMinSolver::start_variable(std::uint32_t v, bool grows, std::span<double> rates) {
  rates[v] = grows ? kGrowing : upper_[v];
  if (!grows) return;
  if (upper_[v] < kUnbounded) {
    bound_events_.push_back({upper_[v], v});
  } else {
    all_bounded_ = false;
  }
}

void MaxMinSolver::start_compact(std::span<double> rates) {
  for (std::uint32_t v = 0; v < rates.size(); ++v) start_variable(v, offsets_[v] != offsets_[v + 1], rates);
}

void MaxMinSolver::start_direct(const Input& in, std::span<double> rates) {
  is_selected_.assign(in.capacity.size(), false);
  for (const std::uint32_t r : selected_) is_selected_[r] = true;
  for (std::uint32_t v = 0; v < rates.size(); ++v) {
    bool grows = false;
    if (in.finished.empty() || in.finished[v] == 0) {
      for (std::uint32_t e = in.problem->offsets[v]; e < in.problem->offsets[v + 1] && !grows; ++e) {
        grows = is_selected_[in.problem->resources[e]];
      }
    }
    start_variable(v, grows, rates);
  }
}

template <typename Record>
void MaxMinSolver::solve_as(const Input& in, std::span<double> rates, std::vector<Record>& records) {
  select_resources(in);
  bound_events_.clear();
  all_bounded_ = true;
  const auto entries = static_cast<double>(in.problem != nullptr ? in.problem->resources.size() : 0);
  const bool direct = in.problem != nullptr && static_cast<double>(stats_.active_entries) > kDirectShare * entries;
  const System<Record> system = direct ? direct_system(in, records) : compact_system(in, records);
  if (direct) {
    start_direct(in, rates);
  } else {
    start_compact(rates);
  }
  const auto by_bound = [](const BoundEvent& a, const BoundEvent& b) { return a.bound < b.bound; };
  if (!std::is_sorted(bound_events_.begin(), bound_events_.end(), by_bound)) {
    std::stable_sort(bound_events_.begin(), bound_events_.end(), by_bound);
  }
  Filling<Record>(system, rates, stats_).run(selected_, bound_events_, all_bounded_, queue_);
  for (std::size_t v = 0; v < in.finished.size(); ++v) {
    if (in.finished[v] != 0) rates[v] = 0.0;
  }
}

void MaxMinSolver::solve(const MaxMinProblem& p, const Incidence& t, std::span<double> rates,
                         std::span<const std::uint8_t> finished) {
  WEFT_CHECK(rates.size() == p.variable_count());
  WEFT_CHECK(finished.empty() || finished.size() == rates.size());
  WEFT_CHECK(t.offsets.size() == p.capacity.size() + 1);
  stats_ = {};
  const Input in{p.capacity, t, &p, finished};
  collect_upper_bounds(in, p.bound, rates.size());
  if (t.weights.empty()) {
    solve_as(in, rates, unit_);
  } else {
    solve_as(in, rates, weighted_);
  }
}

void MaxMinSolver::solve(std::span<const double> capacity, std::span<const double> bound, const Incidence& t,
                         std::span<double> rates) {
  WEFT_CHECK(t.offsets.size() == capacity.size() + 1);
  WEFT_CHECK(bound.empty() || bound.size() == rates.size());
  stats_ = {};
  const Input in{capacity, t, nullptr, {}};
  collect_upper_bounds(in, bound, rates.size());
  if (t.weights.empty()) {
    solve_as(in, rates, unit_);
  } else {
    solve_as(in, rates, weighted_);
  }
}

std::vector<double> MaxMinSolver::solve(const MaxMinProblem& p) {
  std::vector<double> rates(p.variable_count());
  solve(p, transpose(p), rates);
  return rates;
}

}  // namespace weft
