// When packets may go: a schedule of absolute times, so that a late packet does not make the next ones late.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dpdk/clock.h"
#include "fabric/error.h"
#include "fabric/units.h"

namespace weft::dpdk {

struct RateProfile {
  double packets_per_second = 0;  // 0: as fast as the port takes them
  std::uint32_t burst = 1;        // packets that go back to back; the mean rate stays
  double ramp_from = 0;           // packets per second at the start of the ramp
  Duration ramp{};                // how long until packets_per_second; 0: from the start
  Duration on{}, off{};           // sends for `on` at packets_per_second, then not for `off`; off 0: always on
};

// Errors: a negative or infinite rate, a burst of 0, ramp together with on-off, on-off without a rate.
[[nodiscard]] Expected<void> check(const RateProfile& profile);

class Pacer {
 public:
  static constexpr std::uint32_t kNoLimit = ~std::uint32_t{0};

  // Falls behind by `catch_up` at most: what is due beyond is given up, and counted. REQUIRES: check(profile).
  Pacer(const RateProfile& profile, const Clock& clock, Duration catch_up = Duration::us(10'000));

  void start(std::uint64_t now) { start_ = now; }

  // Packets that may go now, at most `most`. Call sent() with those that went.
  [[nodiscard]] std::uint32_t due(std::uint64_t now, std::uint32_t most) {
    if (profile_.packets_per_second == 0) return most;
    const std::uint64_t allowed = scheduled(static_cast<double>(now - start_) * seconds_per_tick_);
    std::uint64_t behind = allowed > sent_ + given_up_ ? allowed - sent_ - given_up_ : 0;
    if (behind > most_behind_) {
      given_up_ += behind - most_behind_;
      behind = most_behind_;
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(behind, most));
  }
  void sent(std::uint32_t packets) { sent_ += packets; }

  // Packets scheduled for the first `seconds`.
  [[nodiscard]] std::uint64_t scheduled(double seconds) const;
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

 private:
  RateProfile profile_;
  double seconds_per_tick_;
  std::uint64_t most_behind_;
  std::uint64_t start_ = 0, sent_ = 0, given_up_ = 0;
};

}  // namespace weft::dpdk
