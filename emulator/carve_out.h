// A carve-out: the traffic around one bottleneck of a routed step, small enough for the packet engine. The fluid engine
// cuts it out, and both engines run it; links and ports are those of the whole fabric.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fabric/ids.h"
#include "fabric/units.h"

namespace weft {

// A single path of a transfer, or several merged into one. Rates are bits/s of payload.
struct CarvedFlow {
  bool foreground = true;   // its finish is what the carve-out is run for; background only takes its share
  std::uint32_t paths = 1;  // of the step, merged into this
  double bits = 0;          // to send; in the whole step, before any scaling
  double rate = 0;          // max-min fair in the whole step, while all of it sends
  double finish = 0;        // seconds, in the whole step
  double limit = 0;         // > 0: never faster. Background, and what its own path does not hold back
  Duration delay{};         // one way, of an empty path

  // As max-min sees it: places in CarveOut::capacity, and the share of the rate that crosses each (empty: all of it).
  std::vector<std::uint32_t> resources;
  std::vector<double> weights;
  // As packets see it: single paths link by link. Sprayed ones have none: their switches choose between two ports.
  std::vector<LinkId> path, back_path;
  PortId from, to;
  std::uint64_t digest = 0;
};

struct CarveOut {
  std::string bottleneck;                        // the link's name, or the first one's of a pool
  std::uint32_t resource = 0;                    // its place in `capacity`
  std::vector<double> capacity;                  // payload bits/s, less what `taken` takes
  std::vector<CarvedFlow> flows;                 // foreground first
  std::vector<std::pair<LinkId, double>> taken;  // share of a link's rate for background that is not played
  std::vector<std::pair<LinkId, double>>
      pool_links;  // sprayed: all links between the ports, and the rate factor of each
  double thinning =
      1;  // so many flows of the bottleneck stand behind each one that is played, at as many times its rate
  std::uint64_t foreground_paths = 0, background_paths = 0;  // of the step

  [[nodiscard]] std::size_t foreground() const {
    std::size_t n = 0;
    while (n < flows.size() && flows[n].foreground) ++n;
    return n;
  }
};

}  // namespace weft
