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
    wire::PauseFrame frame;
    frame.ethernet.source = options_.source;
    wire::PfcPause pfc;
    pfc.enabled = static_cast<std::uint8_t>(1U << options_.priority);
    pfc.quanta[options_.priority] = quanta;
    frame.pause = pfc;
    if (io_.send(wire::build_pause(frame))) ++result_.pauses_sent;
  }

  void listen(Duration span, Frames* counts, bool pausing) {
    const Duration until = now_() + span;
    const Duration half = Duration{wire::pause_duration(options_.quanta, options_.link).picoseconds / 2};
    if (pausing && !paused_) {
      paused_ = true;
      next_pause_ = now_();
    }
    for (Duration at = now_(); at < until && !stop_; at = now_()) {
      if (pausing && at >= next_pause_) {
        pause(options_.quanta);
        next_pause_ = at + half;
      }
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
    if (share(result_.paused[p], result_.before[p]) > kStopped)
      result_.failures.push_back(fmt::format("priority {} goes on while paused: {} frames of {} before", p,
                                             result_.paused[p], result_.before[p]));
    if (share(result_.after[p], result_.before[p]) < kGoesOn)
      result_.failures.push_back(
          fmt::format("priority {} does not resume: {} frames of {} before", p, result_.after[p], result_.before[p]));
    for (unsigned other = 0; other < 8; ++other)
      if (other != p && share(result_.paused[other], result_.before[other]) < kGoesOn && result_.before[other] > 100)
        result_.failures.push_back(fmt::format("priority {} was not paused and stops too: {} frames of {} before",
                                               other, result_.paused[other], result_.before[other]));
  }

  FrameIo& io_;
  const PauseCheckOptions& options_;
  const std::function<Duration()>& now_;
  const std::atomic<bool>& stop_;
  PauseCheckResult result_;
  Duration changed_{}, next_pause_{};
  bool paused_ = false;
  std::array<std::uint8_t, 9216> buffer_{};
};

}  // namespace

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
