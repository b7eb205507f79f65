#include "verbs/clock_offset.h"

#include <algorithm>
#include <cmath>

namespace weft::verbs {
namespace {

// Stamps come from a peer: beyond these, differences could overflow.
constexpr std::int64_t kFarthest = std::int64_t{1} << 61;  // ns, 73 years

bool sane(std::int64_t stamp) { return stamp > -kFarthest && stamp < kFarthest; }

}  // namespace

void ClockFilter::add(const ClockSample& sample) {
  const bool fits = sane(sample.asked) && sane(sample.heard) && sane(sample.answered) && sane(sample.back);
  const std::int64_t away = fits ? sample.back - sample.asked : -1;
  const std::int64_t held = fits ? sample.answered - sample.heard : -1;
  if (away < 0 || held < 0 || held > away) {
    ++refused_;
    return;
  }
  ++samples_;
  const std::int64_t way = away - held;
  const std::int64_t error = (way + 1) / 2;
  if (best_ && best_->error <= error) return;
  // The mean of both differences, halved one by one so that the sum cannot overflow.
  const std::int64_t out = sample.heard - sample.asked, home = sample.answered - sample.back;
  const std::int64_t offset = home + (out - home) / 2;
  best_ = ClockOffset{offset, error, sample.asked + away / 2};
}

std::int64_t ClockRelation::there(std::int64_t here) const {
  if (!after_ || after_->at <= before_.at) return here + before_.offset;
  const double share = static_cast<double>(here - before_.at) / static_cast<double>(after_->at - before_.at);
  const auto change = static_cast<double>(after_->offset - before_.offset);
  return here + before_.offset + std::llround(share * change);
}

std::int64_t ClockRelation::here(std::int64_t there_time) const {
  // Drift is parts per million: the offset at a near enough time, then that of the time found.
  std::int64_t time = there_time - before_.offset;
  for (int i = 0; i < 2; ++i) time += there_time - there(time);
  return time;
}

std::int64_t ClockRelation::error() const { return std::max(before_.error, after_ ? after_->error : 0); }

std::optional<double> ClockRelation::drift_ppm() const {
  if (!after_ || after_->at <= before_.at) return std::nullopt;
  const std::int64_t change = after_->offset - before_.offset;
  if (std::abs(change) <= before_.error + after_->error) return std::nullopt;
  return 1e6 * static_cast<double>(change) / static_cast<double>(after_->at - before_.at);
}

std::int64_t common_start(std::int64_t now, const std::vector<ClockOffset>& offsets, std::int64_t margin) {
  std::int64_t slowest = 0;
  for (const ClockOffset& offset : offsets) slowest = std::max(slowest, 2 * offset.error);
  return now + slowest + margin;
}

}  // namespace weft::verbs
