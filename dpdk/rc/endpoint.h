// An RC QP in user space over a FrameIo: both halves, what comes from the wire sorted to them, CE answered with CNPs.
#pragma once

#include <array>
#include <cstdint>

#include "dpdk/frame_io.h"
#include "dpdk/rc/requester.h"
#include "dpdk/rc/responder.h"

namespace weft::dpdk::rc {

struct EndpointCounts {
  std::uint64_t frames = 0;    // for this QP, with a right ICRC
  std::uint64_t bad_icrc = 0;  // thrown away
  std::uint64_t others = 0;    // not RoCEv2, or for another QP
  // For this QP with a right ICRC, and dropped without an answer: from another address than the peer's, or in
  // another partition. IBTA volume 1, section 9.6.1.
  std::uint64_t wrong_source = 0, wrong_partition = 0;
  std::uint64_t ce_marked = 0, cnps_sent = 0, cnps_received = 0;
};

class Endpoint {
 public:
  // `io` outlives it.
  Endpoint(FrameIo& io, const Settings& settings);

  [[nodiscard]] Requester& requester() { return requester_; }
  [[nodiscard]] Responder& responder() { return responder_; }
  [[nodiscard]] const EndpointCounts& counts() const { return counts_; }
  // Takes what has come and sends what may go. Never waits; false: there was nothing to do.
  bool poll(Duration now);

 private:
  [[nodiscard]] bool is_peers(const wire::FrameHeaders& headers);
  void take(std::span<const std::uint8_t> frame, Duration now);
  void answer_mark(const wire::ParsedFrame& frame, Duration now);

  FrameIo& io_;
  Settings settings_;
  Requester requester_;
  Responder responder_;
  EndpointCounts counts_;
  Duration next_cnp_{};
  std::array<std::uint8_t, 9216> buffer_{};
};

}  // namespace weft::dpdk::rc
