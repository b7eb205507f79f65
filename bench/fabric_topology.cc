// Time and memory until a million-GPU topology answers, and until every link of it has been named and looked at.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/specs.h"
#include "topologies/build.h"

namespace {

double resident_mib() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  char line[256];
  long kib = 0;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::strncmp(line, "VmRSS:", 6) == 0) kib = std::strtol(line + 6, nullptr, 10);
  }
  std::fclose(status);
  return static_cast<double>(kib) / 1024.0;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Sample {
  double ready = 0, ends = 0, names = 0;  // seconds
  double resident = 0;                    // MiB
};

// One build of the million-GPU rail fabric; false when a link's name does not lead back to it.
bool measure(Sample& sample) {
  using weft::LinkId;
  const double rss_before = resident_mib();
  const auto start = std::chrono::steady_clock::now();
  const auto built = weft::build_topology(weft::testing::rail_1m());
  if (!built) {
    fmt::print(stderr, "{}\n", built.error().text());
    return false;
  }
  const weft::Topology& t = **built;
  std::vector<float> load(t.link_count());  // a load slot a link: what a report needs
  sample.ready = seconds_since(start);
  std::uint64_t sum = 0;
  for (std::uint32_t l = 0; l < t.link_count(); ++l) {
    sum += t.ends(LinkId{l}).to.index;
    load[l] = 1.0F;
  }
  sample.ends = seconds_since(start) - sample.ready;
  for (std::uint32_t l = 0; l < t.link_count(); l += 101) {
    if (t.find_link(t.name(LinkId{l})) != LinkId{l}) return false;
  }
  sample.names = seconds_since(start) - sample.ready - sample.ends;
  sample.resident = resident_mib() - rss_before;
  return sum != 0 && load.back() > 0;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(int argc, char** argv) {
  CLI::App app{"Time and memory of the million-GPU topology"};
  std::string json;
  app.add_option("--json", json, "Write the table to this file");
  CLI11_PARSE(app, argc, argv);
  std::vector<double> ready, ends, names, resident;
  for (int i = 0; i < 5; ++i) {
    Sample sample;
    if (!measure(sample)) return 1;
    ready.push_back(sample.ready);
    ends.push_back(sample.ends);
    names.push_back(sample.names);
    resident.push_back(sample.resident);
  }
  auto rows = nlohmann::json::array();
  const auto add = [&](const char* figure, double value, const char* unit, const char* peer, double reference) {
    fmt::print("{:<56} {:>10.4g} {:<4} {:<14} {:>9.3g}x\n", figure, value, unit, peer, reference / value);
    rows.push_back(
        {{"figure", figure}, {"value", value}, {"unit", unit}, {"peer", peer}, {"ratio", reference / value}});
  };
  add("topology of 1,048,576 GPUs: ready", median(ready), "s", "limit 1 s", 1);
  add("topology of 1,048,576 GPUs: ready, every link's ends read", median(ready) + median(ends), "s", "limit 1 s", 1);
  // Memory that a former build has freed stays with the process: only the first build shows the growth.
  add("topology of 1,048,576 GPUs: memory", resident.front(), "MiB", "limit 256 MiB", 256);
  fmt::print("names there and back, every 101st link {:.4g} s\n", median(names));
  if (!json.empty()) std::ofstream(json) << rows.dump(1) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv); }
