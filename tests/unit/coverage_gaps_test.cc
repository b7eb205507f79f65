// What the issue asks of a prediction's report, shown through the libraries below the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "emulator/predict.h"
#include "fabric/measurement_json.h"
#include "tests/support/prediction.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Le;

// 64 hosts of 8 GPUs on 64-port leaves, a permutation over ECMP: collisions, and no symmetry.
Measurement collided() {
  FabricSpec spec = testing::fat_tree(64, 32, 2, 8);
  return testing::run(spec, testing::ask(CollectiveKind::kPermutation, ""));
}

TEST(Sizes, AreAListOrARangeByFactorOrByStep) {
  EXPECT_EQ(*parse_sizes("8,64K,1G"), (std::vector<Bytes>{{8}, {64 << 10}, {1 << 30}}));
  EXPECT_EQ(*parse_sizes("8:512:x4"), (std::vector<Bytes>{{8}, {32}, {128}, {512}}));
  EXPECT_EQ(*parse_sizes("1M:3M:+1M"), (std::vector<Bytes>{{1 << 20}, {2 << 20}, {3 << 20}}));
  EXPECT_EQ(parse_sizes("8:16G:x4")->size(), 16U);
  EXPECT_EQ(*parse_sizes("0"), (std::vector<Bytes>{{0}}));
}

TEST(Sizes, OverflowNamesTheValueAndTheLimit) {
  const auto sizes = parse_sizes("8,9999999999999G");
  ASSERT_FALSE(sizes);
  EXPECT_THAT(sizes.error().text(), AllOf(HasSubstr("9999999999999G"), HasSubstr("2^63")));
}

TEST(Sizes, ErrorShowsTheStartOfALongText) {
  const auto sizes = parse_sizes("1:" + std::string(100'000, '9'));
  ASSERT_FALSE(sizes);
  EXPECT_THAT(sizes.error().text(), AllOf(HasSubstr("999..."), ::testing::SizeIs(Le(400))));
}

TEST(Why, SharesOfTheIdealSumToOne) {
  for (const Operation& op : collided().operations) {
    const Why& w = op.why;
    EXPECT_NEAR(
        w.ideal_share + w.hash_collisions + w.oversubscription + w.scale_up + w.latency + w.protocol + w.failures, 1.0,
        1e-9);
    EXPECT_GT(w.hash_collisions, 0.1);
    EXPECT_THAT(w.sentence, HasSubstr("hash collisions"));
  }
}

TEST(Why, HottestLinksAreNamedAndInOrder) {
  const FabricSpec spec = testing::fat_tree(64, 32, 2, 8);
  const auto topology = testing::topology_of(spec);
  const Measurement m = collided();
  ASSERT_FALSE(m.hot_links.empty());
  double before = 1.0 + 1e-9;
  for (const HotLink& hot : m.hot_links) {
    EXPECT_TRUE(topology->find_link(hot.name)) << hot.name;
    EXPECT_LE(hot.utilisation, before);
    before = hot.utilisation;
  }
}

TEST(Why, EveryTierHasItsLinksAndUtilisationInOrder) {
  const Measurement m = collided();
  std::set<std::string> names;
  for (const TierUse& tier : m.tiers) {
    names.insert(tier.tier);
    EXPECT_GT(tier.links, 0U);
    EXPECT_LE(0.0, tier.min);
    EXPECT_LE(tier.min, tier.mean);
    EXPECT_LE(tier.mean, tier.max);
    EXPECT_LE(tier.max, 1.0 + 1e-9);
  }
  for (const char* name : {"host up", "host down", "leaf-spine up", "leaf-spine down"}) EXPECT_TRUE(names.count(name));
}

TEST(Why, CollisionsRaiseTheFullestLinkAndLowerFairness) {
  const Measurement hashed = collided();
  EXPECT_GT(hashed.max_mean_ratio, 1.5);
  EXPECT_LT(hashed.jain_index, 0.95);
  // One GPU a host: no transfer inside the scale-up domain, which would be faster than the others.
  const auto jain = [](const FabricSpec& spec) {
    return testing::run(spec, testing::ask(CollectiveKind::kPermutation, "")).jain_index;
  };
  EXPECT_LT(jain(testing::fat_tree(128, 16, 2)), 0.95);
  EXPECT_NEAR(jain(testing::sprayed(testing::fat_tree(128, 16, 2))), 1.0, 1e-9);
}

TEST(Report, SameSeedSameBytesWithOneAndTwoThreads) {
  const FabricSpec spec = testing::fat_tree(64, 32, 2, 8);
  const auto request = testing::ask(CollectiveKind::kAllToAll, "all_at_once");
  const auto text = [&](std::uint64_t seed, unsigned threads) {
    return to_json(testing::run(spec, request, BackendKind::kFluid, seed, threads));
  };
  EXPECT_EQ(text(1, 1), text(1, 2));
  EXPECT_EQ(text(1, 1), text(1, 1));
  EXPECT_NE(text(1, 1), text(2, 1));
}

TEST(MeasurementJson, RoundTripsAPrediction) {
  const std::string json = to_json(collided());
  const auto again = measurement_from_json(json);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(to_json(*again), json);
}

// The error for a good measurement with `from` replaced by `to`.
std::string refusal(const std::string& from, const std::string& to) {
  std::string json = to_json(collided());
  const std::size_t at = json.find(from);
  if (at == std::string::npos) return "no " + from;
  const auto m = measurement_from_json(json.replace(at, from.size(), to));
  return m ? "accepted " + to : m.error().text();
}

TEST(MeasurementJson, NumbersThatAreNotCountsAreRefusedByName) {
  for (const char* value : {"-1", "1.5", "1e+300", "4294967296", "true", "\"512\""}) {
    EXPECT_THAT(refusal("\"ranks\": 512", std::string("\"ranks\": ") + value),
                AllOf(HasSubstr("out of range: ranks"), HasSubstr(value)));
  }
}

TEST(MeasurementJson, ErrorsStayShortHoweverLongTheText) {
  EXPECT_LT(refusal("weft-measurement-1", std::string(100'000, 'x')).size(), 400U);
  EXPECT_LT(measurement_from_json(std::string(100'000, '[')).error().text().size(), 400U);
}

TEST(MillionRankRing, EveryFlowOfItIsRoutedAndHashed) {
  const auto spec = load_spec(WEFT_SOURCE_DIR "/topologies/specs/rail-1m.yaml");
  ASSERT_TRUE(spec) << spec.error().text();
  ASSERT_EQ(spec->routing.kind, RoutingKind::kEcmp);
  PredictRequest request = testing::ask(CollectiveKind::kAllReduce, "ring");
  request.mapping.kind = MappingKind::kRandom;
  const Measurement m = testing::run(*spec, request, BackendKind::kFluid, 1, 2);
  // Ranks in random order: nearly every hop leaves its host, and every such hop has a path of its own.
  EXPECT_GE(m.counters.at("paths_routed"), 0.99 * 1'048'576);
  EXPECT_GT(m.max_mean_ratio, 1.5);
}

}  // namespace
}  // namespace weft
