#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "dpdk/psn_tracker.h"

namespace weft::dpdk {
namespace {

PsnCounts counts_of(const std::vector<std::uint32_t>& psns) {
  PsnTracker tracker;
  PsnWindow window;
  PsnCounts sum;
  for (const std::uint32_t psn : psns) tracker.take(psn & 0xFFFFFF, window, sum);
  sum.packets = psns.size();
  EXPECT_EQ(tracker.counts(window), sum);
  return sum;
}

TEST(PsnTracker, InOrderIsNothingToReport) {
  PsnCounts expected;
  expected.packets = 5;
  EXPECT_EQ(counts_of({7, 8, 9, 10, 11}), expected);
}

TEST(PsnTracker, GapIsLossUntilItIsFilled) {
  EXPECT_EQ(counts_of({0, 1, 4, 5}).lost, 2U);
  const PsnCounts filled = counts_of({0, 1, 4, 5, 2, 3});
  EXPECT_EQ(filled.lost, 0U);
  EXPECT_EQ(filled.reordered, 2U);
  EXPECT_EQ(filled.depth, 3U);  // 2 came after 5
}

TEST(PsnTracker, TwiceIsADuplicateNotALoss) {
  for (const auto& psns : {std::vector<std::uint32_t>{0, 1, 1, 2}, {0, 1, 2, 0}, {0, 2, 2, 1, 1}}) {
    const PsnCounts counts = counts_of(psns);
    EXPECT_EQ(counts.lost, 0U);
    EXPECT_GE(counts.duplicates, 1U);
  }
  EXPECT_EQ(counts_of({0, 2, 2, 1, 1}).duplicates, 2U);
}

TEST(PsnTracker, WrapsAt24Bits) {
  const PsnCounts counts = counts_of({0xFFFFFE, 0xFFFFFF, 1, 0, 2});
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.reordered, 1U);
  EXPECT_EQ(counts.restarts, 0U);
}

TEST(PsnTracker, FirstPacketsMayComeInAnyOrder) {
  const PsnCounts counts = counts_of({5, 3, 4, 2, 6});
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.reordered, 3U);
  EXPECT_EQ(counts.depth, 3U);
}

TEST(PsnTracker, LateBehindTheWindowIsSaidToBeUnknown) {
  std::vector<std::uint32_t> psns;
  for (std::uint32_t psn = 0; psn < 2000; ++psn)
    if (psn != 5) psns.push_back(psn);
  psns.push_back(5);
  const PsnCounts counts = counts_of(psns);
  EXPECT_EQ(counts.too_late, 1U);
  EXPECT_EQ(counts.lost, 1U);
  psns.insert(psns.begin() + 5, 5);  // nothing is missing: it must be a duplicate
  EXPECT_EQ(counts_of(psns).duplicates, 1U);
  EXPECT_EQ(counts_of(psns).too_late, 0U);
}

TEST(PsnTracker, NewBeginningIsNoLoss) {
  const PsnCounts counts = counts_of({10, 11, 13, 0x900000, 0x900001, 0x900003});
  EXPECT_EQ(counts.restarts, 1U);
  EXPECT_EQ(counts.lost, 2U);
  EXPECT_EQ(counts.packets, 6U);
}

TEST(PsnTracker, LongGapLosesTheWindowToo) {
  const PsnCounts counts = counts_of({0, 1, 10'000, 10'001, 9'998});
  EXPECT_EQ(counts.lost, 9'997U);
  EXPECT_EQ(counts.reordered, 1U);
}

// Any loss, order within the window, and copies: counted as by a set of all PSNs.
TEST(PsnTracker, AgreesWithASetOnRandomTraffic) {
  std::mt19937_64 random(5);
  for (int run = 0; run < 300; ++run) {
    std::multimap<std::uint64_t, std::uint32_t> arrivals;  // by time
    const auto start = static_cast<std::uint32_t>(random());
    const std::uint64_t spread = 1 + random() % 120, loss = 2 + random() % 50, copies = 2 + random() % 50;
    const std::uint32_t total = 3000;
    for (std::uint32_t i = 0; i < total; ++i) {
      if (i > 0 && i + 1 < total && random() % loss == 0) continue;
      const std::uint64_t late = i == 0 ? 0 : random() % 8 == 0 ? random() % spread : 0;
      arrivals.emplace(i + late, start + i);
      if (random() % copies == 0) arrivals.emplace(i + random() % spread, start + i);
    }
    std::vector<std::uint32_t> psns;
    std::set<std::uint32_t> seen;
    std::uint64_t duplicates = 0, reordered = 0;
    std::uint32_t highest = 0;
    for (const auto& [time, psn] : arrivals) {
      psns.push_back(psn);
      const std::uint32_t place = psn - start + 1;
      if (!seen.insert(place).second)
        ++duplicates;
      else if (place < highest)
        ++reordered;
      highest = std::max(highest, place);
    }
    const PsnCounts counts = counts_of(psns);
    ASSERT_EQ(counts.lost, highest - seen.size());
    ASSERT_EQ(counts.duplicates, duplicates);
    ASSERT_EQ(counts.reordered, reordered);
    ASSERT_EQ(counts.too_late, 0U);
  }
}

}  // namespace
}  // namespace weft::dpdk
