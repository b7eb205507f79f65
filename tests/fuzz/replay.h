// What the replay tests share: a fuzzer's corpus, and a seeded part of what a fuzzer does to it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weft::testing {

// Every file of tests/fuzz/corpus/`name`, in the order of their names.
inline std::vector<std::string> corpus_of(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(WEFT_SOURCE_DIR "/tests/fuzz/corpus/" + name))
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
inline std::string mutate(std::string text, const std::vector<std::string>& texts, std::mt19937_64& random) {
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

// A frame of `frames`, mutated or with another byte: half of each, so that many stay frames.
inline std::string mutated_frame(const std::vector<std::string>& frames, std::mt19937_64& random) {
  std::string frame = frames[random() % frames.size()];
  if (random() % 2 == 0) return mutate(std::move(frame), frames, random);
  if (!frame.empty()) frame[random() % frame.size()] = static_cast<char>(random());
  return frame;
}

// How many of so many mutated frames `check` accepts.
template <typename Check>
std::size_t accepted(std::size_t runs, const std::vector<std::string>& frames, std::uint64_t seed, const Check& check) {
  std::mt19937_64 random(seed);
  std::size_t good = 0;
  for (std::size_t run = 0; run < runs; ++run) good += check(mutated_frame(frames, random)) ? 1 : 0;
  return good;
}

}  // namespace weft::testing
