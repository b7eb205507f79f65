// Congestion control of one QP: what each algorithm keeps, and how ACKs, CNPs, losses and time move rate and window.
// docs/congestion.md has each algorithm's rules and what is simplified.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "emulator/packet/congestion/dcqcn.h"
#include "emulator/packet/congestion/signals.h"

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
    advance(params, now);
    gate_.byte_budget -= wire_bytes;
    if (gate_.byte_budget <= 0) run_byte_counter(params);
  }

  // last_hops: this QP's store of kMaxIntHops hops, which HPCC reads and writes; the others take an empty span.
  void on_ack(const CongestionParams& params, const AckEvent& ack, std::span<IntHop> last_hops);

  // DCQCN only.
  void on_cnp(const CongestionParams& params, Ps now);

  // A NAK, a trimmed header or a selective gap; `timeout`: nothing came back at all.
  void on_loss(const CongestionParams& params, Ps now, bool timeout);

  // Applies every timer that has run out by `now`, those of `now` itself too.
  void advance(const CongestionParams& params, Ps now) {
    if (now >= gate_.due) run_timers(params, now);
  }

  // When time alone next moves rate or window; kNever: not before another call.
  [[nodiscard]] Ps due() const { return gate_.due; }
  [[nodiscard]] double ps_per_byte() const { return gate_.ps_per_byte; }
  [[nodiscard]] std::uint64_t window() const { return gate_.window; }

  // The algorithms' own numbers, for traces and tests. REQUIRES: that algorithm runs.
  [[nodiscard]] const Dcqcn& dcqcn() const { return state_.dcqcn; }

 private:
  void run_timers(const CongestionParams& params, Ps now);
  void run_byte_counter(const CongestionParams& params);

  Gate gate_;
  union State {
    State() : dcqcn{} {}
    Dcqcn dcqcn;
  } state_;
};

static_assert(std::is_trivially_copyable_v<CongestionControl> && sizeof(CongestionControl) <= 88);

}  // namespace weft::packet
