// What the built command writes is what measurement_from_json reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

#include "fabric/measurement_json.h"

namespace weft {
namespace {

std::string output_of(const std::string& arguments) {
  const std::string command = WEFT_BINARY_DIR "/apps/weft predict " WEFT_SOURCE_DIR "/topologies/specs/" + arguments;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  char block[4096];
  for (std::size_t n = 1; pipe && n > 0;) {
    n = std::fread(block, 1, sizeof block, pipe.get());
    text.append(block, n);
  }
  return text;
}

TEST(MeasurementRoundTrip, json_of_the_command_reads_back_to_the_same_bytes) {
  for (const char* arguments :
       {"hgx-h100-1024.yaml --json - --quiet --sizes 0,8,1G --explain",
        "hgx-h100-1024.yaml --json - --quiet --sizes 1M --collective incast --set routing.kind=spray",
        "rail-1m.yaml --json - --quiet --backend analytic"}) {
    const std::string text = output_of(arguments);
    const auto measurement = measurement_from_json(text);
    ASSERT_TRUE(measurement.has_value()) << arguments << ": " << measurement.error().text();
    EXPECT_FALSE(measurement->operations.empty());
    EXPECT_EQ(to_json(*measurement), text) << arguments;
  }
}

TEST(MeasurementRoundTrip, other_text_is_refused_with_its_reason) {
  const std::string good = output_of("hgx-h100-1024.yaml --json - --quiet --sizes 8 --backend analytic");
  std::string other = good;
  other.replace(other.find("weft-measurement-1"), 18, "weft-measurement-9");
  std::string lacking = good;
  lacking.replace(lacking.find("\"ranks\""), 7, "\"Ranks\"");
  EXPECT_THAT(measurement_from_json(other).error().text(),
              testing::HasSubstr("another schema: '\"weft-measurement-9\"'"));
  EXPECT_THAT(measurement_from_json(lacking).error().text(), testing::HasSubstr("ranks"));
  EXPECT_THAT(measurement_from_json(good.substr(0, 200)).error().text(), testing::HasSubstr("not a measurement"));
  EXPECT_THAT(measurement_from_json("").error().text(), testing::HasSubstr("docs/measurement.schema.json"));
}

}  // namespace
}  // namespace weft
