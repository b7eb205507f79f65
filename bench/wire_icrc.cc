// Cost of an ICRC: whole, by each engine, and patched from a template's, at 1 and 4 KiB of payload.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/wire/icrc_patch.h"
#include "tests/support/wire.h"

namespace {

using namespace weft::wire;

constexpr std::size_t kBurst = 32;
constexpr int kRounds = 15;

// Time on the processor: the machine is shared.
double cpu_ns() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Case {
  std::string name;
  std::size_t packets;                 // that one call of `run` handles
  std::function<std::uint32_t()> run;  // returns what must not be optimized away
  std::vector<double> ns;              // a packet, by round
};

// Rounds of all cases take turns, so that each meets the same disturbances.
void measure(std::vector<Case>& cases) {
  volatile std::uint32_t sink = 0;
  for (int round = 0; round < kRounds; ++round)
    for (Case& c : cases) {
      constexpr double kRoundNs = 5e6;
      std::size_t calls = 0;
      const double start = cpu_ns();
      double spent = 0;
      for (; spent < kRoundNs; spent = cpu_ns() - start)
        for (int i = 0; i < 100; ++i, ++calls) sink = sink ^ c.run();
      c.ns.push_back(spent / static_cast<double>(calls * c.packets));
    }
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + kRounds / 2);
  return values[kRounds / 2];
}

// A burst of WRITEs that differ in PSN, and in address and stamp too where `all_fields`.
struct Burst {
  std::vector<IcrcPatch> patches;
  std::vector<std::array<std::uint64_t, kBurst>> changed;
  std::uint32_t start = 0;

  Burst(const FrameLayout& layout, std::initializer_list<Field> fields) {
    std::mt19937_64 random(1);
    for (const Field field : fields) {
      patches.emplace_back(layout, *find_field(layout, field));
      changed.emplace_back();
      for (std::uint64_t& value : changed.back()) value = random();
    }
  }
  template <typename Apply>
  std::uint32_t run(Apply apply) {
    std::array<std::uint32_t, kBurst> icrcs{};
    icrcs.fill(++start);
    for (std::size_t p = 0; p < patches.size(); ++p) apply(patches[p], changed[p], icrcs);
    return icrcs[start % kBurst];
  }
};

void add_patches(std::vector<Case>& cases, const std::string& name, const FrameLayout& layout,
                 std::initializer_list<Field> fields) {
  cases.push_back({"patch " + name + ", tables",
                   kBurst,
                   [burst = Burst(layout, fields)]() mutable {
                     return burst.run([](const IcrcPatch& patch, const auto& changed, auto& icrcs) {
                       patch.apply_by_tables(changed, icrcs);
                     });
                   },
                   {}});
  if (has_engine(CrcEngine::kCarryless))
    cases.push_back({"patch " + name + ", carry-less",
                     kBurst,
                     [burst = Burst(layout, fields)]() mutable {
                       return burst.run([](const IcrcPatch& patch, const auto& changed, auto& icrcs) {
                         patch.apply(changed, icrcs);
                       });
                     },
                     {}});
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const std::size_t kib : {1, 4}) {
    const auto frame = build_frame(testing::write_only(), testing::counting(1024 * kib)).value();
    const FrameLayout layout = find_layout(frame).value();
    const std::pair<CrcEngine, const char*> engines[] = {
        {CrcEngine::kBytewise, "table"}, {CrcEngine::kSlicing, "slicing by 8"}, {CrcEngine::kCarryless, "carry-less"}};
    for (const auto& [engine, name] : engines)
      if (has_engine(engine))
        cases.push_back({fmt::format("whole {} KiB, {}", kib, name),
                         1,
                         [frame, layout, e = engine] { return icrc(frame, layout, e); },
                         {}});
    add_patches(cases, fmt::format("PSN, {} KiB", kib), layout, {Field::kPsn});
    add_patches(cases, fmt::format("PSN, VA and stamp, {} KiB", kib), layout,
                {Field::kPsn, Field::kRethVirtualAddress, Field::kPayloadStart});
    cases.push_back(
        {fmt::format("find_layout, {} KiB", kib), 1, [frame] { return find_layout(frame).value().icrc; }, {}});
  }
  return cases;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("ICRC of RoCEv2 packets: ns of processor time a packet");
  std::string json_file;
  app.add_option("--json", json_file, "write rows to this file");
  CLI11_PARSE(app, argc, argv);
  std::vector<Case> cases = all_cases();
  measure(cases);
  // The peer of all is the whole ICRC by slicing, of the same frame.
  double peer = 0;
  nlohmann::json rows = nlohmann::json::array();
  fmt::print("{:<42} {:>10} {:>10}\n", "figure", "ns", "ratio");
  for (const Case& c : cases) {
    const std::string size = c.name.find("4 KiB") != std::string::npos ? "4 KiB" : "1 KiB";
    for (const Case& other : cases)
      if (other.name == "whole " + size + ", slicing by 8") peer = median(other.ns);
    const double ns = median(c.ns);
    fmt::print("{:<42} {:>10.2f} {:>10.2f}\n", c.name, ns, peer / ns);
    rows.push_back(
        {{"figure", c.name}, {"value", ns}, {"unit", "ns"}, {"peer", "whole, slicing by 8"}, {"ratio", peer / ns}});
  }
  if (!json_file.empty() && !(std::ofstream(json_file) << rows.dump(2) << '\n')) {
    fmt::print(stderr, "weft: cannot write {}\n", json_file);
    return 3;
  }
  return 0;
}
