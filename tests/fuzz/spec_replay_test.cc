// Replays the fuzzer's corpus and a seeded part of what the fuzzer does, in every build.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/spec_target.h"

namespace weft {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(WEFT_SOURCE_DIR "/tests/fuzz/corpus/spec"))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return texts;
}

// Inserts, deletes, overwrites, doubles a part, or splices a part of another input.
std::string mutate(std::string text, const std::vector<std::string>& texts, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  constexpr std::string_view kBytes = "{}[],:-#&*!|>'\"%@`~?=. \n\t\r09azAZ\\\0\x04\xff\xc2\x85";
  for (std::size_t edits = 1 + below(2); edits > 0; --edits) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(std::min<std::size_t>(text.size() - at, 24) + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, 1 + below(3), kBytes[below(kBytes.size())]);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.replace(at, length, 1, kBytes[below(kBytes.size())]);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      default: {
        const std::string& other = texts[below(texts.size())];
        text.insert(at, other.substr(below(other.size() + 1), below(40)));
      }
    }
  }
  return text;
}

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
    good += check_spec_input(mutate(texts[random() % texts.size()], texts, random)) ? 1 : 0;
  EXPECT_GT(good, kRuns / 100);  // else the mutations only ever meet the YAML parser
}

}  // namespace
}  // namespace weft
