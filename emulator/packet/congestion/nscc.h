// NSCC: Ultra Ethernet specification 1.0, section 3.6.13, network-signalled congestion control. docs/congestion.md
// says which of its text was at hand.
#pragma once

#include <cstdint>

#include "emulator/packet/congestion/signals.h"

namespace weft::packet {

struct Nscc {
  Ps base_rtt = 0;
  Ps last_sample = 0;  // of the average delay
  Ps last_adjust = 0;  // of the small additive term
  Ps last_decrease = kLongAgo;
  Ps adapt_end = kNever;        // when quick adapt next looks; kNever: no ACK yet
  float increase = 0;           // byte x bytes: what the window is to grow by, times itself (inc_bytes)
  float average_delay = 0;      // ps, over about a round trip
  std::uint32_t achieved = 0;   // bytes acknowledged since quick adapt last looked
  std::uint32_t clear = 0;      // bytes acknowledged in a row without delay (fi_count)
  std::uint32_t to_ignore = 0;  // bytes whose marks tell of before quick adapt
  std::uint16_t received = 0;   // bytes acknowledged since `increase` was last applied; saturates beyond what matters
  bool trimmed = false;         // since quick adapt last cut (trigger_qa)
  bool fast = false;            // fast increase holds

  void start(const CongestionParams& params, Ps base_rtt, Gate& gate);
  void on_ack(const CongestionParams& params, const AckEvent& ack, Gate& gate);
  void on_loss(const CongestionParams& params, const LossEvent& loss, Gate& gate);
  [[nodiscard]] double target_delay(const CongestionParams& params) const;  // ps

 private:
  void sample_delay(double delay, Ps now);
  [[nodiscard]] bool quick_adapt(const CongestionParams& params, Ps now, double delay, double in_flight, Gate& gate);
  void grow(const CongestionParams& params, double bytes, double delay, Gate& gate);
  void decrease(const CongestionParams& params, Ps now, Gate& gate);
  void apply_increase(const CongestionParams& params, Ps now, Gate& gate);
  void ignore(std::uint64_t bytes);
  [[nodiscard]] double most(const CongestionParams& params) const;
  [[nodiscard]] double scale(const CongestionParams& params) const;
};

}  // namespace weft::packet
