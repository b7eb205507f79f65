// The load raised through a switch whose thresholds are known, on a clock of its own.
#include "dpdk/checks/marking_run.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "fabric/wire/icrc.h"

namespace weft::dpdk {
namespace {

// A port of 100 Mb/s with a RED queue of 400,000 bytes; a microsecond goes by at each look at the clock.
class Bottleneck {
 public:
  static constexpr double kBytesPerNs = 0.0125;
  MarkingCurve curve{60'000, 180'000, 0.5};
  bool ecn = true;
  std::uint64_t icrc_bad = 0;

  std::function<std::uint64_t()> clock() {
    return [this] { return now_ += 1'000; };
  }

  class In : public FrameIo {
   public:
    explicit In(Bottleneck& to) : to_(to) {}
    bool send(std::span<const std::uint8_t> frame) override {
      to_.enter(frame);
      return true;
    }
    std::size_t receive(std::span<std::uint8_t>) override { return 0; }
    std::size_t largest_frame() const override { return 9018; }

   private:
    Bottleneck& to_;
  };
  class Out : public FrameIo {
   public:
    explicit Out(Bottleneck& of) : of_(of) {}
    bool send(std::span<const std::uint8_t>) override { return false; }
    std::size_t receive(std::span<std::uint8_t> buffer) override { return of_.leave(buffer); }
    std::size_t largest_frame() const override { return 9018; }

   private:
    Bottleneck& of_;
  };
  In in{*this};
  Out out{*this};

 private:
  void enter(std::span<const std::uint8_t> frame) {
    const auto layout = wire::find_layout(frame);
    if (!wire::icrc_matches(frame, *layout)) ++icrc_bad;
    const double start = std::max(free_at_, static_cast<double>(now_));
    const double queue = (start - static_cast<double>(now_)) * kBytesPerNs;
    if (queue > 400'000) return;
    free_at_ = start + static_cast<double>(frame.size()) / kBytesPerNs;
    std::vector<std::uint8_t> copy(frame.begin(), frame.end());
    if (ecn && std::uniform_real_distribution<double>(0, 1)(random_) < curve.probability(queue))
      copy[layout->ip + 1] |= 3;
    waiting_.push_back({free_at_, std::move(copy)});
  }
  std::size_t leave(std::span<std::uint8_t> buffer) {
    if (waiting_.empty() || waiting_.front().first > static_cast<double>(now_)) return 0;
    const auto frame = std::move(waiting_.front().second);
    waiting_.pop_front();
    std::copy(frame.begin(), frame.end(), buffer.begin());
    return frame.size();
  }

  std::uint64_t now_ = 1'000'000;
  double free_at_ = 0;
  std::deque<std::pair<double, std::vector<std::uint8_t>>> waiting_;
  std::mt19937_64 random_{1};
};

// 100 Mb/s carry 11,500 frames of 1,086 bytes a second.
MarkingRunOptions options() {
  MarkingRunOptions o;
  o.headers.ip = wire::Ipv4Header{};
  o.from = 10'000;
  o.to = 13'000;
  o.ramp = Duration::us(1'000'000);
  o.drain = Duration::us(100'000);
  o.rounds = 3;
  return o;
}

TEST(MarkingRun, ThresholdsOfTheSwitchAreFound) {
  Bottleneck bottleneck;
  const std::atomic<bool> stop{false};
  const auto run = run_marking(bottleneck.in, bottleneck.out, options(), bottleneck.clock(), stop);
  ASSERT_TRUE(run.has_value());
  // Three ramps from 10,000 to 13,000 a second.
  EXPECT_NEAR(static_cast<double>(run->sent), 3 * 11'500, 10);
  EXPECT_EQ(run->late, 0U);
  EXPECT_EQ(run->not_capable, 0U);
  EXPECT_EQ(bottleneck.icrc_bad, 0U);
  EXPECT_NEAR(static_cast<double>(run->drain.bits_per_second), 100e6, 1e6);
  const auto fit = fit_marking(queues_from_delays(run->samples, run->base, run->drain));
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->curve.k_min, 60'000, 10'000);
  EXPECT_NEAR(fit->curve.k_max, 180'000, 10'000);
  EXPECT_NEAR(fit->curve.p_max, 0.5, 0.1);
  EXPECT_TRUE(fit->saturated);
}

TEST(MarkingRun, StepIsFound) {
  Bottleneck bottleneck;
  bottleneck.curve = {100'000, 100'000, 1};
  const std::atomic<bool> stop{false};
  const auto run = run_marking(bottleneck.in, bottleneck.out, options(), bottleneck.clock(), stop);
  const auto fit = fit_marking(queues_from_delays(run->samples, run->base, run->drain));
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->curve.k_min, 100'000, 5'000);
  EXPECT_NEAR(fit->curve.k_max, 100'000, 5'000);
}

TEST(MarkingRun, SwitchThatDoesNotMarkGivesNoCurve) {
  Bottleneck bottleneck;
  bottleneck.ecn = false;
  const std::atomic<bool> stop{false};
  const auto run = run_marking(bottleneck.in, bottleneck.out, options(), bottleneck.clock(), stop);
  EXPECT_FALSE(fit_marking(queues_from_delays(run->samples, run->base, run->drain)).has_value());
  EXPECT_GT(run->drain.bits_per_second, 0);
}

TEST(MarkingRun, StopKeepsWhatItHas) {
  Bottleneck bottleneck;
  std::atomic<bool> stop{false};
  const auto clock = bottleneck.clock();
  const auto run = run_marking(
      bottleneck.in, bottleneck.out, options(),
      [&] {
        const auto now = clock();
        if (now > 200'000'000) stop = true;
        return now;
      },
      stop);
  EXPECT_TRUE(run->interrupted);
  EXPECT_GT(run->received, 1'000U);
}

TEST(MarkingRun, WrongOptions) {
  const auto wrong = [](auto change) {
    MarkingRunOptions o = options();
    change(o);
    return check(o).error().message;
  };
  EXPECT_EQ(wrong([](auto& o) { o.payload = 15; }), "no such payload");
  EXPECT_EQ(wrong([](auto& o) { o.to = 1; }), "the load does not rise");
  EXPECT_EQ(wrong([](auto& o) { o.rounds = 0; }), "no round");
  EXPECT_EQ(wrong([](auto& o) { o.drain = {}; }), "no time");
}

}  // namespace
}  // namespace weft::dpdk
