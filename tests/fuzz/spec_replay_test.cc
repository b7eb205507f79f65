// Replays the fuzzer's corpus and a seeded part of what the fuzzer does, in every build.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fuzz/replay.h"
#include "tests/fuzz/spec_target.h"

namespace weft {
namespace {

std::vector<std::string> corpus() { return testing::corpus_of("spec"); }

TEST(SpecFuzz, CorpusHoldsGoodAndBadFiles) {
  std::size_t good = 0;
  const auto texts = corpus();
  for (const std::string& text : texts) good += check_spec_input(text) ? 1 : 0;
  EXPECT_GE(good, 8U);
  EXPECT_GE(texts.size() - good, 20U);
}

TEST(SpecFuzz, EveryPrefixOfEveryFileIsAnswered) {
  for (const std::string& text : corpus())
    for (std::size_t size = 0; size < std::min<std::size_t>(text.size(), 2000); size += 3) {
      const std::string prefix = text.substr(0, size);
      check_spec_input(prefix);
    }
}

TEST(SpecFuzz, SeededMutationsAreAnswered) {
  const auto texts = corpus();
  std::mt19937_64 random(20240611);
  std::size_t good = 0;
  constexpr std::size_t kRuns = 20'000;
  for (std::size_t run = 0; run < kRuns; ++run)
    good += check_spec_input(testing::mutate(texts[random() % texts.size()], texts, random)) ? 1 : 0;
  EXPECT_GT(good, kRuns / 100);  // else the mutations only ever meet the YAML parser
}

}  // namespace
}  // namespace weft
