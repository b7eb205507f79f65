// A QP, and one step for each transition of its state machine (IBTA 10.3.1).
#pragma once

#include <cstdint>

#include "fabric/error.h"
#include "verbs/offer.h"
#include "verbs/owned.h"
#include "verbs/port.h"
#include "verbs/words.h"

namespace weft::verbs {

constexpr std::uint32_t kQkey = 0x11111111;  // UD

struct QpShape {
  Transport transport = Transport::kRc;
  bool xrc_receiver = false;  // XRC has a QP type for each side
  ibv_cq* cq = nullptr;       // of sends and receives
  ibv_srq* srq = nullptr;     // instead of own receives; may be null
  ibv_xrcd* xrcd = nullptr;   // XRC receiver
  std::uint32_t sends = 128;  // WRs that it holds
  std::uint32_t receives = 1;
  std::uint32_t inline_size = 0;  // B
};

// What the path's packets look like.
struct PathSettings {
  std::uint32_t mtu = 1024;        // B
  std::uint8_t service_level = 0;  // with RoCE: the priority
  std::uint8_t traffic_class = 0;  // becomes IP TOS: DSCP is its upper six bits
  std::uint32_t flow_label = 0;    // 20 bits; RoCEv2 makes the UDP source port of it
  std::uint8_t hop_limit = 64;
  std::uint8_t ack_timeout = 18;  // 4.096 us x 2^18 = 1.07 s
  std::uint8_t retries = 7;       // 7 x 1 s until the peer is given up
  std::uint8_t rnr_retries = 7;   // 7: without end
  std::uint8_t reads = 1;         // reads and atomics under way
  std::uint64_t rate_limit = 0;   // kbit/s of the device's own pacing; 0: none
};

class QueuePair {
 public:
  [[nodiscard]] static Expected<QueuePair> created(ibv_pd* pd, const QpShape& shape);

  // RESET to INIT: the port, and what the peer may do.
  [[nodiscard]] Expected<void> to_init(const Port& port);
  // INIT to RTR: who sends, from which PSN on, and the path to it.
  [[nodiscard]] Expected<void> to_rtr(const Port& port, const Offer& peer, const QpAddress& peer_qp,
                                      const PathSettings& path);
  // RTR to RTS.
  [[nodiscard]] Expected<void> to_rts(const PathSettings& path);

  // What the peer needs to know of it.
  [[nodiscard]] QpAddress address() const { return {qp_->qp_num, psn_, kQkey, 0}; }
  [[nodiscard]] ibv_qp* get() const { return qp_.get(); }
  [[nodiscard]] std::uint32_t number() const { return qp_->qp_num; }

 private:
  Owned<ibv_qp> qp_;
  Transport transport_ = Transport::kRc;
  bool asks_ = true, answers_ = true;  // requests; XRC has a QP type for each
  std::uint32_t psn_ = 0;
};

// The GRH of packets to the peer: for address vectors of QPs and of UD's address handles.
[[nodiscard]] ibv_ah_attr address_vector(const Port& port, const Offer& peer, const PathSettings& path);
// 256 to 4096 B. Errors: kInput.
[[nodiscard]] Expected<ibv_mtu> mtu_code(std::uint32_t bytes);
[[nodiscard]] constexpr std::uint32_t mtu_bytes(ibv_mtu code) { return 128U << static_cast<unsigned>(code); }

}  // namespace weft::verbs
