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

constexpr double kGrowing = -1.0;  // in `rates`: not fixed yet
// How many batch items ahead of its use each random access is announced, in the order in which they depend.
constexpr std::size_t kRecordsAhead = 32;
constexpr std::size_t kVariablesAhead = 20;
constexpr std::size_t kRatesAhead = 12;
constexpr std::size_t kEntriesAhead = 7;
constexpr std::size_t kNeighboursAhead = 3;
constexpr std::uint32_t kAnnounced = 8;  // entries of a resource that are announced; long ones stream by themselves

void prefetch(const void* address) { __builtin_prefetch(address); }

template <typename Record>
class Filling {
 public:
  Filling(MaxMinSolver::Compact<Record>& compact, std::span<double> rates, SolveStats& stats)
      : compact_(compact), records_(compact.records), rates_(rates), stats_(stats) {}

  // `events` are in ascending order of bound; `all_bounded` says that every growing variable has one.
  void run(std::span<const MaxMinSolver::BoundEvent> events, bool all_bounded, ShareQueue& queue) {
    events_ = events;
    all_bounded_ = all_bounded;
    auto [lowest, highest] = share_range();
    queue.reset(lowest, highest);
    for (std::uint32_t id = 0; id + 1 < records_.size(); ++id) queue.push({share(id), id});
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

  [[nodiscard]] std::pair<double, double> share_range() const {
    double lowest = kUnbounded;
    double highest = 0.0;
    for (std::uint32_t id = 0; id + 1 < records_.size(); ++id) {
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
      if (record.count != 0) prefetch(&compact_.variables[record.begin]);
    }
    if (i + kRatesAhead < batch.size()) {
      for_growing_head(batch[i + kRatesAhead].id, [this](std::uint32_t variable) {
        prefetch(&rates_[variable]);
        prefetch(&compact_.offsets[variable]);
      });
    }
    if (i + kEntriesAhead < batch.size()) {
      for_growing_head(batch[i + kEntriesAhead].id, [this](std::uint32_t variable) {
        if (rates_[variable] < 0.0) prefetch(&compact_.entries[compact_.offsets[variable]]);
      });
    }
    if (i + kNeighboursAhead < batch.size()) {
      for_growing_head(batch[i + kNeighboursAhead].id, [this](std::uint32_t variable) {
        if (rates_[variable] >= 0.0) return;
        const std::uint32_t end = std::min(compact_.offsets[variable + 1], compact_.offsets[variable] + kAnnounced);
        for (std::uint32_t e = compact_.offsets[variable]; e < end; ++e) prefetch(&records_[compact_.entries[e]]);
      });
    }
  }

  template <typename Visit>
  void for_growing_head(std::uint32_t id, const Visit& see) const {
    if (records_[id].count == 0) return;
    const std::uint32_t begin = records_[id].begin;
    const std::uint32_t end = std::min(records_[id + 1].begin, begin + kAnnounced);
    for (std::uint32_t e = begin; e < end; ++e) see(compact_.variables[e]);
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
    for (std::uint32_t e = records_[item.id].begin; e < end; ++e) fix(compact_.variables[e]);
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
    for (std::uint32_t e = compact_.offsets[variable]; e < compact_.offsets[variable + 1]; ++e) {
      records_[compact_.entries[e]].consume(level_, compact_.weights.empty() ? 1.0 : compact_.weights[e]);
    }
  }

  MaxMinSolver::Compact<Record>& compact_;
  std::span<Record> records_;
  std::span<double> rates_;
  SolveStats& stats_;
  std::span<const MaxMinSolver::BoundEvent> events_;
  std::size_t next_event_ = 0;
  double level_ = 0.0;
  bool all_bounded_ = false;
  bool done_ = false;
};

}  // namespace

// [P1]
void MaxMinSolver::collect_upper_bounds(std::span<const double> capacity, std::span<const double> bound,
                                        const Incidence& t, std::size_t variables) {
  if (bound.empty()) {
    upper_.assign(variables, kUnbounded);
  } else {
    upper_.assign(bound.begin(), bound.end());
  }
  for (std::size_t r = 0; r < capacity.size(); ++r) {
    if (t.degree(r) != 1) continue;
    const std::uint32_t e = t.offsets[r];
    const double cap = t.weights.empty() ? capacity[r] : capacity[r] / t.weights[e];
    double& upper = upper_[t.variables[e]];
    upper = std::min(upper, cap);
  }
}

// [P2] Also counts the kept entries of each variable, in compact.offsets[variable + 1].
template <typename Record>
void MaxMinSolver::select_resources(std::span<const double> capacity, const Incidence& t, Compact<Record>& compact) {
  compact.records.clear();
  compact.variables.clear();
  compact.offsets.assign(upper_.size() + 1, 0);
  selected_.clear();
  for (std::size_t r = 0; r < capacity.size(); ++r) {
    if (t.degree(r) < 2) continue;
    double reachable = 0.0;
    for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1] && reachable <= capacity[r]; ++e) {
      reachable += upper_[t.variables[e]] * (t.weights.empty() ? 1.0 : t.weights[e]);
    }
    if (reachable <= capacity[r]) continue;
    Record record;
    record.remaining = capacity[r];
    record.count = t.degree(r);
    record.begin = static_cast<std::uint32_t>(compact.variables.size());
    if constexpr (requires { record.weight; }) {
      for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1]; ++e) record.weight += t.weights[e];
    }
    compact.records.push_back(record);
    selected_.push_back(static_cast<std::uint32_t>(r));
    for (std::uint32_t e = t.offsets[r]; e < t.offsets[r + 1]; ++e) {
      compact.variables.push_back(t.variables[e]);
      ++compact.offsets[t.variables[e] + 1];
    }
  }
  Record end;
  end.begin = static_cast<std::uint32_t>(compact.variables.size());
  compact.records.push_back(end);
}

// Transposes the kept entries. Afterwards compact.offsets[v + 1] is the end of variable v.
template <typename Record>
void MaxMinSolver::index_variables(const Incidence& t, Compact<Record>& compact) {
  std::uint32_t begin = 0;  // becomes a cursor that ends where the next variable begins
  for (std::size_t v = 1; v < compact.offsets.size(); ++v) {
    const std::uint32_t count = compact.offsets[v];
    compact.offsets[v] = begin;
    begin += count;
  }
  compact.entries.resize(compact.variables.size());
  if (!t.weights.empty()) compact.weights.resize(compact.variables.size());
  for (std::uint32_t id = 0; id + 1 < compact.records.size(); ++id) {
    const std::uint32_t first = compact.records[id].begin;
    for (std::uint32_t e = first; e < compact.records[id + 1].begin; ++e) {
      const std::uint32_t slot = compact.offsets[compact.variables[e] + 1]++;
      compact.entries[slot] = id;
      if (!t.weights.empty()) compact.weights[slot] = t.weights[t.offsets[selected_[id]] + (e - first)];
    }
  }
}

// A variable that nothing kept can stop runs at its upper bound at once. Returns whether all others have a bound.
template <typename Record>
bool MaxMinSolver::start_rates(const Compact<Record>& compact, std::span<double> rates) {
  bool all_bounded = true;
  bound_events_.clear();
  for (std::uint32_t v = 0; v < rates.size(); ++v) {
    const bool grows = compact.offsets[v] != compact.offsets[v + 1];
    rates[v] = grows ? kGrowing : upper_[v];
    if (!grows) continue;
    if (upper_[v] < kUnbounded) {
      bound_events_.push_back({upper_[v], v});
    } else {
      all_bounded = false;
    }
  }
  const auto by_bound = [](const BoundEvent& a, const BoundEvent& b) { return a.bound < b.bound; };
  if (!std::is_sorted(bound_events_.begin(), bound_events_.end(), by_bound)) {
    std::stable_sort(bound_events_.begin(), bound_events_.end(), by_bound);
  }
  return all_bounded;
}

template <typename Record>
void MaxMinSolver::solve_as(std::span<const double> capacity, const Incidence& t, std::span<double> rates,
                            Compact<Record>& compact) {
  stats_ = {};
  select_resources(capacity, t, compact);
  index_variables(t, compact);
  stats_.active_resources = compact.records.size() - 1;
  stats_.active_entries = compact.entries.size();
  const bool all_bounded = start_rates(compact, rates);
  Filling<Record>(compact, rates, stats_).run(bound_events_, all_bounded, queue_);
}

void MaxMinSolver::solve(std::span<const double> capacity, std::span<const double> bound, const Incidence& t,
                         std::span<double> rates) {
  WEFT_CHECK(t.offsets.size() == capacity.size() + 1);
  WEFT_CHECK(bound.empty() || bound.size() == rates.size());
  collect_upper_bounds(capacity, bound, t, rates.size());
  if (t.weights.empty()) {
    solve_as(capacity, t, rates, unit_);
  } else {
    solve_as(capacity, t, rates, weighted_);
  }
}

void MaxMinSolver::solve(const MaxMinProblem& p, const Incidence& t, std::span<double> rates) {
  WEFT_CHECK(rates.size() == p.variable_count());
  solve(p.capacity, p.bound, t, rates);
}

std::vector<double> MaxMinSolver::solve(const MaxMinProblem& p) {
  std::vector<double> rates(p.variable_count());
  solve(p, transpose(p), rates);
  return rates;
}

}  // namespace weft
