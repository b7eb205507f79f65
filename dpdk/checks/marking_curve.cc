#include "dpdk/checks/marking_curve.h"

#include <algorithm>
#include <cmath>

namespace weft::dpdk {
namespace {

constexpr double kWrongMarks = 1e-3;

// Bytes of queue as places in a list of bins: thresholds are tried at the bins' edges.
double ramp(double queue, double k_min, double k_max) {
  if (queue < k_min) return 0;
  return queue >= k_max ? 1 : (queue - k_min) / (k_max - k_min);
}

double log_likelihood(std::span<const MarkBin> bins, const MarkingCurve& curve) {
  double sum = 0;
  for (const MarkBin& bin : bins) {
    const double p = std::clamp(curve.probability(bin.queue), kWrongMarks, 1 - kWrongMarks);
    const auto marked = static_cast<double>(bin.marked), clear = static_cast<double>(bin.packets - bin.marked);
    sum += marked * std::log(p) + clear * std::log1p(-p);
  }
  return sum;
}

// Given the thresholds: marks between them over what p_max = 1 would give.
double best_p_max(std::span<const MarkBin> bins, double k_min, double k_max) {
  double marked = 0, expected = 0;
  for (const MarkBin& bin : bins) {
    if (bin.queue < k_min || bin.queue >= k_max) continue;
    marked += static_cast<double>(bin.marked);
    expected += static_cast<double>(bin.packets) * ramp(bin.queue, k_min, k_max);
  }
  return expected > 0 ? std::clamp(marked / expected, kWrongMarks, 1.0) : 1.0;
}

MarkingCurve most_likely(std::span<const MarkBin> bins, std::uint32_t edges, double width) {
  MarkingCurve best{0, 0, 1};
  double most = -INFINITY;
  for (std::uint32_t low = 0; low <= edges; ++low)
    for (std::uint32_t high = low; high <= edges; ++high) {
      MarkingCurve curve{low * width, high * width, 1};
      if (high > low) curve.p_max = best_p_max(bins, curve.k_min, curve.k_max);
      const double likelihood = log_likelihood(bins, curve);
      if (likelihood <= most) continue;
      most = likelihood;
      best = curve;
    }
  return best;
}

}  // namespace

double MarkingCurve::probability(double queue) const {
  if (queue >= k_max) return 1;
  return p_max * ramp(queue, k_min, k_max);
}

std::vector<MarkBin> bin_samples(std::span<const MarkSample> samples, std::uint32_t bins, double most) {
  std::vector<MarkBin> all(bins);
  for (const MarkSample& sample : samples) {
    const double place = std::clamp(sample.queue / most * bins, 0.0, static_cast<double>(bins - 1));
    MarkBin& bin = all[static_cast<std::size_t>(place)];
    bin.queue += sample.queue;
    ++bin.packets;
    bin.marked += sample.marked ? 1 : 0;
  }
  std::erase_if(all, [](const MarkBin& bin) { return bin.packets == 0; });
  for (MarkBin& bin : all) bin.queue /= static_cast<double>(bin.packets);
  return all;
}

std::optional<MarkingFit> fit_marking(std::span<const MarkSample> samples) {
  constexpr std::uint32_t kBins = 100;
  MarkingFit fit;
  for (const MarkSample& sample : samples) {
    fit.longest_queue = std::max(fit.longest_queue, sample.queue);
    ++fit.packets;
    fit.marked += sample.marked ? 1 : 0;
  }
  if (fit.marked == 0 || fit.marked == fit.packets || fit.longest_queue <= 0) return std::nullopt;
  // Coarse over all queues, then fine where something happens.
  double most = fit.longest_queue;
  for (int pass = 0; pass < 2; ++pass) {
    fit.resolution = most / kBins;
    fit.bins = bin_samples(samples, kBins, most);
    fit.curve = most_likely(fit.bins, kBins, fit.resolution);
    most = std::min(most, std::max(1.5 * fit.curve.k_max, 4 * fit.resolution));
  }
  std::uint64_t above = 0;
  for (const MarkSample& sample : samples) above += sample.queue >= fit.curve.k_max ? 1 : 0;
  constexpr std::uint64_t kEnough = 20;
  fit.saturated = above >= kEnough;
  return fit;
}

std::vector<MarkSample> queues_from_delays(std::span<const DelaySample> samples, double base, Rate drain) {
  std::vector<MarkSample> queues;
  queues.reserve(samples.size());
  const double bytes_per_second = static_cast<double>(drain.bits_per_second) / 8;
  for (const DelaySample& sample : samples)
    queues.push_back({std::max(0.0, sample.delay - base) * bytes_per_second, sample.marked});
  return queues;
}

}  // namespace weft::dpdk
