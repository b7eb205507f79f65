// What must hold for any bytes given as a floor CSV; shared by libFuzzer and the replay test.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/cabling.h"

namespace weft {

// Two tiers of 4-port switches under 8 hosts: 8 host cables and 8 uplinks.
inline std::unique_ptr<Topology> small_plan() {
  auto topology = build_topology(testing::fat_tree(8, 4, 2));
  WEFT_CHECK(topology.has_value());
  return std::move(*topology);
}

// Either findings, at most kMaxFindings of them written out, or an error at a line of the text. Aborts otherwise; true
// when the text was a floor CSV.
inline bool check_cabling_input(const Topology& plan, std::string_view text) {
  std::istringstream found{std::string(text)};
  const auto report = check_wiring(plan, found, "floor.csv");
  if (!report) {
    const Error& error = report.error();
    WEFT_CHECK(error.code == ErrorCode::kInput && !error.message.empty() && error.text().size() < 10'000);
    WEFT_CHECK(error.place.file == "floor.csv" && error.place.line <= text.size() + 2);
    return false;
  }
  WEFT_CHECK(report->problems.size() <= WiringReport::kMaxFindings);
  WEFT_CHECK(report->problem_count >= report->problems.size() && report->good() == report->problems.empty());
  return true;
}

}  // namespace weft
