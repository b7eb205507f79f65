// Replays the corpus of the exchange's fuzzer and a seeded part of what it does, in every build.
#include <gtest/gtest.h>

#include "tests/fuzz/exchange_target.h"
#include "tests/fuzz/replay.h"

namespace weft {
namespace {

TEST(ExchangeFuzz, CorpusAndSeededMutationsAreAnswered) {
  const auto texts = testing::corpus_of("exchange");
  std::size_t good = 0;
  for (const std::string& text : texts) good += check_exchange_input(text) ? 1 : 0;
  EXPECT_GE(good, 3U);
  EXPECT_LT(good, texts.size()) << "a corpus holds bad inputs too";
  std::mt19937_64 random(20261128);
  for (int run = 0; run < 20'000; ++run)
    check_exchange_input(testing::mutate(texts[random() % texts.size()], texts, random));
}

}  // namespace
}  // namespace weft
