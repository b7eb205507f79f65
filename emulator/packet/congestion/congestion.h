// Congestion control of one QP: what each algorithm keeps, and how ACKs, CNPs, losses and time move rate and window.
// docs/congestion.md has each algorithm's rules and what is simplified.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "emulator/packet/congestion/dcqcn.h"
#include "emulator/packet/congestion/dctcp.h"
#include "emulator/packet/congestion/hpcc.h"
#include "emulator/packet/congestion/nscc.h"
#include "emulator/packet/congestion/signals.h"
#include "emulator/packet/congestion/swift.h"
#include "emulator/packet/congestion/timely.h"

namespace weft::packet {

// One QP's control; a million are kept. Which algorithm it runs is params.transport.congestion_control, the same at
// every call. Time never goes back: each `now` is at least the last. There are no timer events: whatever time has
// brought about is applied at the next call, as if at its own time.
class CongestionControl {
 public:
  // base_rtt: of a full packet and its ACK through empty queues. REQUIRES: base_rtt > 0.
  void start(const CongestionParams& params, Ps base_rtt);

  // A data packet begins to leave.
  void on_send(const CongestionParams& params, Ps now, std::uint32_t wire_bytes) {
    if (is_dcqcn(params)) state_.dcqcn.on_send(params, now, wire_bytes, gate_);
  }

  // last_hops: this QP's store of kMaxIntHops hops, which HPCC reads and writes; the others take an empty span.
  void on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops);

  // DCQCN only.
  void on_cnp(const CongestionParams& params, Ps now);

  void on_loss(const CongestionParams& params, const LossEvent& loss);

  // Applies every timer that has run out by `now`, those of `now` itself too. DCQCN only.
  void advance(const CongestionParams& params, Ps now) {
    if (is_dcqcn(params) && now >= state_.dcqcn.due(params.transport.dcqcn))
      state_.dcqcn.run_timers(params, now, gate_);
  }

  // When time alone next moves the rate; kNever: not before another call.
  [[nodiscard]] Ps due(const CongestionParams& params) const {
    return is_dcqcn(params) ? state_.dcqcn.due(params.transport.dcqcn) : kNever;
  }
  // Per wire byte; at least the line's.
  [[nodiscard]] double ps_per_byte() const { return gate_.ps_per_byte; }
  // Payload bytes; at least a packet, with Swift a part of one, and never 0.
  [[nodiscard]] std::uint64_t window() const {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(gate_.window));
  }

  // The algorithms' own numbers, for traces and tests. REQUIRES: that algorithm runs.
  [[nodiscard]] const Dcqcn& dcqcn() const { return state_.dcqcn; }
  [[nodiscard]] const Hpcc& hpcc() const { return state_.hpcc; }
  [[nodiscard]] const Swift& swift() const { return state_.swift; }
  [[nodiscard]] const Timely& timely() const { return state_.timely; }
  [[nodiscard]] const Dctcp& dctcp() const { return state_.dctcp; }
  [[nodiscard]] const Nscc& nscc() const { return state_.nscc; }

 private:
  static bool is_dcqcn(const CongestionParams& params) {
    return params.transport.congestion_control == weft::CongestionControl::kDcqcn;
  }

  Gate gate_;
  union State {
    State() : dcqcn{} {}
    Dcqcn dcqcn;
    Hpcc hpcc;
    Swift swift;
    Timely timely;
    Dctcp dctcp;
    Nscc nscc;
  } state_;
};

static_assert(std::is_trivially_copyable_v<CongestionControl> && sizeof(CongestionControl) <= 80);

}  // namespace weft::packet
