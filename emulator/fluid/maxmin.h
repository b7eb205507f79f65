// Max-min fair sharing on flat arrays: the numeric core of the fluid engine.
//
// The words are those of linear max-min solvers: a *resource* has a capacity, a *variable* has a rate and entries, an
// entry says that the variable consumes weight x rate of a resource. A variable is a flow, or several flows in
// lockstep (a connection over q QPs, a whole ring), which simply has the entries of all of them.
//
// Quantities are bare doubles here, and only here: capacities and rates share any one unit (the engine uses bits/s).
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "emulator/fluid/maxmin_queue.h"
#include "fabric/error.h"

namespace weft {

inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// A view of a problem; the arrays belong to the caller and outlive every use.
struct MaxMinProblem {
  std::span<const double> capacity;          // per resource, >= 0 and finite
  std::span<const std::uint32_t> offsets;    // variables + 1; entries of v are [offsets[v], offsets[v + 1])
  std::span<const std::uint32_t> resources;  // per entry; a resource may repeat in a variable and then counts again
  std::span<const double> weights;           // per entry, > 0 and finite; empty: all 1
  std::span<const double> bound;             // per variable, >= 0; empty or kUnbounded: no cap

  [[nodiscard]] std::size_t variable_count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::size_t resource_count() const { return capacity.size(); }
  [[nodiscard]] double weight(std::size_t entry) const { return weights.empty() ? 1.0 : weights[entry]; }
  [[nodiscard]] double upper_bound(std::size_t variable) const { return bound.empty() ? kUnbounded : bound[variable]; }
};

// The arrays of a problem, for callers that need an owner.
struct MaxMinArrays {
  std::vector<double> capacity;
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint32_t> resources;
  std::vector<double> weights;
  std::vector<double> bound;

  [[nodiscard]] MaxMinProblem view() const { return {capacity, offsets, resources, weights, bound}; }
  // Ends the variable whose entries were appended to `resources` since the last call.
  void end_variable() { offsets.push_back(static_cast<std::uint32_t>(resources.size())); }
};

// Shape and values: offsets monotone and complete, resources in range, no NaN, weights > 0, capacities and bounds >= 0.
// kInput with the index and the value of the first mistake. O(entries).
[[nodiscard]] Expected<void> validate(const MaxMinProblem& problem);

// Resource -> variables, the transposed problem. Variables of a resource are in ascending order.
struct Incidence {
  std::vector<std::uint32_t> offsets;    // resources + 1
  std::vector<std::uint32_t> variables;  // per entry
  std::vector<double> weights;           // per entry; empty: all 1

  [[nodiscard]] std::uint32_t degree(std::size_t resource) const { return offsets[resource + 1] - offsets[resource]; }
};

// Counting sort, O(entries + resources); the result does not depend on `threads` (0: all cores).
// REQUIRES: a valid problem.
[[nodiscard]] Incidence transpose(const MaxMinProblem& problem, unsigned threads = 1);

// The test oracle: progressive filling as in Bertsekas and Gallager, Data Networks, section 6.5.2, with a lazy binary
// heap of resources keyed by their fair share. O(entries log resources). Returns one rate per variable; a variable
// without entries gets its bound. REQUIRES: a valid problem and its own incidence.
[[nodiscard]] std::vector<double> textbook_max_min(const MaxMinProblem& problem, const Incidence& incidence);

// What one solve did.
struct SolveStats {
  std::uint64_t active_resources = 0;  // those that can bind at all
  std::uint64_t active_entries = 0;    // entries on them
  std::uint64_t frozen_resources = 0;  // those that did bind
  std::uint64_t requeued = 0;          // resources found stale and queued again
};

// The fast exact solver. Keeps its scratch memory between solves; not thread-safe, one per thread.
class MaxMinSolver {
 public:
  // Writes the max-min fair rate of each variable to `rates`. Variables marked in `finished` (empty: none) take no
  // part: the incidence no longer lists them, and their rate is set to 0.
  // REQUIRES: a valid problem, its own incidence, rates.size() == problem.variable_count().
  void solve(const MaxMinProblem& problem, const Incidence& incidence, std::span<double> rates,
             std::span<const std::uint8_t> finished = {});
  // The same from the transposed problem alone; the number of variables is rates.size(). `bound` may be empty.
  void solve(std::span<const double> capacity, std::span<const double> bound, const Incidence& incidence,
             std::span<double> rates);
  [[nodiscard]] std::vector<double> solve(const MaxMinProblem& problem);

  [[nodiscard]] const SolveStats& stats() const { return stats_; }

  // One bound of a variable, in the order in which rising rates meet them.
  struct BoundEvent {
    double bound;
    std::uint32_t variable;
  };
  // A resource that can bind, as the filling sees it. 16 bytes: four to a cache line.
  struct UnitRecord {
    double remaining = 0.0;   // capacity minus what fixed variables consume
    std::uint32_t count = 0;  // entries of variables not fixed yet
    std::uint32_t begin = 0;  // of its entries in the compact problem; they end where the next record's begin
    [[nodiscard]] double demand() const { return count; }
    void consume(double rate, double /*weight*/) {
      remaining -= rate;
      --count;
    }
  };
  struct WeightedRecord {
    double remaining = 0.0;
    double weight = 0.0;  // sum over entries of variables not fixed yet
    std::uint32_t count = 0;
    std::uint32_t begin = 0;
    [[nodiscard]] double demand() const { return weight; }
    void consume(double rate, double entry_weight) {
      remaining -= rate * entry_weight;
      weight -= entry_weight;
      --count;
    }
  };
  // What takes part in the filling, both ways round. Record n only marks the end of the one before.
  template <typename Record>
  struct System {
    std::span<Record> records;
    std::span<const std::uint32_t> variables;  // entries by record
    std::span<const std::uint32_t> offsets;    // variable -> its entries
    std::span<const std::uint32_t> entries;    // entries by variable: record
    std::span<const double> weights;           // entries by variable; empty: all 1
  };

 private:
  struct Input {
    std::span<const double> capacity;
    const Incidence& incidence;
    const MaxMinProblem* problem;  // null: only the transposed side is known
    std::span<const std::uint8_t> finished;
  };
  template <typename Record>
  void solve_as(const Input& input, std::span<double> rates, std::vector<Record>& records);
  void collect_upper_bounds(const Input& input, std::span<const double> bound, std::size_t variables);
  void select_resources(const Input& input);
  template <typename Record>
  System<Record> compact_system(const Input& input, std::vector<Record>& records);
  template <typename Record>
  System<Record> direct_system(const Input& input, std::vector<Record>& records);
  void index_variables(const Incidence& incidence);
  void start_compact(std::span<double> rates);
  void start_direct(const Input& input, std::span<double> rates);
  void start_variable(std::uint32_t variable, bool grows, std::span<double> rates);

  std::vector<double> upper_;                                 // per variable: its bound and its private resources
  std::vector<std::uint32_t> selected_;                       // the resources that can bind
  std::vector<bool> is_selected_;                             // per resource; direct systems only
  std::vector<std::uint32_t> variables_, offsets_, entries_;  // compact systems only
  std::vector<double> weights_;
  std::vector<BoundEvent> bound_events_;
  bool all_bounded_ = true;  // every growing variable has a bound
  std::vector<UnitRecord> unit_;
  std::vector<WeightedRecord> weighted_;
  ShareQueue queue_;
  SolveStats stats_;
};

}  // namespace weft
