// Traffic points of a Measurement: out and in again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabric/measurement_json.h"

namespace weft {
namespace {

Measurement measured() {
  Measurement m;
  m.provenance.backend = "dpdk";
  m.traffic.resize(2);
  TrafficPoint& point = m.traffic[0];
  point.operation = "write";
  point.transport = "RC";
  point.from = "host0";
  point.to = "host1";
  point.size = Bytes{4096};
  point.messages = 12'345;
  point.time = Duration::us(1'000);
  point.gbits_average = 97.5;
  point.messages_per_second = 2.9e6;
  point.counters = {{"lost", 3}};
  point.failures = {"average 97.5 Gb/s is below 98 Gb/s"};
  m.traffic[1] = point;
  m.traffic[1].latency = LatencySummary{9, Duration::ns(1), Duration::ns(9), Duration::ns(5), {}, {}, {}, {}, {}, {}};
  return m;
}

TEST(TrafficJson, ReadsBackToTheSameBytes) {
  const std::string text = to_json(measured());
  const auto back = measurement_from_json(text);
  ASSERT_TRUE(back.has_value()) << back.error().text();
  ASSERT_EQ(back->traffic.size(), 2);
  EXPECT_FALSE(back->traffic[0].latency.has_value());
  EXPECT_EQ(back->traffic[1].latency->max, Duration::ns(9));
  EXPECT_EQ(to_json(*back), text);
}

TEST(TrafficJson, CollectivesHaveNone) { EXPECT_EQ(to_json(Measurement{}).find("traffic"), std::string::npos); }

TEST(TrafficJson, WrongTypesAreNamed) {
  std::string text = to_json(measured());
  text.replace(text.find("12345"), 5, "-1");
  const auto back = measurement_from_json(text);
  ASSERT_FALSE(back.has_value());
  EXPECT_THAT(back.error().text(), testing::HasSubstr("messages"));
}

}  // namespace
}  // namespace weft
