// DCTCP: M. Alizadeh et al., "Data Center TCP (DCTCP)", SIGCOMM'10, section 3.1, and RFC 8257, section 3.3.
#pragma once

#include <cstdint>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

struct Dctcp {
  double alpha = 1;                       // RFC 8257: the most cautious start
  double threshold = 0;                   // slow start ends here, bytes
  double most = 0;                        // bytes
  std::uint32_t window_end = 0;           // PSN at which this observation window ends
  std::uint32_t cut_end = 0;              // PSN before which no further mark cuts
  std::uint32_t packets = 0, marked = 0;  // acknowledged in it
  bool begun = false;

  void start(const CongestionParams& params, Ps base_rtt, Gate& gate);
  void on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate);
  void on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate);

 private:
  void end_window(const CongestionParams& params, std::uint32_t next_psn);
};

}  // namespace weft::packet
