// Time and memory until a million-GPU topology answers, and until every link of it has been named and looked at.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstring>

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

}  // namespace

int main() {
  using weft::LinkId;
  const double rss_before = resident_mib();
  const auto start = std::chrono::steady_clock::now();
  const auto built = weft::build_topology(weft::testing::rail_1m());
  if (!built) {
    fmt::print(stderr, "{}\n", built.error().text());
    return 1;
  }
  const weft::Topology& t = **built;
  std::vector<float> load(t.link_count());  // a load slot a link: what a report needs
  const double ready = seconds_since(start);
  std::uint64_t sum = 0;
  for (std::uint32_t l = 0; l < t.link_count(); ++l) {
    sum += t.ends(LinkId{l}).to.index;
    load[l] = 1.0F;
  }
  const double all_ends = seconds_since(start) - ready;
  for (std::uint32_t l = 0; l < t.link_count(); l += 101) {
    if (t.find_link(t.name(LinkId{l})) != LinkId{l}) return 1;
  }
  const double names = seconds_since(start) - ready - all_ends;
  fmt::print("gpus {}  directed links {}  checksum {}\n", t.gpu_count(), t.link_count(), sum);
  fmt::print("ready               {:.6f} s\n", ready);
  fmt::print("ends of every link  {:.6f} s\n", all_ends);
  fmt::print("names there and back, every 101st link {:.6f} s\n", names);
  fmt::print("resident growth     {:.1f} MiB\n", resident_mib() - rss_before);
  return 0;
}
