// What deviates from the healthy fabric: dead and degraded cables, chosen by name or at random.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/topology.h"

namespace weft {

struct CableDeviation {
  std::uint32_t cable = 0;
  double rate_factor = 0;  // 0: dead
};

// Sorted list plus one bit a cable, so that the usual question (does it deviate?) is one load.
class Deviations {
 public:
  Deviations() = default;
  // `sorted` by cable, each cable once, all below `cables`.
  Deviations(std::vector<CableDeviation> sorted, std::uint32_t cables);

  [[nodiscard]] bool empty() const { return sorted_.empty(); }
  [[nodiscard]] bool deviates(std::uint32_t cable) const {
    return !bits_.empty() && (bits_[cable / 64] >> (cable % 64) & 1U) != 0;
  }
  [[nodiscard]] double rate_factor(std::uint32_t cable) const;  // 1 where nothing deviates
  [[nodiscard]] const std::vector<CableDeviation>& sorted() const { return sorted_; }

 private:
  std::vector<CableDeviation> sorted_;
  std::vector<std::uint64_t> bits_;
};

// A cable that fails or slows down for a time: from `at` on, until `until` (absent: for good), and again each `period`
// (absent: once). Two of one cable may overlap; the lower rate then holds.
struct TimedDeviation {
  std::uint32_t cable = 0;
  double rate_factor = 0;  // 0: dead
  Duration at{};
  std::optional<Duration> until, period;
};

// Resolves those of spec.failures that are in force from the start against the fabric; timed ones are only checked.
// Random parts are drawn without replacement, `fraction` of n parts being round(fraction * n). A cable hit twice keeps
// the lower rate. Errors: kInput for a name that is no part of this fabric (with the nearest that is), a tier that has
// no parts, a count above what there is, a fraction or rate factor outside [0, 1].
[[nodiscard]] Expected<Deviations> resolve_failures(const Topology& topology);

// The timed lines of spec.failures, in the file's order, the cables of a line sorted; random parts are drawn by the
// line's seed. Lines of equal times that follow one another count as one: a cable hit twice keeps the lower rate.
// Errors: as resolve_failures.
[[nodiscard]] Expected<std::vector<TimedDeviation>> resolve_timed_failures(const Topology& topology);

// The name of a part of `topology` that is nearest to `text`: for error messages.
[[nodiscard]] std::string nearest_name(const Topology& topology, std::string_view text);

[[nodiscard]] const char* to_text(NodeKind kind);  // "leaf"
[[nodiscard]] const char* to_text(LinkTier tier);  // "leaf_spine"

}  // namespace weft
