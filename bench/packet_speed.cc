// Speed of the packet engine on one core: data packets x links per CPU-second. The time has all of it, ACKs, CNPs and
// timers too; the count has data packets only. Against limits, stock ns-3 and a bare event loop, in one run; each
// repeat in a process of its own. And instructions per packet-hop, which no neighbour on the machine disturbs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/packet_apart.h"
#include "bench/packet_loads.h"
#include "bench/packet_stock.h"
#include "bench/table.h"

namespace weft::bench {
namespace {

constexpr std::int64_t kMegabyte = 1'000'000;

struct Case {
  std::string name, words;
  double limit;  // packet-hops a CPU-second; 0: none is set
  std::function<PacketLoad(std::uint64_t seed)> load;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"permutation-1024", "permutation of 1 MB, 1024 hosts, 3 tiers", 2e6,
       [](std::uint64_t seed) {
         return PacketLoad{fat_tree(16, 3, 1024), permutation(1024, seed), kMegabyte, 1};
       }},
      {"permutation-128", "permutation of 4 x 1 MB, 128 hosts, 3 tiers", 4e6,
       [](std::uint64_t seed) {
         return PacketLoad{fat_tree(8, 3, 128), permutation(128, seed), kMegabyte, 4};
       }},
      {"all-to-all-64", "all_to_all of 64 hosts, 1 MB a pair", 0,
       [](std::uint64_t) {
         return PacketLoad{fat_tree(8, 3, 64), all_to_all(64), kMegabyte, 1};
       }},
      {"incast-32", "incast 32:1 of 16 x 1 MB, 128 hosts", 0,
       [](std::uint64_t) {
         return PacketLoad{fat_tree(8, 3, 128), incast(32), kMegabyte, 16};
       }},
  };
  return all;
}

struct Spread {
  double median, least, most;
};
Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Million packet-hops a CPU-second.
Spread speed_of(const Case& c, int repeats, LoadResult& last) {
  std::vector<double> rates;
  for (int i = 0; i < repeats; ++i) {
    const auto seed = static_cast<std::uint64_t>(i + 1);
    const auto result = apart<LoadResult>([&] { return run_load(c.load(seed)); });
    if (!result || !result->finished) throw Failed(c.name + " did not come to its end");
    rates.push_back(result->rate() * 1e-6);
    last = *result;
  }
  return spread_of(rates);
}

StockResult stock(const std::function<StockResult()>& run, const char* name) {
  const auto result = apart<StockResult>(run);
  if (!result || !result->finished) throw Failed(std::string(name) + " lost packets");
  return *result;
}

struct Count {
  double instructions, hops;
};
// Runs this program's small mode under callgrind. Nothing where valgrind is absent.
std::optional<Count> count_instructions(const std::string& what) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0) return std::nullopt;
  self[length] = '\0';
  const std::string command = fmt::format(
      "valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=*measured_run*' '{}' --once {} 2>&1",
      static_cast<const char*>(self), what);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  Count count{0, 0};
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const std::string text = line;
    if (const auto at = text.find("Collected : "); at != std::string::npos)
      count.instructions = std::strtod(line + at + 12, nullptr);
    if (text.starts_with("hops ")) count.hops = std::strtod(line + 5, nullptr);
  }
  const int status = pclose(pipe);
  if (status != 0 || count.hops == 0 || count.instructions == 0) return std::nullopt;
  return count;
}

// A tenth of the load, once, in this process.
int run_once(const std::string& what) {
  for (const Case& c : cases()) {
    if (c.name != what && "stock-" + c.name != what) continue;
    PacketLoad load = c.load(1);
    load.bytes /= 10;
    if (c.name == what)
      fmt::print("hops {}\n", run_load(load).hops);
    else
      fmt::print("hops {}\n", run_stock(load, true).hops);
    return 0;
  }
  fmt::print(stderr, "weft: error: no case '{}'\n", what);
  return 2;
}

void instructions(Table& table) {
  const auto stock = count_instructions("stock-permutation-128");
  for (const char* name : {"permutation-1024", "permutation-128", "all-to-all-64", "incast-32"}) {
    const auto ours = count_instructions(name);
    if (!stock || !ours) {
      fmt::print("instructions per packet-hop: left out, valgrind is not installed or failed\n");
      return;
    }
    table.add(fmt::format("instructions per packet-hop, {}, a tenth of it", name), ours->instructions / ours->hops,
              "stock ns-3, permutation-128", stock->instructions / stock->hops);
  }
}

void against_stock(Table& table, double ours, int repeats) {
  const PacketLoad load{fat_tree(8, 3, 128), permutation(128, 1), kMegabyte / 4, 1};
  const auto median = [&](const std::function<StockResult()>& run, const char* name) {
    std::vector<StockResult> all;
    for (int i = 0; i < repeats; ++i) all.push_back(stock(run, name));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.rate() < b.rate(); });
    return all[all.size() / 2];
  };
  const StockResult helpers = median([&] { return run_stock(load, true); }, "stock ns-3");
  const StockResult plain = median([&] { return run_stock(load, false); }, "stock ns-3 without queue discs");
  const StockResult bare = median([&] { return run_bare_loop(load); }, "bare event loop");
  const std::string figure = "permutation, 128 hosts [M packet-hops/CPU s]";
  table.add_rate(figure, ours, "stock ns-3", helpers.rate() * 1e-6);
  table.add_rate(figure, ours, "40 x stock ns-3", 40 * helpers.rate() * 1e-6);
  table.add_rate(figure, ours, "stock ns-3 without queue discs", plain.rate() * 1e-6);
  table.add_rate(figure, ours, "bare ns-3 loop, 2 events a hop", bare.rate() * 1e-6);
  const auto weft = apart<LoadResult>([&] { return run_load(load); });
  if (!weft) throw Failed("set-up");
  table.add("set-up of 128 hosts, CPU [s]", weft->setup_cpu, "stock ns-3", helpers.setup_cpu);
  table.add("set-up of 128 hosts, memory [MiB]", weft->setup_bytes / 0x1p20, "stock ns-3",
            helpers.setup_bytes / 0x1p20);
}

int run(int argc, char** argv) {
  CLI::App app{"speed of the packet engine"};
  std::string json, only, once;
  int repeats = 7;
  app.add_option("--json", json, "Write the table to this file");
  app.add_option("--only", only, "Cases whose name contains this; `stock` and `instructions` are cases too");
  app.add_option("--repeats", repeats, "Runs of each case, each with a seed of its own")->check(CLI::Range(1, 1000));
  app.add_option("--once", once, "One case, a tenth of it, in this process: what callgrind runs");
  CLI11_PARSE(app, argc, argv);
  if (!once.empty()) return run_once(once);
  const auto wanted = [&](const std::string& name) { return name.find(only) != std::string::npos; };
  Table table;
  for (const Case& c : cases()) {
    if (!wanted(c.name)) continue;
    LoadResult last;
    const Spread speed = speed_of(c, repeats, last);
    const std::string figure = fmt::format("{} [M packet-hops/CPU s]", c.words);
    const std::string spread = fmt::format("{:.3g} to {:.3g} in {} runs", speed.least, speed.most, repeats);
    if (c.limit > 0) table.add_rate(figure, speed.median, fmt::format("limit {}", c.limit * 1e-6), c.limit * 1e-6);
    table.add_rate(figure, speed.median, spread, speed.least);
    fmt::print("  last run: {} hops, {} events, {} acks, {} marks, {} cnps, {} pauses, {} drops, {:.1f} us simulated\n",
               last.hops, last.events, last.acks, last.marks, last.cnps, last.pauses, last.drops, last.simulated * 1e6);
  }
  if (wanted("stock")) {
    LoadResult last;
    against_stock(table, speed_of(cases()[1], repeats, last).median, std::min(repeats, 3));
  }
  if (wanted("instructions")) instructions(table);
  if (!json.empty()) table.write(json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  try {
    return weft::bench::run(argc, argv);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "weft: error: {}\n", error.what());
    return 1;
  }
}
