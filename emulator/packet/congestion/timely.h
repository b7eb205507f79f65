// TIMELY: R. Mittal et al., "TIMELY: RTT-based Congestion Control for the Datacenter", SIGCOMM'15, algorithm 1.
#pragma once

#include <cstdint>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

struct Timely {
  double rate = 0;      // wire bytes per second
  double rtt_diff = 0;  // smoothed, ps
  Ps min_rtt = 0;
  Ps last_rtt = 0;            // 0: none yet
  std::uint32_t falling = 0;  // completion events in a row with a gradient of at most 0

  void start(const CongestionParams& params, Ps base_rtt, Gate& gate);
  void on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate);
};

}  // namespace weft::packet
