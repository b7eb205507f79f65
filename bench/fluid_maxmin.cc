// The max-min core against its peers, in one run: figure, measured, peer or limit, ratio. Results on stdout.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "bench/table.h"
#include "emulator/fluid/completion.h"
#include "emulator/fluid/maxmin.h"
#include "emulator/fluid/maxmin_warm.h"
#include "tests/support/random_fabrics.h"
#ifdef WEFT_WITH_SIMGRID
#include "bench/fluid_simgrid.h"
#endif

namespace weft::bench {
namespace {

using testing::permutation_problem;
using testing::PlanesFabric;
using testing::SplitMix;
using testing::ThreeTier;

// Largest difference relative to the larger of each pair.
double worst_difference(std::span<const double> a, std::span<const double> b) {
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(std::abs(a[i]), std::abs(b[i])));
  }
  return worst;
}

void million_flows(Table& table) {
  const MaxMinArrays arrays = permutation_problem(ThreeTier{160, 400e9}, 1);
  Incidence incidence;
  const double transposition = median_seconds(3, [&] { incidence = transpose(arrays.view()); });
  table.add("transpose, k=160 permutation, 6.1 M entries, 1 thread [s]", transposition, "2 threads",
            median_seconds(3, [&] { incidence = transpose(arrays.view(), 2); }));
  MaxMinSolver solver;
  std::vector<double> rates(arrays.view().variable_count());
  std::vector<double> oracle;
  const double fast = median_seconds(5, [&] { solver.solve(arrays.view(), incidence, rates); });
  const double textbook = median_seconds(3, [&] { oracle = textbook_max_min(arrays.view(), incidence); });
  table.add("solve, k=160 permutation, 1.02 M flows, 1 core [s]", fast, "textbook, same run", textbook);
  table.add("solve, k=160 permutation, 1.02 M flows, 1 core [s]", fast, "limit", 0.7);
  table.add("worst rate difference to the textbook solver", std::max(worst_difference(rates, oracle), 1e-18), "limit",
            1e-9);
}

void growth(Table& table) {
  double before = 0.0;
  for (const std::uint32_t k : {16U, 34U, 74U, 160U}) {
    const MaxMinArrays arrays = permutation_problem(ThreeTier{k, 400e9}, 1);
    const Incidence incidence = transpose(arrays.view());
    MaxMinSolver solver;
    std::vector<double> rates(arrays.view().variable_count());
    const double t = median_seconds(5, [&] { solver.solve(arrays.view(), incidence, rates); });
    table.add(fmt::format("solve, k={} permutation, {} hosts [s]", k, ThreeTier{k}.hosts()), t,
              "a tenth of the hosts, times ten", before == 0.0 ? t : 10.0 * before);
    before = t;
  }
}

// Reroutes the parts of `variable` that use `link`, each on its own plane; all parts when `everything`.
std::vector<std::uint32_t> reroute(const PlanesFabric& f, const std::vector<std::uint32_t>& old, std::uint32_t link,
                                   bool everything, SplitMix& random) {
  const std::uint32_t ports = f.planes * f.hosts();
  std::vector<std::uint32_t> entries;
  for (auto part = old.begin(); part != old.end();) {
    const auto down = std::find_if(part + 1, old.end(), [&](std::uint32_t r) { return r >= ports && r < 2 * ports; });
    if (everything || std::find(part, down, link) != down) {
      const std::size_t kept = entries.size();
      do {
        entries.resize(kept);
        f.append_path_on(*part % f.planes, *part / f.planes, (*down - ports) / f.planes, random, entries);
      } while (std::find(entries.begin() + static_cast<std::ptrdiff_t>(kept), entries.end(), link) != entries.end());
    } else {
      entries.insert(entries.end(), part, down + 1);
    }
    part = down + 1;
  }
  return entries;
}

void failed_link(Table& table) {
  const PlanesFabric fabric{8, 512, 256, 256, 100e9};
  const MaxMinArrays arrays = permutation_problem(fabric, 1, 4, true);
  const Incidence incidence = transpose(arrays.view());
  MaxMinSolver solver;
  std::vector<double> rates(arrays.view().variable_count());
  const double cold = median_seconds(5, [&] { solver.solve(arrays.view(), incidence, rates); });
  std::vector<std::uint32_t> leaf_of;  // of the variable's source
  for (std::uint32_t v = 0; v + 1 < arrays.offsets.size(); ++v) {
    leaf_of.push_back(arrays.resources[arrays.offsets[v]] / fabric.planes / fabric.hosts_per_leaf);
  }
  for (const bool everything : {false, true}) {
    WarmMaxMin warm(arrays.view(), incidence);
    SplitMix random(11);
    std::size_t active = 0;
    const double t = median_seconds(21, [&] {
      std::uint32_t link = 0;
      std::vector<std::uint32_t> moved;
      std::uint32_t leaf = 0;
      while (moved.empty()) {
        leaf = random.below(fabric.leaves);
        link = fabric.leaf_uplink(random.below(fabric.planes), leaf, random.below(fabric.spines));
        moved = warm.users(link);
      }
      if (everything) {
        moved.clear();
        for (std::uint32_t v = 0; v < leaf_of.size(); ++v) {
          if (leaf_of[v] == leaf) moved.push_back(v);
        }
      }
      warm.set_capacity(link, 0.0);
      moved.erase(std::unique(moved.begin(), moved.end()), moved.end());
      for (const std::uint32_t v : moved) {
        warm.set_entries(v, reroute(fabric, warm.entries(v), link, everything, random));
      }
      active = std::max(active, warm.resolve().active_variables);
    });
    const char* what = everything ? "whole leaf rehashed" : "its own flows rerouted";
    table.add(fmt::format("failed link, 131,072 GPUs, {}, edit and re-solve [s]", what), t, "5 % of cold", 0.05 * cold);
    const MaxMinArrays now = warm.snapshot();
    const double worst = worst_difference(warm.rates(), MaxMinSolver().solve(now.view()));
    table.add(fmt::format("  worst rate difference to cold, at most {} re-solved", active), std::max(worst, 1e-18),
              "limit", 1e-9);
  }
}

#ifdef WEFT_WITH_SIMGRID
void against_simgrid(Table& table, std::uint32_t k) {
  const MaxMinArrays arrays = permutation_problem(ThreeTier{k, 400e9}, 1);
  const double bits = 8e9;
  Completion ours;
  const double t = median_seconds(3, [&] { ours = *complete(arrays.view(), {&bits, 1}); });
  const SimGridRun peer = run_simgrid(arrays.view(), bits);
  const std::size_t flows = arrays.view().variable_count();
  table.add(fmt::format("complete, k={} permutation, {} flows [s]", k, flows), t, "SimGrid run", peer.run_s);
  table.add(fmt::format("complete, k={} permutation, {} flows [s]", k, flows), t, "SimGrid platform and run",
            peer.platform_s + peer.run_s);
  table.add("  worst finish time difference to SimGrid", std::max(worst_difference(ours.finish, peer.finish), 1e-18),
            "limit", 1e-6);
}
#endif

int run(int argc, char** argv) {
  CLI::App app{"max-min core against its peers"};
  std::string json;
  bool full = false;
  app.add_option("--json", json, "Write the table to this file");
  app.add_flag("--full", full, "Only the comparison with SimGrid at 65,536 flows, which takes minutes");
  CLI11_PARSE(app, argc, argv);
  Table table;
  if (!full) {
    million_flows(table);
    growth(table);
    failed_link(table);
  }
#ifdef WEFT_WITH_SIMGRID
  against_simgrid(table, full ? 64 : 32);  // a process can start SimGrid once
#else
  fmt::print("SimGrid is not installed: comparison left out\n");
#endif
  if (!json.empty()) table.write(json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
