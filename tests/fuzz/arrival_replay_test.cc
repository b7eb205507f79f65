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
  std::mt19937_64 random(77);
  std::size_t good = 0;
  constexpr std::size_t kRuns = 4000;
  for (std::size_t run = 0; run < kRuns; ++run) {
    std::string frame = frames[random() % frames.size()];
    if (random() % 2 == 0)
      frame = testing::mutate(std::move(frame), frames, random);
    else if (!frame.empty())
      frame[random() % frame.size()] = static_cast<char>(random());
    good += check_arrival_input(frame) ? 1 : 0;
  }
  EXPECT_GT(good, kRuns / 10);
}

}  // namespace
}  // namespace weft
