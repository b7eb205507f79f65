// The cabling plan, and whether it can be built and was built so.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "fabric/topology.h"

namespace weft {

// A place to plug a cable in. Ports of a switch count from 0: those towards the hosts first. A NIC port is a node
// of its own; its number is that within the NIC.
struct PlugEnd {
  NodeRef node;
  std::uint32_t port = 0;
  bool operator==(const PlugEnd&) const = default;
};
struct CablePlugs {
  PlugEnd from, to;  // from the lower tier
};
// REQUIRES: a cable of the host or fabric tiers.
[[nodiscard]] CablePlugs plugs_of(const Topology& topology, std::uint32_t cable);

// One line a cable: cable,from,from_port,to,to_port,rate,delay,length_m (at 5 ns a metre of fibre). Streamed.
// Errors: kEnvironment when the stream fails.
[[nodiscard]] Expected<void> write_cabling_plan(const Topology& topology, std::ostream& out);

// Findings as sentences, at most kMaxFindings of them; `problem_count` counts all.
struct WiringReport {
  static constexpr std::size_t kMaxFindings = 1000;
  std::vector<std::string> problems;
  std::vector<std::string> notes;  // by intent, yet good to know: rails or planes that never join
  std::uint64_t problem_count = 0;
  [[nodiscard]] bool good() const { return problem_count == 0; }
  void add_problem(std::string text);
};

// The design itself: ports within the radix and the capacity, each port in one use, both directions of a cable in
// agreement, every port of a plane (and rail, where rails never join) reachable from every other.
[[nodiscard]] WiringReport check_wiring(const Topology& topology);

// A CSV as found on the floor (columns from, from_port, to, to_port in any order, others ignored; either end
// first) against the plan: missing, extra, misplugged and swapped cables, with line numbers of the CSV.
// `file` is for error messages. Errors: kInput at the line of anything that is not such a CSV; lines above 4 KiB and
// more lines than twice the cables of the plan plus 1,000 are refused.
[[nodiscard]] Expected<WiringReport> check_wiring(const Topology& topology, std::istream& found,
                                                  const std::string& file);

}  // namespace weft
