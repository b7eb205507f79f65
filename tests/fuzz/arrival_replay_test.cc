// Replays frames and a seeded part of what the fuzzer does, in every build.
#include <gtest/gtest.h>

#include "tests/fuzz/arrival_target.h"
#include "tests/fuzz/replay.h"

namespace weft {
namespace {

TEST(ArrivalFuzz, CorpusOfTheWireIsAnswered) {
  std::size_t good = 0;
  for (const std::string& frame : testing::corpus_of("wire")) good += check_arrival_input(frame) ? 1 : 0;
  EXPECT_GE(good, 20U);
}

TEST(ArrivalFuzz, StampedFramesTurnAround) {
  std::size_t right = 0, wrong = 0;
  for (const std::string& frame : testing::corpus_of("arrival")) {
    check_arrival_input(frame);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size());
    const auto layout = wire::find_layout(bytes);
    if (layout && dpdk::find_stamp(bytes, *layout)) ++(wire::icrc_matches(bytes, *layout) ? right : wrong);
  }
  EXPECT_GE(right, 4U);
  EXPECT_GE(wrong, 2U);
}

TEST(ArrivalFuzz, SeededMutationsAreAnswered) {
  auto frames = testing::corpus_of("wire");
  for (std::string& frame : testing::corpus_of("arrival")) frames.push_back(std::move(frame));
  constexpr std::size_t kRuns = 4000;
  EXPECT_GT(testing::accepted(kRuns, frames, 77, check_arrival_input), kRuns / 10);
}

}  // namespace
}  // namespace weft
