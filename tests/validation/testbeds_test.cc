// Predictions against published measurements (testbeds.yaml). No case is asked to be good; the medians may not get
// worse. WEFT_UPDATE_GOLDEN=1 writes the table to the file that WEFT_TESTBEDS_TABLE names.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "emulator/predict.h"
#include "topologies/build.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

struct Row {
  std::string id, machine, what, algorithm;
  std::string engine;  // hardware, simulator, unscored
  double measured = 0, predicted = 0;
  [[nodiscard]] double error_percent() const { return 100 * (predicted / measured - 1); }
};

std::string flow_text(const YAML::Node& node) {
  YAML::Emitter out;
  out << node;
  return out.c_str();
}

double metric_of(const Operation& op, const std::string& metric) {
  return metric == "busbw" ? op.busbw : op.time.seconds() * 1e6;
}

// One point; the mean over `seeds`. Fails the test where weft refuses the case.
void predict_point(const YAML::Node& run, const std::string& size, const FabricSpec& spec, Row& row) {
  PredictRequest request;
  const auto kind = parse_collective(run["collective"].as<std::string>());
  const auto sizes = parse_sizes(size);
  const auto topology = build_topology(spec);
  ASSERT_TRUE(kind && sizes);
  ASSERT_TRUE(topology) << row.id << ": " << topology.error().message;
  request.collective.kind = *kind;
  request.collective.algorithm = run["algorithm"].as<std::string>("");
  request.collective.ranks = run["ranks"].as<std::uint32_t>(0);
  request.sizes = *sizes;
  if (run["constants"].as<std::string>("calibrated") == "calibrated") {
    const auto constants = constants_for(spec);
    ASSERT_TRUE(constants) << row.id << ": " << constants.error().message;
    request.constants = *constants;
  }
  const auto seeds = run["seeds"].as<std::uint64_t>(1);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    request.collective.seed = seed;
    RunOptions options;
    options.seed = seed;
    const auto result = predict(**topology, request, options);
    ASSERT_TRUE(result) << row.id << ": " << result.error().message;
    row.predicted += metric_of(result->operations.at(0), run["metric"].as<std::string>()) / static_cast<double>(seeds);
    row.algorithm = result->operations.at(0).algorithm;
  }
}

void predict_run(const YAML::Node& published, const YAML::Node& run, std::vector<Row>& rows) {
  YAML::Node fabric = YAML::Clone(run["fabric"]);
  fabric["name"] = published["id"].as<std::string>();
  const auto spec = parse_spec(flow_text(fabric), "testbeds.yaml");
  ASSERT_TRUE(spec) << published["id"] << ": " << spec.error().message;
  for (const auto& point : run["points"]) {
    Row row;
    const auto size = point.first.as<std::string>();
    const std::uint32_t ranks = run["ranks"].as<std::uint32_t>(spec->gpu_count());
    row.id = published["id"].as<std::string>();
    row.machine = fmt::format("{} x {}", ranks, spec->hosts.gpu);
    row.what = fmt::format("{} {}, {}", run["collective"].as<std::string>(), size, run["metric"].as<std::string>());
    row.engine = run["scored"].as<bool>(true) ? published["engine"].as<std::string>() : "unscored";
    row.measured = point.second.as<double>();
    predict_point(run, size, *spec, row);
    if (row.predicted > 0) rows.push_back(row);
  }
}

double median_error(const std::vector<Row>& rows, const std::string& engine) {
  std::vector<double> errors;
  for (const Row& row : rows)
    if (row.engine == engine) errors.push_back(std::abs(row.error_percent()));
  if (errors.empty()) return 0;
  std::sort(errors.begin(), errors.end());
  const std::size_t half = errors.size() / 2;
  return errors.size() % 2 == 1 ? errors[half] : (errors[half - 1] + errors[half]) / 2;
}

std::string table_of(const std::vector<Row>& rows, const YAML::Node& not_modelled) {
  std::string text = "# Predictions against published measurements\n\n";
  text +=
      "Fluid backend, calibrated constants; busbw in GB/s, times in us. What each column means: "
      "docs/validation.md.\n\n";
  for (const std::string engine : {"hardware", "simulator"})
    text += fmt::format("- median of |error|, {} points: {:.1f} % of {}\n", engine, median_error(rows, engine),
                        std::count_if(rows.begin(), rows.end(), [&](const Row& r) { return r.engine == engine; }));
  text += "\n| case | machine | what | algorithm | scored as | measured | predicted | error % |\n";
  text += "|---|---|---|---|---|---:|---:|---:|\n";
  for (const Row& r : rows)
    text += fmt::format("| {} | {} | {} | {} | {} | {:g} | {:.1f} | {:+.1f} |\n", r.id, r.machine, r.what, r.algorithm,
                        r.engine, r.measured, r.predicted, r.error_percent());
  text += "\n## Not modelled\n\n";
  for (const auto& entry : not_modelled)
    text += fmt::format("- {}: {}\n", entry["case"].as<std::string>(), entry["reason"].as<std::string>());
  return text;
}

// Present medians with a margin of two points: a change that makes predictions worse has to say so here.
constexpr double kHardwareMedian = 3.5, kSimulatorMedian = 16.5;

TEST(Testbeds, MediansDoNotGetWorse) {
  const YAML::Node file = YAML::LoadFile(std::string(WEFT_SOURCE_DIR) + "/tests/validation/testbeds.yaml");
  std::vector<Row> rows;
  for (const auto& published : file["cases"])
    for (const auto& run : published["runs"]) predict_run(published, run, rows);
  const std::string table = table_of(rows, file["not_modelled"]);
  fmt::print("{}", table);
  EXPECT_LE(median_error(rows, "hardware"), kHardwareMedian);
  EXPECT_LE(median_error(rows, "simulator"), kSimulatorMedian);
  const char* update = std::getenv("WEFT_UPDATE_GOLDEN");
  const char* to = std::getenv("WEFT_TESTBEDS_TABLE");
  if (update == nullptr || to == nullptr) return;
  std::ofstream out(to);
  out << table;
  EXPECT_TRUE(out.good()) << to;
}

}  // namespace
}  // namespace weft
