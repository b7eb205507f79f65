// Replays the corpus of frames and a seeded part of what the fuzzer does, in every build.
#include <gtest/gtest.h>

#include "tests/fuzz/replay.h"
#include "tests/fuzz/wire_target.h"

namespace weft {
namespace {

TEST(WireFuzz, CorpusHoldsGoodAndBadFrames) {
  std::size_t good = 0;
  const auto frames = testing::corpus_of("wire");
  for (const std::string& frame : frames) good += check_wire_input(frame) ? 1 : 0;
  EXPECT_GE(good, 20U);
  EXPECT_GE(frames.size() - good, 5U);
}

TEST(WireFuzz, EveryPrefixIsAnswered) {
  for (const std::string& frame : testing::corpus_of("wire"))
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const std::string prefix = frame.substr(0, size);  // of its own, so that sanitizers see its end
      check_wire_input(prefix);
    }
}

TEST(WireFuzz, SeededMutationsAreAnswered) {
  const auto frames = testing::corpus_of("wire");
  constexpr std::size_t kRuns = 50'000;
  EXPECT_GT(testing::accepted(kRuns, frames, 20240611, check_wire_input), kRuns / 10);
}

}  // namespace
}  // namespace weft
