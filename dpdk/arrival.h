// What a received frame is, found without copying: the receiver's first step, for any bytes. No DPDK in it.
#pragma once

#include <cstdint>
#include <span>

#include "fabric/wire/frame_layout.h"

namespace weft::dpdk {

enum class ArrivalKind : std::uint8_t {
  kForeign,   // no RoCEv2, or a broken frame
  kRequest,   // its PSN is one of a sequence: SEND, WRITE, atomics
  kResponse,  // ACK, READ response; and READ requests, whose PSNs count the responses
  kCnp,
};

struct Arrival {
  ArrivalKind kind = ArrivalKind::kForeign;
  bool marked_ce = false;
  std::uint32_t psn = 0, dest_qp = 0;
  std::uint64_t flow = 0;    // source address and dest QP; not 0. IPv6 addresses are hashed to 38 bits
  wire::FrameLayout layout;  // unless foreign
};

// The layout is that of wire::find_layout(), found faster where the frame is untagged IPv4.
[[nodiscard]] Arrival classify(std::span<const std::uint8_t> frame);
// The same in its place: a copy of so many small fields costs more than finding them. REQUIRES: arrival was made by
// Arrival{} or by this function.
void classify(std::span<const std::uint8_t> frame, Arrival& arrival);

}  // namespace weft::dpdk
