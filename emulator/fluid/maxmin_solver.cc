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
#include "emulator/fluid/maxmin_queue.h"

namespace weft {
namespace {

constexpr std::uint32_t kInert = std::numeric_limits<std::uint32_t>::max();
constexpr double kGrowing = -1.0;  // in `rates`: not fixed yet
// How far ahead of its use a random access is announced; a few DRAM latencies of work.
constexpr std::size_t kFarAhead = 24;
constexpr std::size_t kNearAhead = 12;

void prefetch(const void* address) { __builtin_prefetch(address); }

// The compact problem: records that can bind, and for each variable its entries on them.
template <typename Record>
class Filling {
 public:
  Filling(std::span<Record> records, std::span<const std::uint32_t> entry_offsets,
          std::span<const std::uint32_t> entries, std::span<const double> weights, const Incidence& incidence,
          std::span<double> rates, SolveStats& stats)
      : records_(records),
        entry_offsets_(entry_offsets),
        entries_(entries),
        weights_(weights),
        incidence_(incidence),
        rates_(rates),
        stats_(stats) {}

  // `events` are in ascending order of bound; `all_bounded` says that every growing variable has one.
  void run(std::span<const MaxMinSolver::BoundEvent> events, bool all_bounded) {
    events_ = events;
    all_bounded_ = all_bounded;
    auto [lowest, highest] = share_range();
    ShareQueue queue(lowest, highest);
    for (std::uint32_t id = 0; id < records_.size(); ++id) queue.push({share(id), id});
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
    for (std::uint32_t id = 0; id < records_.size(); ++id) {
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

  void announce(const std::vector<ShareItem>& batch, std::size_t i) const {
    if (i + kFarAhead < batch.size()) prefetch(&records_[batch[i + kFarAhead].id]);
    if (i + kNearAhead < batch.size()) {
      const Record& r = records_[batch[i + kNearAhead].id];
      prefetch(&incidence_.variables[incidence_.offsets[r.origin]]);
    }
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
    const std::uint32_t origin = records_[item.id].origin;
    for (std::uint32_t e = incidence_.offsets[origin]; e < incidence_.offsets[origin + 1]; ++e) {
      fix(incidence_.variables[e]);
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
    for (std::uint32_t e = entry_offsets_[variable]; e < entry_offsets_[variable + 1]; ++e) {
      records_[entries_[e]].consume(level_, weights_.empty() ? 1.0 : weights_[e]);
    }
  }

  std::span<Record> records_;
  std::span<const std::uint32_t> entry_offsets_;
  std::span<const std::uint32_t> entries_;
  std::span<const double> weights_;
  const Incidence& incidence_;
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
void MaxMinSolver::collect_upper_bounds(const MaxMinProblem& p, const Incidence& t) {
  if (p.bound.empty()) {
    upper_.assign(p.variable_count(), kUnbounded);
  } else {
    upper_.assign(p.bound.begin(), p.bound.end());
  }
  for (std::size_t r = 0; r < p.resource_count(); ++r) {
    if (t.degree(r) != 1) continue;
    const std::uint32_t e = t.offsets[r];
    const double cap = t.weights.empty() ? p.capacity[r] : p.capacity[r] / t.weights[e];
    double& upper = upper_[t.variables[e]];
    upper = std::min(upper, cap);
  }
}

// [P2]
template <typename Record>
void MaxMinSolver::select_resources(const MaxMinProblem& p, const Incidence& t, std::vector<Record>& records) {
  compact_id_.resize(p.resource_count());
  records.clear();
  for (std::size_t r = 0; r < p.resource_count(); ++r) {
    compact_id_[r] = kInert;
    if (t.degree(r) < 2) continue;
    double reachable = 0.0;
    std::uint32_t e = t.offsets[r];
    for (; e < t.offsets[r + 1] && reachable <= p.capacity[r]; ++e) {
      reachable += upper_[t.variables[e]] * (t.weights.empty() ? 1.0 : t.weights[e]);
    }
    if (reachable <= p.capacity[r]) continue;
    compact_id_[r] = static_cast<std::uint32_t>(records.size());
    Record record{};
    record.remaining = p.capacity[r];
    record.count = t.degree(r);
    record.origin = static_cast<std::uint32_t>(r);
    if constexpr (requires { record.weight; }) {
      for (e = t.offsets[r]; e < t.offsets[r + 1]; ++e) record.weight += t.weights[e];
    }
    records.push_back(record);
  }
}

// Keeps the entries on resources that can bind. A variable without such entries runs at its upper bound at once.
void MaxMinSolver::compact_variables(const MaxMinProblem& p, std::span<double> rates) {
  const std::size_t variables = p.variable_count();
  entry_offsets_.resize(variables + 1);
  entry_records_.resize(p.resources.size() + 1);  // one spare: the append below writes before it decides
  if (!p.weights.empty()) entry_weights_.resize(p.resources.size() + 1);
  std::uint32_t kept = 0;
  bound_events_.clear();
  for (std::uint32_t v = 0; v < variables; ++v) {
    entry_offsets_[v] = kept;
    for (std::uint32_t e = p.offsets[v]; e < p.offsets[v + 1]; ++e) {
      const std::uint32_t id = compact_id_[p.resources[e]];
      entry_records_[kept] = id;
      if (!p.weights.empty()) entry_weights_[kept] = p.weights[e];
      kept += id != kInert ? 1 : 0;
    }
    const bool grows = kept != entry_offsets_[v];
    rates[v] = grows ? kGrowing : upper_[v];
    if (grows && upper_[v] < kUnbounded) bound_events_.push_back({upper_[v], v});
  }
  entry_offsets_[variables] = kept;
  stats_.active_entries = kept;
  const auto by_bound = [](const BoundEvent& a, const BoundEvent& b) { return a.bound < b.bound; };
  if (!std::is_sorted(bound_events_.begin(), bound_events_.end(), by_bound)) {
    std::stable_sort(bound_events_.begin(), bound_events_.end(), by_bound);
  }
}

template <typename Record>
void MaxMinSolver::solve_as(const MaxMinProblem& p, const Incidence& t, std::span<double> rates,
                            std::vector<Record>& records) {
  stats_ = {};
  collect_upper_bounds(p, t);
  select_resources(p, t, records);
  compact_variables(p, rates);
  stats_.active_resources = records.size();
  std::size_t growing = 0;
  for (const double rate : rates) growing += rate < 0.0 ? 1 : 0;
  const std::span<const double> weights =
      p.weights.empty() ? std::span<const double>{} : std::span<const double>(entry_weights_);
  Filling<Record> filling(records, entry_offsets_, entry_records_, weights, t, rates, stats_);
  filling.run(bound_events_, bound_events_.size() == growing);
}

void MaxMinSolver::solve(const MaxMinProblem& p, const Incidence& t, std::span<double> rates) {
  WEFT_CHECK(rates.size() == p.variable_count());
  WEFT_CHECK(t.offsets.size() == p.resource_count() + 1 && t.variables.size() == p.resources.size());
  if (p.weights.empty()) {
    solve_as(p, t, rates, unit_records_);
  } else {
    solve_as(p, t, rates, weighted_records_);
  }
}

std::vector<double> MaxMinSolver::solve(const MaxMinProblem& p) {
  std::vector<double> rates(p.variable_count());
  solve(p, transpose(p), rates);
  return rates;
}

}  // namespace weft
