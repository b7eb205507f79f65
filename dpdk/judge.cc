#include "dpdk/judge.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dpdk/stream.h"

namespace weft::dpdk {
namespace {

constexpr std::size_t kMostAnswers = 32;  // CNPs that wait to be sent
constexpr std::size_t kMostCnps = 4096;   // CNPs that wait to be acted on

// Of a flow that comes back, in the key of the one that goes out: both may have the same addresses on a looped port.
constexpr std::uint64_t kReturned = std::uint64_t{1} << 61;

void set(std::atomic<std::uint64_t>& counter, std::uint64_t value) { counter.store(value, std::memory_order_relaxed); }

}  // namespace

Judge::Judge(const JudgeOptions& options, const Clock& clock)
    : options_(options),
      ns_per_tick_(1e9 / clock.ticks_per_second()),
      epoch_(clock_epoch()),
      cnp_ticks_(clock.to_ticks(options.cnp_interval)),
      table_(options.most_flows),
      latency_{Histogram(options.precision_bits)},
      round_trip_{Histogram(options.precision_bits)},
      last_latency_(options.precision_bits) {}

bool Judge::icrc_is_good(const FrameRef& frame, const Arrival& arrival) {
  if (options_.icrc_one_in == 0) return true;
  if (until_check_ > 0) {
    --until_check_;
    return true;
  }
  until_check_ = options_.icrc_one_in - 1;
  ++checked_;
  if (wire::icrc_matches({frame.data, frame.size}, arrival.layout)) return true;
  ++bad_;
  return false;
}

void Judge::record(Histogram& histogram, std::uint64_t elapsed, std::uint64_t times) const {
  // Clocks of two cores may differ by a little: never below 0.
  const double ns = static_cast<std::int64_t>(elapsed) > 0 ? static_cast<double>(elapsed) * ns_per_tick_ : 0;
  histogram.record(static_cast<std::uint64_t>(ns), times);
}

void Judge::take_stamp(const Stamp& stamp, Latencies& latencies, std::uint64_t now) {
  if (stamp.ticks == latencies.last_stamp) {
    ++latencies.last_times;
    return;
  }
  if (latencies.last_times > 0) record(latencies.histogram, now - latencies.last_stamp, latencies.last_times);
  latencies.last_stamp = stamp.ticks;
  latencies.last_times = 1;
}

void Judge::end_burst(Latencies& latencies, std::uint64_t now) {
  if (latencies.last_times > 0) record(latencies.histogram, now - latencies.last_stamp, latencies.last_times);
  latencies.last_times = 0;
  latencies.last_stamp = 0;
}

void Judge::read_stamp(const FrameRef& frame, const Arrival& arrival, std::uint64_t now) {
  if (arrival.layout.payload_size < Stamp::kSize) return;
  Stamp stamp;
  std::memcpy(&stamp, frame.data + arrival.layout.payload, Stamp::kSize);
  if (stamp.magic != Stamp::kMagic) return;
  if (stamp.epoch != epoch_)
    ++other_clock_;
  else
    take_stamp(stamp, latency_, now);
}

// A frame of ours that a reflector sent back: loss and order are those of both ways.
void Judge::take_returned(const Stamp& stamp, const Arrival& arrival, std::uint64_t now) {
  ++returned_;
  if (arrival.marked_ce) ++returned_marked_;
  FlowSlot* slot = table_.find_or_add(arrival.flow ^ kReturned);
  if (slot == nullptr) {
    ++untracked_;
    return;
  }
  slot->tracker.take(arrival.psn, table_.detail(*slot).window, returned_sum_);
  take_stamp(stamp, round_trip_, now);
}

// A request where stamps decide what becomes of it. What another host sent and a third one reflected is a request like
// any other.
void Judge::sort_by_stamp(std::size_t index, const FrameRef& frame, std::uint64_t now) {
  const Arrival& arrival = arrivals_[index];
  const auto stamp = find_stamp({frame.data, frame.size}, arrival.layout);
  if (options_.round_trips && stamp && stamp->magic == Stamp::kTurned && stamp->epoch == epoch_) {
    take_returned(*stamp, arrival, now);
    return;
  }
  if (options_.reflect && stamp && stamp->magic == Stamp::kMagic) to_reflect_ |= std::uint64_t{1} << index;
  track(frame, arrival, now);
}

void Judge::answer(const FrameRef& frame, const Arrival& arrival, FlowDetail& detail, std::uint64_t now) {
  if (!options_.answer_ce || now < detail.next_cnp) return;
  if (answers_.size() >= kMostAnswers) return;  // the next marked packet of the flow asks again
  const auto parsed = wire::parse_frame({frame.data, frame.size});
  const auto qp = static_cast<std::uint32_t>(static_cast<std::int64_t>(arrival.dest_qp) + options_.sender_qp_offset);
  auto cnp = wire::build_frame(wire::cnp_for(parsed->headers, qp & wire::kMask24, options_.cnp_class), {});
  if (!cnp) return;
  answers_.push_back(std::move(*cnp));
  detail.next_cnp = now + cnp_ticks_;
  ++due_;
}

inline void Judge::track(const FrameRef& frame, const Arrival& arrival, std::uint64_t now) {
  ++requests_;
  payload_bytes_ += arrival.layout.payload_size;
  FlowSlot* slot = table_.find_or_add(arrival.flow);
  if (slot == nullptr) {
    ++untracked_;
    return;
  }
  FlowDetail& detail = table_.detail(*slot);
  slot->tracker.take(arrival.psn, detail.window, sum_);
  read_stamp(frame, arrival, now);
  if (!arrival.marked_ce) return;
  ++marked_;
  ++detail.marked_ce;
  answer(frame, arrival, detail, now);
}

void Judge::take(std::span<const FrameRef> frames, std::uint64_t now) {
  WEFT_CHECK(frames.size() <= arrivals_.size());
  std::uint64_t bytes = 0;
  const bool by_stamp = options_.reflect || options_.round_trips;
  to_reflect_ = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    classify({frames[i].data, frames[i].size}, arrivals_[i]);
    bytes += frames[i].size;
    if (arrivals_[i].kind == ArrivalKind::kRequest) table_.prefetch(arrivals_[i].flow);
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Arrival& arrival = arrivals_[i];
    if (arrival.kind == ArrivalKind::kForeign) {
      ++foreign_;
    } else if (!icrc_is_good(frames[i], arrival)) {
      continue;
    } else if (arrival.kind == ArrivalKind::kRequest) {
      if (by_stamp)
        sort_by_stamp(i, frames[i], now);
      else
        track(frames[i], arrival, now);
    } else if (arrival.kind == ArrivalKind::kCnp) {
      ++cnps_;
      if (cnp_qps_.size() < kMostCnps) cnp_qps_.push_back(arrival.dest_qp);
    } else {
      ++responses_;
    }
  }
  end_burst(latency_, now);
  if (by_stamp) end_burst(round_trip_, now);
  publish(frames.size(), bytes);
}

void Judge::publish(std::size_t frames, std::uint64_t bytes) {
  JudgeCounters& c = counters_;
  set(c.packets, c.packets.load(std::memory_order_relaxed) + frames);
  set(c.bytes, c.bytes.load(std::memory_order_relaxed) + bytes);
  set(c.payload_bytes, payload_bytes_);
  set(c.requests, requests_);
  set(c.responses, responses_);
  set(c.cnps, cnps_);
  set(c.foreign, foreign_);
  set(c.untracked, untracked_);
  set(c.icrc_checked, checked_);
  set(c.icrc_bad, bad_);
  set(c.marked_ce, marked_);
  set(c.cnps_due, due_);
  set(c.lost, sum_.lost);
  set(c.duplicates, sum_.duplicates);
  set(c.reordered, sum_.reordered);
  set(c.depth, sum_.depth);
  set(c.too_late, sum_.too_late);
  set(c.restarts, sum_.restarts);
  set(c.other_clock, other_clock_);
  set(c.returned, returned_);
  set(c.returned_marked, returned_marked_);
  set(c.returned_lost, returned_sum_.lost);
  set(c.returned_duplicates, returned_sum_.duplicates);
  set(c.returned_reordered, returned_sum_.reordered);
  if (!latency_asked_.load(std::memory_order_relaxed)) return;
  latency_asked_.store(false, std::memory_order_relaxed);
  const std::scoped_lock lock(latency_mutex_);
  last_latency_ = options_.round_trips ? round_trip_.histogram : latency_.histogram;
}

Histogram Judge::last_latency() const {
  const std::scoped_lock lock(latency_mutex_);
  return last_latency_;
}

std::vector<FlowResult> Judge::worst_flows(std::size_t most) const {
  std::vector<FlowResult> flows;
  table_.for_each([&](const FlowSlot& slot, const FlowDetail& detail) {
    flows.push_back({slot.key, slot.tracker.counts(detail.window), detail.marked_ce});
  });
  const auto worse = [](const FlowResult& a, const FlowResult& b) {
    const auto rank = [](const FlowResult& f) {
      return std::tuple(f.counts.lost, f.counts.reordered + f.counts.duplicates, f.marked_ce, f.counts.packets, ~f.key);
    };
    return rank(a) > rank(b);
  };
  const std::size_t kept = std::min(most, flows.size());
  std::partial_sort(flows.begin(), flows.begin() + static_cast<std::ptrdiff_t>(kept), flows.end(), worse);
  flows.resize(kept);
  return flows;
}

}  // namespace weft::dpdk
