// How far another host's clock is ahead of ours, from questions and answers over the control channel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weft::verbs {

// Nanoseconds of each host's own clock. NTP's four stamps (RFC 5905, 8).
struct ClockSample {
  std::int64_t asked = 0;     // here
  std::int64_t heard = 0;     // there
  std::int64_t answered = 0;  // there
  std::int64_t back = 0;      // here
};

struct ClockOffset {
  std::int64_t offset = 0;  // ns, there - here
  std::int64_t error = 0;   // ns; the truth is within +- this, if the clocks ran evenly meanwhile
  std::int64_t at = 0;      // ns, our clock, when it held
};

// Keeps the sample of the shortest way out and back: whatever else delays a message delays it one way and shifts the
// middle, and the half of the way is the bound of that shift.
class ClockFilter {
 public:
  // Samples that contradict themselves (back before asked, longer there than away) are counted, not used.
  void add(const ClockSample& sample);
  [[nodiscard]] std::optional<ClockOffset> best() const { return best_; }
  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }

 private:
  std::optional<ClockOffset> best_;
  std::size_t samples_ = 0, refused_ = 0;
};

// Offsets before and after a run: a clock that runs fast or slow drifts in a line between them.
class ClockRelation {
 public:
  explicit ClockRelation(ClockOffset before) : before_(before) {}
  void close(ClockOffset after) { after_ = after; }

  [[nodiscard]] std::int64_t there(std::int64_t here) const;  // ns to ns
  [[nodiscard]] std::int64_t here(std::int64_t there) const;
  [[nodiscard]] std::int64_t error() const;               // ns, the larger of both
  [[nodiscard]] std::optional<double> drift_ppm() const;  // of there against here; nullopt: not known, or within error

 private:
  ClockOffset before_;
  std::optional<ClockOffset> after_;
};

// When all are to start, on our clock: late enough for the slowest way to reach its host. Each host gets there(start).
[[nodiscard]] std::int64_t common_start(std::int64_t now, const std::vector<ClockOffset>& offsets, std::int64_t margin);

}  // namespace weft::verbs
