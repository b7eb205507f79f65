#include "dpdk/checks/pause_length.h"

#include <fmt/format.h>

#include <algorithm>

#include "fabric/wire/pause.h"

namespace weft::dpdk {
namespace {

class Meter {
 public:
  Meter(FrameIo& io, const PauseCheckOptions& options, const std::function<Duration()>& now,
        const std::atomic<bool>& stop)
      : io_(io), options_(options), now_(now), stop_(stop) {
    result_.asked = wire::pause_duration(options.quanta, options.link);
  }

  PauseLengthResult run(std::uint32_t pauses) {
    // As long as after each pause: the longest of more gaps is longer, pause or not.
    listen(now_() + watched());
    result_.before = frames_;
    result_.spacing = longest_;
    result_.tolerance = longest_ + longest_;
    if (result_.before > 1 && result_.tolerance >= result_.asked) {
      result_.invalid = fmt::format(
          "no verdict: frames of priority {} were up to {:.1f} us apart before any pause, too far to see one of {:.1f} "
          "us; let the neighbour send faster, or give more --quanta",
          options_.priority, longest_.microseconds(), result_.asked.microseconds());
      return std::move(result_);
    }
    for (std::uint32_t i = 0; i < pauses && !stop_ && result_.before > 1; ++i) pause_once();
    std::ranges::sort(result_.silences);
    result_.interrupted = stop_;
    if (!stop_) judge();
    return std::move(result_);
  }

 private:
  // Frames of the priority until then: how many, and the longest time between two, the last one before included.
  void listen(Duration until) {
    frames_ = 0;
    longest_ = Duration{};
    for (Duration at = now_(); at < until && !stop_; at = now_()) {
      const std::size_t size = io_.receive(buffer_);
      if (size == 0) continue;
      if (priority_of(std::span(buffer_).first(std::min(size, buffer_.size()))) != options_.priority) continue;
      if (last_) longest_ = std::max(longest_, at - *last_);
      last_ = at;
      ++frames_;
    }
  }

  // A neighbour that resumes late has its pause over again, and a phase to flow in.
  [[nodiscard]] Duration watched() const { return result_.asked + result_.asked + options_.phase; }

  void pause_once() {
    while (!io_.send(pause_frame(options_, options_.quanta)))
      if (stop_) return;
    const Duration until = now_() + watched();
    listen(until);
    if (stop_) return;
    if (until - *last_ > result_.spacing + options_.phase)
      ++result_.unresumed;
    else
      result_.silences.push_back(longest_);
  }

  void judge() {
    if (result_.before <= 1) return;  // nothing to judge: the caller says so
    const unsigned p = options_.priority;
    const double asked = result_.asked.microseconds(), tolerance = result_.tolerance.microseconds();
    if (result_.unresumed > 0)
      result_.failures.push_back(
          fmt::format("priority {} does not resume after a pause of {:.1f} us, {} times", p, asked, result_.unresumed));
    if (result_.silences.empty()) return;
    const double seen = result_.median().microseconds();
    const char* what = nullptr;
    if (result_.median() <= result_.tolerance)
      what = "does not stop";
    else if (seen < asked - tolerance)
      what = "resumes early";
    else if (seen > asked + tolerance)
      what = "resumes late";
    if (what != nullptr)
      result_.failures.push_back(
          fmt::format("priority {} {}: silent for {:.1f} us, and the pause is {:.1f} us, within {:.1f}", p, what, seen,
                      asked, tolerance));
  }

  FrameIo& io_;
  const PauseCheckOptions& options_;
  const std::function<Duration()>& now_;
  const std::atomic<bool>& stop_;
  PauseLengthResult result_;
  std::optional<Duration> last_;
  Duration longest_{};
  std::uint64_t frames_ = 0;
  std::array<std::uint8_t, 9216> buffer_{};
};

}  // namespace

PauseLengthResult measure_pause(FrameIo& io, const PauseCheckOptions& options, std::uint32_t pauses,
                                const std::function<Duration()>& now, const std::atomic<bool>& stop) {
  return Meter(io, options, now, stop).run(pauses);
}

}  // namespace weft::dpdk
