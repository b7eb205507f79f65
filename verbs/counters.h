// What the device counts: before and after, as differences.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace weft::verbs {

using Counters = std::map<std::string, std::uint64_t>;

// Of the port, from sysfs: counters/ and hw_counters/; what cannot be read is left out. `root`: "/sys" but in tests.
[[nodiscard]] Counters read_counters(const std::string& device, unsigned port, const std::string& root = "/sys");
// Of the port's network interface by ethtool: physical layer, pauses, FEC, optics; empty where there is none.
[[nodiscard]] Counters read_ethernet_counters(const std::string& netdev);
// What grew; a counter that is new or ran backwards counts from zero.
[[nodiscard]] Counters growth(const Counters& before, const Counters& after);
// The network interface behind a port; empty where there is none.
[[nodiscard]] std::string netdev_of(const std::string& device, unsigned port, const std::string& root = "/sys");

}  // namespace weft::verbs
