// Replays answers of routers and a seeded part of what the fuzzer does, in every build.
#include <gtest/gtest.h>

#include "tests/fuzz/icmp_target.h"
#include "tests/fuzz/replay.h"

namespace weft {
namespace {

TEST(IcmpFuzz, CorpusIsRead) {
  const auto frames = testing::corpus_of("icmp");
  std::size_t good = 0;
  for (const std::string& frame : frames) good += check_icmp_input(frame) ? 1 : 0;
  EXPECT_GE(good, 8U);
  EXPECT_LT(good, frames.size());
}

TEST(IcmpFuzz, SeededMutationsAreAnswered) {
  const auto frames = testing::corpus_of("icmp");
  std::mt19937_64 random(71);
  std::size_t good = 0;
  constexpr std::size_t kRuns = 4000;
  for (std::size_t run = 0; run < kRuns; ++run) {
    std::string frame = frames[random() % frames.size()];
    if (random() % 2 == 0)
      frame = testing::mutate(std::move(frame), frames, random);
    else if (!frame.empty())
      frame[random() % frame.size()] = static_cast<char>(random());
    good += check_icmp_input(frame) ? 1 : 0;
  }
  EXPECT_GT(good, kRuns / 10);
}

}  // namespace
}  // namespace weft
