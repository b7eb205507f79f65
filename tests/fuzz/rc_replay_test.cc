// A seeded part of what the RC fuzzer does, and its corpus, in every build.
#include <gtest/gtest.h>

#include "tests/fuzz/rc_target.h"
#include "tests/fuzz/replay.h"

namespace weft {
namespace {

TEST(RcFuzz, CorpusIsTaken) {
  std::size_t taken = 0;
  for (const std::string& input : testing::corpus_of("rc")) taken += check_rc_input(input);
  EXPECT_GT(taken, 20U);
}

TEST(RcFuzz, SeededFramesAreTaken) {
  std::mt19937_64 random(20261128);
  std::size_t taken = 0;
  for (int run = 0; run < 20'000; ++run) {
    std::string input(random() % 600, '\0');
    for (char& c : input) c = static_cast<char>(random() % (random() % 4 == 0 ? 256 : 24));  // small: requests of RC
    taken += check_rc_input(input);
  }
  EXPECT_GT(taken, 20'000U);
}

}  // namespace
}  // namespace weft
