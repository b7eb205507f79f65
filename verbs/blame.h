// What a matrix of pairs says when some are slow: whether it is one link, a host's way out or in, or a rail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::verbs {

struct PairFigure {
  std::string from, to;
  std::string rail;  // name of the rail that both ends used; empty where there is one
  double gbits = 0;
  bool ended = true;  // false: nothing was measured, the pair counts as slow
};

struct SlowRule {
  double least_gbits = 0;  // a pair below it is slow; 0: no such rule
  // So is one below this share of the upper quartile of all: two slow hosts of six slow down most pairs, and the
  // median.
  double of_quartile = 0.8;
};

enum class Suspect : std::uint8_t { kAll, kPair, kSender, kReceiver, kHost, kRail };

struct Blame {
  Suspect suspect = Suspect::kPair;
  std::string name;                 // "host3", "host3 rail 1", "rail 1", "host3 > host5"
  std::size_t slow = 0, of = 0;     // its pairs
  double gbits = 0, elsewhere = 0;  // medians: its slow pairs, pairs that are not slow

  [[nodiscard]] std::string sentence() const;
};

// Slow pairs are explained by the fewest suspects: again and again by the one that has the most slow pairs left, if
// nearly all its pairs are slow and they are two or more; a narrower suspect wins a tie. What stays is named pair by
// pair. All of them slow speak of no one: that is one blame of its own, as with two hosts, which cannot tell whose
// fault it is.
[[nodiscard]] std::vector<Blame> blame(const std::vector<PairFigure>& figures, const SlowRule& rule);

// Linear between the two values beside it; 0 of none. `share`: 0 the smallest, 0.5 the median, 1 the largest.
[[nodiscard]] double quantile(std::vector<double> values, double share);

}  // namespace weft::verbs
