#include "dpdk/checks/pause_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "fabric/wire/pause.h"

namespace weft::dpdk {
namespace {

// Of what came before: less counts as stopped, more as going on.
constexpr double kStopped = 0.01, kGoesOn = 0.5;

class Checker {
 public:
  Checker(FrameIo& io, const PauseCheckOptions& options, const std::function<Duration()>& now,
          const std::atomic<bool>& stop)
      : io_(io), options_(options), now_(now), stop_(stop) {}

  PauseCheckResult run() {
    listen(options_.phase, &result_.before, false);
    changed_ = now_();
    listen(options_.grace, nullptr, true);
    listen(options_.phase, &result_.paused, true);
    paused_ = false;
    pause(0);
    changed_ = now_();
    listen(options_.grace, nullptr, false);
    listen(options_.phase, &result_.after, false);
    result_.interrupted = stop_;
    if (!stop_) judge();
    return std::move(result_);
  }

 private:
  void pause(std::uint16_t quanta) {
    if (!io_.send(pause_frame(options_, quanta))) return;  // again at once
    const Duration at = now_();
    if (result_.pauses_sent > 0) {
      const Duration gap = at - last_pause_;
      result_.longest_gap = std::max(result_.longest_gap, gap);
      if (gap > whole_) ++result_.lapses;
    }
    ++result_.pauses_sent;
    last_pause_ = at;
    next_pause_ = at + Duration{whole_.picoseconds / 2};
  }

  void listen(Duration span, Frames* counts, bool pausing) {
    const Duration until = now_() + span;
    if (pausing && !paused_) {
      paused_ = true;
      next_pause_ = now_();
    }
    for (Duration at = now_(); at < until && !stop_; at = now_()) {
      if (pausing && at >= next_pause_) pause(options_.quanta);
      const std::size_t size = io_.receive(buffer_);
      if (size > 0) take(std::span(buffer_).first(std::min(size, buffer_.size())), counts, pausing, at);
    }
  }

  void take(std::span<const std::uint8_t> frame, Frames* counts, bool pausing, Duration at) {
    const auto priority = priority_of(frame);
    if (!priority) return;
    if (counts != nullptr) ++(*counts)[*priority];
    if (*priority != options_.priority || result_.pauses_sent == 0) return;
    if (pausing)
      result_.last_frame = at - changed_;
    else if (!result_.first_frame)
      result_.first_frame = at - changed_;
  }

  void judge() {
    const unsigned p = options_.priority;
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
      return static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1));
    };
    if (result_.before[p] == 0) return;  // nothing to judge: the caller says so
    const bool goes_on = share(result_.paused[p], result_.before[p]) > kStopped;
    if (goes_on && result_.lapses > 0) {
      result_.invalid = fmt::format(
          "no verdict: {} frames of priority {} came while paused, but weft's own pauses were up to {:.1f} us apart, "
          "and "
          "one lasts {:.1f} us ({} times too late)",
          result_.paused[p], p, result_.longest_gap.microseconds(), whole_.microseconds(), result_.lapses);
      return;
    }
    if (goes_on)
      result_.failures.push_back(fmt::format("priority {} goes on while paused: {} frames of {} before", p,
                                             result_.paused[p], result_.before[p]));
    if (share(result_.after[p], result_.before[p]) < kGoesOn)
      result_.failures.push_back(
          fmt::format("priority {} does not resume: {} frames of {} before", p, result_.after[p], result_.before[p]));
    else if (result_.first_frame && *result_.first_frame > options_.grace + spacing() + spacing())
      result_.failures.push_back(fmt::format(
          "priority {} resumes {:.1f} us after it may, and --grace is {:.1f} us: it waits for the quanta to "
          "end, or longer",
          p, result_.first_frame->microseconds(), options_.grace.microseconds()));
    for (unsigned other = 0; other < 8; ++other)
      if (other != p && share(result_.paused[other], result_.before[other]) < kGoesOn && result_.before[other] > 100)
        result_.failures.push_back(fmt::format("priority {} was not paused and stops too: {} frames of {} before",
                                               other, result_.paused[other], result_.before[other]));
  }

  // Between frames of the priority, before: REQUIRES that some came.
  [[nodiscard]] Duration spacing() const {
    return Duration{options_.phase.picoseconds / static_cast<std::int64_t>(result_.before[options_.priority])};
  }

  FrameIo& io_;
  const PauseCheckOptions& options_;
  const std::function<Duration()>& now_;
  const std::atomic<bool>& stop_;
  PauseCheckResult result_;
  const Duration whole_ = wire::pause_duration(options_.quanta, options_.link);
  Duration changed_{}, next_pause_{}, last_pause_{};
  bool paused_ = false;
  std::array<std::uint8_t, 9216> buffer_{};
};

}  // namespace

std::vector<std::uint8_t> pause_frame(const PauseCheckOptions& options, std::uint16_t quanta) {
  wire::PauseFrame frame;
  frame.ethernet.source = options.source;
  wire::PfcPause pfc;
  pfc.enabled = static_cast<std::uint8_t>(1U << options.priority);
  pfc.quanta[options.priority] = quanta;
  frame.pause = pfc;
  return wire::build_pause(frame);
}

std::optional<std::uint8_t> priority_of(std::span<const std::uint8_t> frame) {
  if (frame.size() < wire::EthernetHeader::kSize) return std::nullopt;
  const auto type = wire::decode<wire::EthernetHeader>(frame).ether_type;
  frame = frame.subspan(wire::EthernetHeader::kSize);
  if (wire::announces_tag(type)) {
    if (frame.size() < wire::VlanTag::kSize) return std::nullopt;
    return wire::decode<wire::VlanTag>(frame).priority;
  }
  if (type == wire::kEtherTypeIpv4 && frame.size() >= wire::Ipv4Header::kSize)
    return static_cast<std::uint8_t>(wire::decode<wire::Ipv4Header>(frame).dscp >> 3);
  if (type == wire::kEtherTypeIpv6 && frame.size() >= wire::Ipv6Header::kSize)
    return static_cast<std::uint8_t>(wire::decode<wire::Ipv6Header>(frame).dscp >> 3);
  return std::nullopt;
}

PauseCheckResult check_pause(FrameIo& io, const PauseCheckOptions& options, const std::function<Duration()>& now,
                             const std::atomic<bool>& stop) {
  return Checker(io, options, now, stop).run();
}

}  // namespace weft::dpdk
