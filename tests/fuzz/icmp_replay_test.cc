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
  constexpr std::size_t kRuns = 4000;
  EXPECT_GT(testing::accepted(kRuns, frames, 71, check_icmp_input), kRuns / 10);
}

}  // namespace
}  // namespace weft
