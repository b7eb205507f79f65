#include "verbs/placement.h"

#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <system_error>

namespace weft::verbs {
namespace {

// "0-7" or "3" from the front of the text.
bool take_range(std::string_view text, std::vector<unsigned>& cpus) {
  unsigned first = 0, last = 0;
  const char* const end = text.data() + text.size();
  auto at = std::from_chars(text.data(), end, first);
  last = first;
  if (at.ec == std::errc{} && at.ptr != end && *at.ptr == '-') at = std::from_chars(at.ptr + 1, end, last);
  if (at.ec != std::errc{} || at.ptr != end || last < first || last >= CPU_SETSIZE) return false;
  for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  return true;
}

}  // namespace

Expected<std::vector<unsigned>> parse_cpus(const std::string& text) {
  std::vector<unsigned> cpus;
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = rest.find(',');
    if (!take_range(rest.substr(0, comma), cpus))
      return input_error("--cpu: not a list of processors", text, "such as 3 or 0-7,16");
    if (comma == std::string_view::npos) return cpus;
    rest.remove_prefix(comma + 1);
  }
}

Expected<void> place(const std::string& cpus, const std::string& device, std::vector<std::string>& notes) {
  std::string wanted = cpus;
  int node = -1;
  if (wanted.empty()) {
    std::ifstream(fmt::format("/sys/class/infiniband/{}/device/numa_node", device)) >> node;
    if (node < 0) return {};
    std::ifstream(fmt::format("/sys/devices/system/node/node{}/cpulist", node)) >> wanted;
    if (wanted.empty()) return {};
  }
  const auto list = parse_cpus(wanted);
  if (!list) return tl::unexpected(list.error());
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : *list) CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) {
    if (node >= 0) notes.push_back(fmt::format("processors {} chosen: NUMA node {} of {}", wanted, node, device));
    return {};
  }
  if (cpus.empty()) return {};  // not allowed there: then anywhere
  return environment_error("--cpu: the system does not give these processors", wanted,
                           std::generic_category().message(errno));
}

}  // namespace weft::verbs
