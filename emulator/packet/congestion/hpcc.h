// HPCC: Y. Li et al., "HPCC: High Precision Congestion Control", SIGCOMM'19, algorithm 1. The paper's names.
#pragma once

#include <cstdint>
#include <span>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

struct Hpcc {
  Ps base_rtt = 0;                // T
  double reference = 0;           // W_c, payload bytes
  double most = 0;                // W never grows beyond
  double additive = 0;            // W_AI
  double utilisation = 1;         // U, of the fullest link
  std::uint32_t last_update = 0;  // lastUpdateSeq
  std::uint32_t inc_stage = 0;
  std::uint32_t known_hops = 0;  // of last_hops; 0: none yet

  void start(const CongestionParams& params, Ps base_rtt, Gate& gate);
  // last_hops: this QP's store of at least ack.hops.size() hops.
  void on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops, Gate& gate);

 private:
  [[nodiscard]] bool measure_inflight(std::span<const IntHop> hops, std::span<const IntHop> last_hops);
  void compute_window(const CongestionParams& params, bool update_reference, Gate& gate);
};

}  // namespace weft::packet
