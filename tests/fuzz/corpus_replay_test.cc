// Replays the corpora of the smaller fuzzers and a seeded part of what they do, in every build.
#include <gtest/gtest.h>

#include <functional>

#include "tests/fuzz/cabling_target.h"
#include "tests/fuzz/measurement_target.h"
#include "tests/fuzz/replay.h"
#include "tests/fuzz/request_target.h"

namespace weft {
namespace {

using testing::corpus_of;

// How many inputs of the corpus are accepted; mutations of them only have to be answered.
std::size_t replay(const std::string& name, const std::function<bool(std::string_view)>& check) {
  const auto texts = corpus_of(name);
  std::size_t good = 0;
  for (const std::string& text : texts) good += check(text) ? 1 : 0;
  EXPECT_LT(good, texts.size()) << "a corpus holds bad inputs too";
  std::mt19937_64 random(20240611);
  for (int run = 0; run < 10'000; ++run) check(testing::mutate(texts[random() % texts.size()], texts, random));
  return good;
}

TEST(CablingFuzz, CorpusAndSeededMutationsAreAnswered) {
  const auto plan = small_plan();
  EXPECT_GE(replay("cabling", [&](std::string_view text) { return check_cabling_input(*plan, text); }), 2U);
}

TEST(MeasurementFuzz, CorpusAndSeededMutationsAreAnswered) {
  EXPECT_GE(replay("measurement", check_measurement_input), 1U);
}

TEST(RequestFuzz, CorpusAndSeededMutationsAreAnswered) { EXPECT_GE(replay("request", check_request_input), 10U); }

}  // namespace
}  // namespace weft
