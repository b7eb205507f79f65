// A switch's ECN marking found from packets: each has the queue that it met and whether it came marked. No DPDK in it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fabric/units.h"

namespace weft::dpdk {

struct MarkSample {
  double queue = 0;  // bytes ahead of it
  bool marked = false;
};

// RED on the queue that a packet meets: none is marked below k_min, all above k_max, and between them a share that
// grows from 0 to p_max. k_min = k_max: a step, as DCTCP has it.
struct MarkingCurve {
  double k_min = 0, k_max = 0;  // bytes
  double p_max = 1;

  [[nodiscard]] double probability(double queue) const;
};

// Samples of queues that are alike.
struct MarkBin {
  double queue = 0;  // mean
  std::uint64_t packets = 0, marked = 0;
};

// `bins` of equal width from 0 to `most`; samples beyond are in the last one. Empty bins are left out.
// REQUIRES: bins > 0, most > 0.
[[nodiscard]] std::vector<MarkBin> bin_samples(std::span<const MarkSample> samples, std::uint32_t bins, double most);

struct MarkingFit {
  MarkingCurve curve;
  double resolution = 0;     // bytes: width of a bin, which k_min and k_max are good to
  double longest_queue = 0;  // that was met
  std::uint64_t packets = 0, marked = 0;
  bool saturated = false;  // queues were met where all packets are marked: else k_max is where they ended
  std::vector<MarkBin> bins;
};

// The curve under which the marks are most likely; a thousandth of them may be wrong, for queues are known from delays.
// Nothing where no packet is marked, all are, or no queue was met.
[[nodiscard]] std::optional<MarkingFit> fit_marking(std::span<const MarkSample> samples);

// What a packet was measured to have: when it was sent and came, and its mark.
struct DelaySample {
  double delay = 0;  // seconds
  bool marked = false;
};

// The queue that each met is what its delay is above `base`, the shortest one, times the rate at which the queue
// drains.
[[nodiscard]] std::vector<MarkSample> queues_from_delays(std::span<const DelaySample> samples, double base, Rate drain);

}  // namespace weft::dpdk
