// Swift: G. Kumar et al., "Swift: Delay is Simple and Effective for Congestion Control in the Datacenter",
// SIGCOMM'20, algorithm 1 and section 3.5. Its cwnd is gate.window / payload of a packet.
#pragma once

#include <cstdint>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

struct Swift {
  Ps base_target = 0;
  Ps last_rtt = 0;
  Ps last_decrease = kLongAgo;
  double most = 0;                // bytes
  std::uint32_t retransmits = 0;  // timeouts in a row

  void start(const CongestionParams& params, Ps base_rtt, Gate& gate);
  void on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate);
  void on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate);
  // Section 3.5: base + hops x per-hop + what a small window may add, ps. `cwnd` in packets, > 0.
  [[nodiscard]] double target_delay(const SwiftSpec& spec, double cwnd, std::uint32_t hops) const;

 private:
  void set_cwnd(const CongestionParams& params, double cwnd, Gate& gate);
};

}  // namespace weft::packet
