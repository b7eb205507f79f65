// PFC against neighbours made up here that obey it, ignore it, never resume, or pause everything; time is simulated.
#include "dpdk/checks/pause_check.h"

#include <gtest/gtest.h>

#include "tests/support/pfc_neighbour.h"

namespace weft::dpdk {
namespace {

using testing::Manner;
using testing::Neighbour;

PauseCheckResult check(Neighbour&& neighbour) {
  PauseCheckOptions options;
  options.phase = Duration::us(100'000);
  options.grace = Duration::us(1'000);
  const std::atomic<bool> stop{false};
  return check_pause(
      neighbour, options, [&] { return neighbour.now(); }, stop);
}

TEST(PauseCheck, ObedientNeighbourPasses) {
  const PauseCheckResult result = check(Neighbour(Manner::kObeys));
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
    const PauseCheckResult result = check(Neighbour(manner));
    EXPECT_EQ(result.failures.size(), 1U);
    return result.failures.empty() ? std::string() : result.failures[0];
  };
  EXPECT_NE(only(Manner::kIgnores).find("priority 3 goes on while paused"), std::string::npos);
  EXPECT_NE(only(Manner::kNeverResumes).find("priority 3 does not resume"), std::string::npos);
  EXPECT_NE(only(Manner::kStopsAll).find("priority 0 was not paused and stops too"), std::string::npos);
  EXPECT_NE(only(Manner::kResumesEarly).find("priority 3 goes on while paused"), std::string::npos);
}

// It waits for its quanta to end: 335.5 us after the last pause, which was up to half of that before the resume.
TEST(PauseCheck, NeighbourThatDoesNotHearTheResumeIsFound) {
  Neighbour neighbour(Manner::kIgnoresResume);
  PauseCheckOptions options;
  options.phase = Duration::us(100'000);
  options.grace = Duration::us(50);
  const std::atomic<bool> stop{false};
  const auto result = check_pause(
      neighbour, options, [&] { return neighbour.now(); }, stop);
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_NE(result.failures[0].find("it waits for the quanta to end"), std::string::npos) << result.failures[0];
}

// 10 ms without a pause: an obedient neighbour sends, and is not to blame.
TEST(PauseCheck, OwnLatePauseGivesNoVerdict) {
  Neighbour neighbour(Manner::kResumesEarly);  // so that frames come while paused
  neighbour.hiccup_at = Duration::us(150'000);
  neighbour.hiccup = Duration::us(10'000);
  const PauseCheckResult late = check(std::move(neighbour));
  EXPECT_EQ(late.lapses, 1U);
  EXPECT_GE(late.longest_gap, Duration::us(10'000));
  EXPECT_EQ(late.failures, std::vector<std::string>{});
  EXPECT_NE(late.invalid.find("weft's own pauses were up to 10"), std::string::npos) << late.invalid;
}

TEST(PauseCheck, OwnLatePauseOfANeighbourThatStopsNonethelessIsCountedOnly) {
  Neighbour neighbour(Manner::kObeys);
  neighbour.hiccup_at = Duration::us(150'000);
  neighbour.hiccup = Duration::us(10'000);
  const PauseCheckResult result = check(std::move(neighbour));
  EXPECT_EQ(result.lapses, 1U);
  EXPECT_EQ(result.invalid + (result.failures.empty() ? "" : result.failures[0]), "");
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
