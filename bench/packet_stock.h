// What weft's packet engine is measured against: ns-3 as it comes, and the least that its event loop could do.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/packet_loads.h"

namespace weft::bench {

struct StockResult {
  std::uint64_t hops = 0;  // packets x links
  double setup_cpu = 0, run_cpu = 0;
  double setup_bytes = 0;
  bool finished = false;

  [[nodiscard]] double rate() const { return static_cast<double>(hops) / run_cpu; }
};

// Stock ns-3 on the load's fabric: a Node a host and switch, PointToPoint links of the same rate and delay, the
// Internet stack, an OnOff application over UDP for each message at line rate, the same packets of payload. Each packet
// takes the path that weft's ECMP gives its flow: host routes of Ipv4StaticRouting, since global routing has no hash of
// flows. Queues never drop, and there are no ACKs: less work than weft's for the same data packets. `queue_discs`: as
// the helpers install them by default (FqCoDel), else none, which is faster. Runs in this process, which must not have
// used ns-3's simulator. REQUIRES: each host receives at most one message.
[[nodiscard]] StockResult run_stock(const PacketLoad& load, bool queue_discs);

// ns-3's event loop alone with its default scheduler: packets are two integers, a hop is an event when the last bit has
// left and one when it arrives, a queue is a linked list. No headers, no ACKs, no congestion control.
[[nodiscard]] StockResult run_bare_loop(const PacketLoad& load);

}  // namespace weft::bench
