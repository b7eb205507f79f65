#include "verbs/counters.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "verbs/control.h"

namespace weft::verbs {
namespace {

constexpr std::size_t kMostCounters = 16384;

bool call_ethtool(const std::string& netdev, void* request) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq wanted{};
  netdev.copy(wanted.ifr_name, sizeof wanted.ifr_name - 1);
  wanted.ifr_data = static_cast<char*>(request);
  return socket.get() >= 0 && ::ioctl(socket.get(), SIOCETHTOOL, &wanted) == 0;
}

// Words of the counters that tell of the fabric; a NIC has thousands, most of them one a queue.
bool tells_of_the_fabric(std::string_view name) {
  constexpr std::array kWords{"phy",  "pause", "pfc", "fec", "symbol", "crc",   "prio", "discard",
                              "drop", "error", "ecn", "cnp", "link",   "optic", "temp", "out_of_buffer"};
  for (const std::string_view word : kWords)
    if (name.find(word) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Counters read_counters(const std::string& device, unsigned port, const std::string& root) {
  Counters counters;
  for (const char* folder : {"counters", "hw_counters"}) {
    std::error_code ignored;
    const std::filesystem::path at = fmt::format("{}/class/infiniband/{}/ports/{}/{}", root, device, port, folder);
    for (std::filesystem::directory_iterator entry(at, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
      const std::string name = entry->path().filename();
      std::ifstream file(entry->path());
      std::uint64_t value = 0;
      if (name != "lifespan" && file >> value) counters[name] = value;  // a setting: how long values are cached
    }
  }
  return counters;
}

Counters read_ethernet_counters(const std::string& netdev) {
  if (netdev.empty()) return {};
  Counters counters;
  if (std::uint64_t downs = 0; std::ifstream("/sys/class/net/" + netdev + "/carrier_down_count") >> downs)
    counters["eth_link_down_events"] = downs;
  std::array<std::uint64_t, 4> set_space{};  // a head and one count behind it
  auto* const sets = reinterpret_cast<ethtool_sset_info*>(set_space.data());
  sets->cmd = ETHTOOL_GSSET_INFO;
  sets->sset_mask = 1ULL << ETH_SS_STATS;
  if (!call_ethtool(netdev, sets) || sets->sset_mask == 0) return counters;
  std::uint32_t count = 0;
  std::memcpy(&count, reinterpret_cast<const char*>(set_space.data()) + sizeof(ethtool_sset_info), sizeof count);
  if (count == 0 || count > kMostCounters) return counters;
  // The kernel writes behind the heads: room in whole words, so that both are aligned.
  std::vector<std::uint64_t> names_space((sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN) / 8 + 2);
  std::vector<std::uint64_t> values_space(sizeof(ethtool_stats) / 8 + count + 2);
  auto* const names = reinterpret_cast<ethtool_gstrings*>(names_space.data());
  auto* const values = reinterpret_cast<ethtool_stats*>(values_space.data());
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_STATS;
  names->len = count;
  values->cmd = ETHTOOL_GSTATS;
  values->n_stats = count;
  if (!call_ethtool(netdev, names) || !call_ethtool(netdev, values)) return counters;
  const auto* const name = reinterpret_cast<const char*>(names_space.data()) + sizeof(ethtool_gstrings);
  for (std::uint32_t i = 0; i < count; ++i) {
    const char* const at = name + std::size_t{i} * ETH_GSTRING_LEN;
    const std::string text(at, strnlen(at, ETH_GSTRING_LEN));
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const char*>(values_space.data()) + sizeof(ethtool_stats) + 8 * std::size_t{i},
                8);
    if (tells_of_the_fabric(text)) counters["eth_" + text] = value;
  }
  return counters;
}

Counters growth(const Counters& before, const Counters& after) {
  Counters grown;
  for (const auto& [name, value] : after) {
    const auto was = before.find(name);
    const std::uint64_t base = was == before.end() || was->second > value ? 0 : was->second;
    if (value > base) grown[name] = value - base;
  }
  return grown;
}

std::string netdev_of(const std::string& device, unsigned port, const std::string& root) {
  std::error_code ignored;
  // The GID table names it, whatever bus the device is on.
  for (unsigned gid = 0; gid < 256; ++gid) {
    std::ifstream file(fmt::format("{}/class/infiniband/{}/ports/{}/gid_attrs/ndevs/{}", root, device, port, gid));
    std::string name;
    if (file >> name) return name;
  }
  return {};
}

}  // namespace weft::verbs
