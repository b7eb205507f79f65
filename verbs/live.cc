#include "verbs/live.h"

namespace weft::verbs {

LiveRows::LiveRows(const Session& session, const RunSpec& spec) : session_(session), spec_(spec) {
  if (spec.iterations > 0 || spec.duration_ms > 0 || !spec.sends || !session.on_second) return;
  latency_.emplace();
  second_ = session.clock.ticks_of(std::chrono::seconds(1));
  since_ = ticks();
}

void LiveRows::tell(std::uint64_t now) {
  const auto nanoseconds = static_cast<double>(session_.clock.nanoseconds(now - since_));
  TrafficPoint point;
  point.operation = to_text(session_.plan.op);
  point.transport = to_text(session_.plan.transport);
  point.size = Bytes{static_cast<std::int64_t>(spec_.size)};
  point.messages = messages_;
  point.time.picoseconds = static_cast<std::int64_t>(nanoseconds * 1000);
  point.messages_per_second = static_cast<double>(messages_) * 1e9 / nanoseconds;
  point.gbits_average = point.gbits_peak = static_cast<double>(messages_ * spec_.size) * 8 / nanoseconds;
  if (latency_->count() > 0) point.latency = latency_->summary();
  session_.on_second(point);
  latency_->clear();
  messages_ = 0;
  since_ = now;
}

}  // namespace weft::verbs
