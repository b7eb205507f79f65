// The exact quotient of a symmetric problem: variables and resources that cannot be told apart are solved once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "emulator/fluid/maxmin.h"

namespace weft {

struct FoldOptions {
  // Gives up when there are more classes than this share of the variables: hashed paths do not fold.
  double max_class_fraction = 0.25;
  std::uint32_t max_rounds = 64;
};

// A quotient by an equitable partition: all members of a class of variables have, class by class of resources, the same
// weights, and the other way round, so all members have the same max-min rate.
struct Fold {
  MaxMinArrays quotient;                      // one variable and one resource per class; weighted
  std::vector<std::uint32_t> variable_class;  // variable -> quotient variable
  std::vector<std::uint32_t> resource_class;  // resource -> quotient resource
  std::vector<std::uint32_t> class_size;      // variables per quotient variable
  [[nodiscard]] std::vector<double> expand(std::span<const double> class_rates) const;
};

// Colour refinement (Weisfeiler-Leman, dimension 1) by capacity, bound and size, until no class splits, then a check of
// the partition that does not rest on hashes. `sizes` may be empty; variables of different size never share a class.
// Nothing when the problem does not fold. REQUIRES: a valid problem and its own incidence.
[[nodiscard]] std::optional<Fold> fold(const MaxMinProblem& problem, const Incidence& incidence,
                                       std::span<const double> sizes = {}, const FoldOptions& options = {});

// Solves folded where the problem folds, else as it is.
[[nodiscard]] std::vector<double> solve_folded(const MaxMinProblem& problem, const Incidence& incidence,
                                               const FoldOptions& options = {});

}  // namespace weft
