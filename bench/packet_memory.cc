// Memory of the packet engine: bytes a port and an active QP, all that comes with them counted, and runs of large
// fabrics against limits of memory and time.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/packet_apart.h"
#include "bench/packet_loads.h"
#include "bench/table.h"
#include "emulator/packet/frame.h"
#include "emulator/packet/port.h"
#include "emulator/packet/qp.h"
#include "topologies/spec_yaml.h"

namespace weft::bench {
namespace {

constexpr double kGiB = 0x1p30;
constexpr std::int64_t kKiB = 1 << 10;
constexpr double kGiveUp = 18 * kGiB;  // the machine has to stay usable

LoadResult run_apart(const PacketLoad& load) {
  const auto result = apart<LoadResult>([&] { return run_load(load); });
  if (!result) throw std::runtime_error("a run ended early");
  return *result;
}

// Resident memory in the middle of a run, less the frames in flight. Without large pages, which would round it up; a
// small run goes first, so that code and libraries that it touches are not counted, and gives its heap back.
double bytes_of(const PacketLoad& load, std::uint64_t& links) {
  const auto result = apart<LoadResult>([&] {
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    static_cast<void>(run_load({fat_tree(4, 3, 16), permutation(16, 1), 1 << 20}));
    malloc_trim(0);
    return run_load(load);
  });
  if (!result) throw std::runtime_error("a run ended early");
  links = result->links;
  return result->end_bytes - static_cast<double>(result->most_frames * sizeof(packet::Frame));
}

// With 8 and with 16 permutations at once: every link is in use in both, so that the difference is what more active QPs
// cost (the QP, its timer, its pacing), and the rest is the ports' (NIC side, switch buffers, events).
void sizes(Table& table) {
  constexpr std::uint32_t kHosts = 8192, kFew = 8, kMany = 16;
  PacketLoad load{fat_tree(32, 3, kHosts), {}, 4 << 20, 1, 60e-6};
  std::uint64_t links = 0, seed = 0;
  const auto with = [&](std::uint32_t permutations) {
    while (load.messages.size() < std::size_t{permutations} * kHosts) {
      for (const Message& m : permutation(kHosts, ++seed)) load.messages.push_back(m);
    }
    return bytes_of(load, links);
  };
  const double few = with(kFew), many = with(kMany);
  const double qp = (many - few) / ((kMany - kFew) * kHosts);
  const double port = (few - qp * kFew * kHosts) / static_cast<double>(links);
  table.add("memory of a port: all that is neither QP nor frame, 8192 hosts [B]", port, "limit 256", 256);
  table.add("memory of an active QP, timer and pacing too, 8192 hosts [B]", qp, "limit 256", 256);
  table.add("sizeof(Port) [B]", sizeof(packet::Port), "limit 256", 256);
  table.add("sizeof(Qp) [B]", sizeof(packet::Qp), "limit 256", 256);
}

struct ScaleCase {
  std::string name, words;
  double gib, seconds;  // limits; 0: none
  std::function<PacketLoad()> load;
};

FabricSpec rails(std::uint32_t hosts) {
  auto spec = load_spec(WEFT_SOURCE_DIR "/topologies/specs/rail-1m.yaml",
                        std::vector<std::string>{fmt::format("hosts.count={}", hosts)});
  if (!spec) throw std::runtime_error(spec.error().text());
  return *spec;
}

const std::vector<ScaleCase>& scale_cases() {
  static const std::vector<ScaleCase> all = {
      {"hosts-8192", "permutation of 1 MB, 8192 hosts", 2, 0,
       [] {
         return PacketLoad{fat_tree(32, 3, 8192), permutation(8192, 1), 1'000'000};
       }},
      {"hosts-65536", "permutation of 256 KiB, 65536 hosts", 12, 0,
       [] {
         return PacketLoad{fat_tree(64, 3, 65'536), permutation(65'536, 1), 256 * kKiB};
       }},
      {"gpus-131072", "ring step of 256 KiB over ranks, 131072 GPUs", 8, 600,
       [] {
         return PacketLoad{rails(16'384), shift(131'072, 1), 256 * kKiB};
       }},
      {"rails-131072", "ring step of 256 KiB on every rail, 131072 GPUs", 8, 600,
       [] {
         return PacketLoad{rails(16'384), shift(131'072, 8), 256 * kKiB};
       }},
      {"units-131072", "the same between units of 128 hosts", 8, 600,
       [] {
         return PacketLoad{rails(16'384), shift(131'072, 8 * 128), 256 * kKiB};
       }},
      {"gpus-1048576", "ring step of 64 KiB over ranks, 1048576 GPUs", 24, 0,
       [] {
         return PacketLoad{rails(131'072), shift(1'048'576, 1), 64 * kKiB};
       }},
      {"rails-1048576", "ring step of 64 KiB on every rail, 1048576 GPUs", 24, 0,
       [] {
         return PacketLoad{rails(131'072), shift(1'048'576, 8), 64 * kKiB};
       }},
      {"units-1048576", "the same between units of 128 hosts", 24, 0,
       [] {
         return PacketLoad{rails(131'072), shift(1'048'576, 8 * 128), 64 * kKiB};
       }},
  };
  return all;
}

void scale(Table& table, const ScaleCase& c) {
  PacketLoad load = c.load();
  load.most_bytes = kGiveUp;
  const LoadResult r = run_apart(load);
  const std::size_t messages = load.messages.size();
  if (!r.finished) {
    fmt::print("{}: stopped at {:.1f} GiB and {:.1f} us, {} of {} messages received\n", c.words, r.peak_bytes / kGiB,
               r.simulated * 1e6, r.received, messages);
    return;
  }
  const double cpu = r.setup_cpu + r.run_cpu;
  table.add(c.words + ": memory [GiB]", r.peak_bytes / kGiB, fmt::format("limit {} GiB", c.gib), c.gib);
  table.add(c.words + ": CPU [s]", cpu, c.seconds > 0 ? fmt::format("limit {} s", c.seconds) : "set-up",
            c.seconds > 0 ? c.seconds : r.setup_cpu);
  fmt::print("  {} links, set-up {:.2f} s, {:.2f} M packet-hops/CPU s, {:.1f} us simulated, {} drops\n", r.links,
             r.setup_cpu, r.rate() * 1e-6, r.simulated * 1e6, r.drops);
}

int run(int argc, char** argv) {
  CLI::App app{"memory and scale of the packet engine"};
  std::string json, only;
  bool full = false;
  app.add_option("--json", json, "Write the table to this file");
  app.add_option("--only", only, "Cases whose name contains this; `sizes` is one too");
  app.add_flag("--full", full, "Only the runs of 65,536 hosts and more, which take minutes");
  CLI11_PARSE(app, argc, argv);
  Table table;
  if (!full && std::string("sizes").find(only) != std::string::npos) sizes(table);
  for (const ScaleCase& c : scale_cases()) {
    const bool large = c.name != "hosts-8192";
    if (c.name.find(only) != std::string::npos && (large == full || !only.empty())) scale(table, c);
  }
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
