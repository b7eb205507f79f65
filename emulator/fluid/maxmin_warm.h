// Max-min sharing that is kept up to date: after a change only the part that feels it is solved again.
//
// Changes are an overlay on the caller's arrays, so that a re-solve never copies the problem. Rerouted, removed and
// added variables live in the overlay; their entries in the base arrays are skipped.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft {

struct WarmOptions {
  // Above this share of all variables a cold solve is cheaper than growing the active part further.
  double max_active_fraction = 0.25;
};

// What one resolve() did.
struct WarmStats {
  bool cold = false;
  std::uint32_t rounds = 0;           // sub-solves
  std::size_t active_variables = 0;   // solved again
  std::size_t touched_resources = 0;  // looked at
};

class WarmMaxMin {
 public:
  // Solves cold. The arrays of `problem` and `incidence` must outlive this, or the first cold fallback.
  // REQUIRES: a valid problem and its own incidence.
  WarmMaxMin(const MaxMinProblem& problem, const Incidence& incidence, WarmOptions options = {});
  WarmMaxMin(const WarmMaxMin&) = delete;
  WarmMaxMin& operator=(const WarmMaxMin&) = delete;

  // Changes take effect with the next resolve(). Weights: empty for all 1, else one per entry.
  void set_capacity(std::uint32_t resource, double capacity);
  void set_entries(std::uint32_t variable, std::span<const std::uint32_t> resources,
                   std::span<const double> weights = {});
  // The variable keeps its number, and has no entries and bound 0 from now on.
  void remove(std::uint32_t variable);
  // Returns the new variable's number.
  std::uint32_t add(std::span<const std::uint32_t> resources, std::span<const double> weights = {},
                    double bound = kUnbounded);

  // Brings rates() up to date: exactly the rates of a cold solve of the changed problem, up to rounding.
  WarmStats resolve();
  // The same by a cold solve of everything; also folds the overlay into arrays of its own.
  WarmStats resolve_cold();

  [[nodiscard]] std::span<const double> rates() const { return rates_; }
  // The variables that the last resolve() solved again; all others kept their rates. Empty before the first.
  [[nodiscard]] std::span<const std::uint32_t> changed() const { return changed_; }
  [[nodiscard]] double capacity(std::uint32_t resource) const { return capacity_[resource]; }
  [[nodiscard]] std::size_t variable_count() const { return rates_.size(); }
  // The variables that use a resource now, ascending within the base and within the overlay.
  [[nodiscard]] std::vector<std::uint32_t> users(std::uint32_t resource) const;
  // The resources of a variable now.
  [[nodiscard]] std::vector<std::uint32_t> entries(std::uint32_t variable) const;
  // The changed problem as arrays of its own. O(problem).
  [[nodiscard]] MaxMinArrays snapshot() const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  struct User {
    std::uint32_t variable;
    double weight;
  };
  struct Overlay {
    std::vector<std::uint32_t> resources;
    std::vector<double> weights;
  };
  struct Touched {
    std::uint32_t resource;
    double held;     // load of variables that keep their rate
    double level;    // as level_, after the sub-solve
    double fastest;  // of all users, after the sub-solve
  };

  template <typename See>
  void for_each_entry(std::uint32_t variable, const See& see) const;
  template <typename See>
  void for_each_user(std::uint32_t resource, const See& see) const;
  void replace(std::uint32_t variable, Overlay overlay);
  void activate(std::uint32_t variable);
  void touch(std::uint32_t resource);
  void solve_active();
  void judge_touched();
  void grow_at(const Touched& touched);
  [[nodiscard]] bool is_stopped(std::uint32_t variable) const;
  [[nodiscard]] double level_now(std::uint32_t resource) const;
  [[nodiscard]] double level_of(std::uint32_t resource, double* fastest) const;
  void settle();
  void compute_levels();

  WarmOptions options_;
  MaxMinProblem base_;
  const Incidence* incidence_;
  MaxMinArrays own_arrays_;  // after a cold fallback
  Incidence own_incidence_;
  std::vector<double> capacity_;
  std::vector<double> bound_;
  std::vector<double> rates_;
  std::vector<double> level_;                // per resource: its fastest user's rate if saturated, else infinity
  std::vector<std::uint32_t> overlay_slot_;  // per variable
  std::vector<Overlay> overlays_;
  std::unordered_map<std::uint32_t, std::vector<User>> added_users_;  // per resource, from the overlay

  std::vector<std::uint32_t> active_;       // variables being solved again
  std::vector<std::uint32_t> active_slot_;  // variable -> index in active_
  std::vector<std::uint32_t> changed_;
  std::vector<Touched> touched_;
  std::vector<std::uint32_t> touched_slot_;  // resource -> index in touched_
  MaxMinSolver solver_;
  Incidence sub_incidence_;
  std::vector<double> sub_capacity_;
  std::vector<double> sub_bound_;
  std::vector<double> sub_rates_;
};

}  // namespace weft
