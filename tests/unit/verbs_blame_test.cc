// Who is slow, from a matrix of pairs: what was planted is found, and nobody else is named.
#include <gmock/gmock.h>

#include <random>

#include "verbs/blame.h"

namespace weft::verbs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string host(int i) { return "host" + std::to_string(i); }

// Healthy pairs vary by 5 %, slow ones have half.
template <typename Predicate>
std::vector<PairFigure> matrix(int hosts, int rails, unsigned seed, Predicate slow) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> noise(0.95, 1.05);
  std::vector<PairFigure> figures;
  for (int from = 0; from < hosts; ++from)
    for (int to = 0; to < hosts; ++to)
      for (int rail = 0; rail < rails && from != to; ++rail)
        figures.push_back({host(from), host(to), rails > 1 ? std::to_string(rail) : "",
                           (slow(from, to, rail) ? 200 : 400) * noise(random), true});
  return figures;
}

std::vector<std::string> names(const std::vector<Blame>& found) {
  std::vector<std::string> list;
  for (const Blame& b : found) list.push_back(b.name);
  return list;
}

TEST(VerbsBlame, HealthyMatrixBlamesNobody) {
  for (unsigned seed = 1; seed <= 20; ++seed)
    EXPECT_THAT(blame(matrix(8, 1, seed, [](int, int, int) { return false; }), {}), IsEmpty());
  EXPECT_THAT(blame({}, {}), IsEmpty());
}

TEST(VerbsBlame, SlowSenderIsItsRow) {
  for (int hosts = 3; hosts <= 12; ++hosts)
    for (int bad = 0; bad < hosts; ++bad) {
      const auto found = blame(matrix(hosts, 1, 7, [&](int from, int, int) { return from == bad; }), {});
      ASSERT_EQ(found.size(), 1u) << hosts;
      EXPECT_EQ(found[0].suspect, Suspect::kSender);
      EXPECT_EQ(found[0].name, host(bad));
      EXPECT_EQ(found[0].slow, static_cast<std::size_t>(hosts - 1));
    }
}

TEST(VerbsBlame, SlowReceiverIsItsColumn) {
  const auto found = blame(matrix(8, 1, 3, [](int, int to, int) { return to == 5; }), {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].suspect, Suspect::kReceiver);
  EXPECT_THAT(found[0].sentence(), HasSubstr("host5 is slow as a receiver: 7 of its 7 pairs, "));
}

TEST(VerbsBlame, HostSlowBothWaysIsNamedOnce) {
  const auto found = blame(matrix(8, 1, 3, [](int from, int to, int) { return from == 2 || to == 2; }), {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].suspect, Suspect::kHost);
  EXPECT_EQ(found[0].name, "host2");
  EXPECT_NEAR(found[0].gbits, 200, 10);
  EXPECT_NEAR(found[0].elsewhere, 400, 20);
}

TEST(VerbsBlame, TwoSlowHostsAreBothNamed) {
  const auto found = blame(matrix(8, 1, 3, [](int from, int to, int) { return from == 2 || to == 6; }), {});
  EXPECT_THAT(names(found), UnorderedElementsAre("host2", "host6"));
}

TEST(VerbsBlame, OneSlowLinkIsAPairAndNoHost) {
  const auto found = blame(matrix(6, 1, 3, [](int from, int to, int) { return from == 1 && to == 4; }), {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].suspect, Suspect::kPair);
  EXPECT_THAT(found[0].sentence(), HasSubstr("pair host1 > host4 is slow"));
}

TEST(VerbsBlame, RailsAreToldApartFromHosts) {
  const auto rail = blame(matrix(4, 4, 3, [](int, int, int r) { return r == 3; }), {});
  EXPECT_THAT(names(rail), ElementsAre("rail 3"));
  const auto port =
      blame(matrix(4, 4, 3, [](int from, int to, int r) { return r == 1 && (from == 2 || to == 2); }), {});
  EXPECT_THAT(names(port), ElementsAre("host2 rail 1"));
  const auto all = blame(matrix(4, 4, 3, [](int from, int, int) { return from == 0; }), {});
  EXPECT_THAT(names(all), ElementsAre("host0"));
  const auto pair = blame(matrix(4, 2, 3, [](int from, int to, int r) { return r == 1 && from == 0 && to == 3; }), {});
  EXPECT_THAT(names(pair), ElementsAre("host0 > host3 on rail 1"));
}

TEST(VerbsBlame, HostThatDiedIsSlowWhateverItHadUntilThen) {
  auto figures = matrix(5, 1, 3, [](int, int, int) { return false; });
  for (PairFigure& figure : figures)
    if (figure.from == "host3" || figure.to == "host3") figure.ended = false;
  EXPECT_THAT(names(blame(figures, {})), ElementsAre("host3"));
}

TEST(VerbsBlame, TwoHostsCannotTellWhoseFaultItIs) {
  const auto figures = matrix(2, 1, 3, [](int, int, int) { return true; });
  EXPECT_THAT(blame(figures, {}), IsEmpty());  // none is better
  const auto found = blame(figures, {.least_gbits = 300});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].suspect, Suspect::kAll);
  EXPECT_THAT(found[0].sentence(), HasSubstr("all 2 pairs are slow: "));
}

TEST(VerbsBlame, AnyPlantedHostsAreFoundExactly) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const int hosts = std::uniform_int_distribution(6, 16)(random);
    const int first = std::uniform_int_distribution(0, hosts - 1)(random);
    const int second = std::uniform_int_distribution(0, hosts - 1)(random);
    std::vector<std::string> planted{host(first)};
    if (second != first) planted.push_back(host(second));
    const auto bad = [&](int i) { return i == first || i == second; };
    const auto found = blame(matrix(hosts, 1, seed, [&](int from, int to, int) { return bad(from) || bad(to); }), {});
    EXPECT_THAT(names(found), ::testing::UnorderedElementsAreArray(planted)) << seed << " of " << hosts;
  }
}

TEST(VerbsBlame, QuantilesAreLinearBetweenValues) {
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(quantile({4, 1, 2, 3}, 0.5), 2.5);
  EXPECT_EQ(quantile({4, 1, 2, 3}, 1), 4);
  EXPECT_EQ(quantile({5}, 0.75), 5);
}

}  // namespace
}  // namespace weft::verbs
