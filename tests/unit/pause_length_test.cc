// One pause, and how long the neighbour is silent; time is simulated.
#include "dpdk/checks/pause_length.h"

#include <gtest/gtest.h>

#include "tests/support/pfc_neighbour.h"

namespace weft::dpdk {
namespace {

using testing::Manner;
using testing::Neighbour;

PauseLengthResult measure(Neighbour&& neighbour, std::uint16_t quanta = 0xFFFF) {
  PauseCheckOptions options;
  options.quanta = quanta;
  options.phase = Duration::us(20'000);
  const std::atomic<bool> stop{false};
  return measure_pause(
      neighbour, options, 5, [&] { return neighbour.now(); }, stop);
}

// 65,535 quanta of 512 bits at 100 Gb/s are 335.54 us; a frame every 10 us.
TEST(PauseLength, ObedientNeighbourIsSilentForItsQuanta) {
  const PauseLengthResult result = measure(Neighbour(Manner::kObeys));
  EXPECT_EQ(result.failures, std::vector<std::string>{});
  EXPECT_EQ(result.invalid, "");
  EXPECT_EQ(result.silences.size(), 5U);
  EXPECT_NEAR(result.asked.microseconds(), 335.54, 0.01);
  EXPECT_NEAR(result.spacing.microseconds(), 10, 1);
  EXPECT_NEAR(result.tolerance.microseconds(), 20, 2);
  EXPECT_NEAR(result.median().microseconds(), 345, 10);
}

TEST(PauseLength, EachFaultIsNamed) {
  const auto only = [](Manner manner) {
    const PauseLengthResult result = measure(Neighbour(manner));
    EXPECT_EQ(result.failures.size(), 1U);
    return result.failures.empty() ? std::string() : result.failures[0];
  };
  EXPECT_NE(only(Manner::kIgnores).find("priority 3 does not stop: silent for 10"), std::string::npos);
  EXPECT_NE(only(Manner::kResumesEarly).find("priority 3 resumes early: silent for 1"), std::string::npos);  // 134 us
  EXPECT_NE(only(Manner::kResumesLate).find("priority 3 resumes late: silent for 5"), std::string::npos);    // 537 us
  EXPECT_NE(only(Manner::kNeverResumes).find("priority 3 does not resume after a pause"), std::string::npos);
}

TEST(PauseLength, PauseShorterThanTheSpacingCannotBeJudged) {
  const PauseLengthResult result = measure(Neighbour(Manner::kObeys), 1000);  // 5.1 us
  EXPECT_TRUE(result.failures.empty());
  EXPECT_NE(result.invalid.find("let the neighbour send faster, or give more --quanta"), std::string::npos);
}

TEST(PauseLength, OneHiccupOfThisSideIsNoFaultOfTheNeighbour) {
  Neighbour neighbour(Manner::kObeys);
  neighbour.hiccup_at = Duration::us(45'000);
  neighbour.hiccup = Duration::us(5'000);
  const PauseLengthResult result = measure(std::move(neighbour));
  EXPECT_EQ(result.failures, std::vector<std::string>{});
  EXPECT_GE(result.silences.back(), Duration::us(5'000));
}

}  // namespace
}  // namespace weft::dpdk
