// PFC against neighbours made up here that obey it, ignore it, never resume, or pause everything; time is simulated.
#include "dpdk/checks/pause_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "fabric/wire/frame.h"
#include "fabric/wire/pause.h"

namespace weft::dpdk {
namespace {

enum class Manner { kObeys, kIgnores, kNeverResumes, kStopsAll };

// Sends a frame of priority 3 and one of priority 0 every 10 us; each look at it takes 1 us.
class Neighbour final : public FrameIo {
 public:
  explicit Neighbour(Manner manner) : manner_(manner) {
    for (const std::uint8_t dscp : {std::uint8_t{26}, std::uint8_t{0}}) {
      wire::FrameHeaders headers;
      wire::Ipv4Header ip;
      ip.dscp = dscp;
      headers.ip = ip;
      headers.bth.opcode = 0x04;
      frames_.push_back(*wire::build_frame(headers, {}));
    }
  }
  bool send(std::span<const std::uint8_t> frame) override {
    const auto pause = wire::parse_pause(frame);
    EXPECT_TRUE(pause.has_value());
    const auto pfc = std::get<wire::PfcPause>(pause->pause);
    EXPECT_EQ(pfc.enabled, 0x08);
    if (manner_ == Manner::kIgnores) return true;
    if (pfc.quanta[3] == 0 && manner_ == Manner::kNeverResumes) return true;
    paused_until_ = now_ + wire::pause_duration(pfc.quanta[3], Rate::gbps(100));
    if (manner_ == Manner::kNeverResumes) paused_until_ = Duration::us(1'000'000'000);
    return true;
  }
  std::size_t receive(std::span<std::uint8_t> buffer) override {
    now_ = now_ + Duration::us(1);
    const std::int64_t us = now_.picoseconds / 1'000'000;
    if (us % 5 != 0) return 0;
    const bool lossless = us % 10 == 0;
    if (now_ < paused_until_ && (lossless || manner_ == Manner::kStopsAll)) return 0;
    const auto& frame = frames_[lossless ? 0 : 1];
    std::copy(frame.begin(), frame.end(), buffer.begin());
    return frame.size();
  }
  [[nodiscard]] std::size_t largest_frame() const override { return 1514; }
  [[nodiscard]] Duration now() const { return now_; }

 private:
  Manner manner_;
  Duration now_{}, paused_until_{};
  std::vector<std::vector<std::uint8_t>> frames_;
};

PauseCheckResult check(Manner manner) {
  Neighbour neighbour(manner);
  PauseCheckOptions options;
  options.phase = Duration::us(100'000);
  options.grace = Duration::us(1'000);
  const std::atomic<bool> stop{false};
  return check_pause(
      neighbour, options, [&] { return neighbour.now(); }, stop);
}

TEST(PauseCheck, ObedientNeighbourPasses) {
  const PauseCheckResult result = check(Manner::kObeys);
  EXPECT_EQ(result.failures, std::vector<std::string>{});
  EXPECT_NEAR(static_cast<double>(result.before[3]), 10'000, 2);
  EXPECT_NEAR(static_cast<double>(result.before[0]), 10'000, 2);
  EXPECT_EQ(result.paused[3], 0U);
  EXPECT_NEAR(static_cast<double>(result.paused[0]), 10'000, 2);
  EXPECT_NEAR(static_cast<double>(result.after[3]), 10'000, 2);
  // 65,535 quanta of 512 bits at 100 Gb/s are 335.5 us; again after half: 101 ms / 167.8 us, and the resume.
  EXPECT_NEAR(static_cast<double>(result.pauses_sent), 101'000 / 167.8 + 1, 8);
  ASSERT_TRUE(result.first_frame.has_value());
  EXPECT_LE(*result.first_frame, Duration::us(10));
}

TEST(PauseCheck, EachFaultIsNamed) {
  const auto only = [](Manner manner) {
    const PauseCheckResult result = check(manner);
    EXPECT_EQ(result.failures.size(), 1U);
    return result.failures.empty() ? std::string() : result.failures[0];
  };
  EXPECT_NE(only(Manner::kIgnores).find("priority 3 goes on while paused"), std::string::npos);
  EXPECT_NE(only(Manner::kNeverResumes).find("priority 3 does not resume"), std::string::npos);
  EXPECT_NE(only(Manner::kStopsAll).find("priority 0 was not paused and stops too"), std::string::npos);
}

TEST(PauseCheck, PriorityIsPcpOrClassOfDscp) {
  wire::FrameHeaders headers;
  wire::Ipv4Header ip;
  ip.dscp = 48;
  headers.ip = ip;
  headers.bth.opcode = 0x04;
  EXPECT_EQ(priority_of(*wire::build_frame(headers, {})), 6);
  headers.vlan_tags.push_back({5, false, 7, 0});
  EXPECT_EQ(priority_of(*wire::build_frame(headers, {})), 5);
  EXPECT_FALSE(priority_of(wire::build_pause(wire::PauseFrame{})).has_value());
}

}  // namespace
}  // namespace weft::dpdk
