// Priority flow control (IEEE 802.1Qbb): how much still arrives after a port has decided to pause its peer.
#pragma once

#include <cstdint>

#include "fabric/units.h"

namespace weft {

// A PFC frame on the wire: 64 B frame, preamble and SFD 8, gap 12.
inline constexpr Bytes kPfcFrame{84};

// How long a station may go on sending after a pause frame has reached it: the pause quanta (512 bit times each) of
// IEEE 802.3 31B.3.7. 10G 60, 25G 80, 40G 118, 50G 147, 100G 394, 200G 453, 400G 905; a rate between two speeds has the
// quanta of the next, one above 400G those of 400G (as SONiC's headroom calculation has for 800G). Bytes at `rate`.
[[nodiscard]] Bytes pfc_reaction(Rate rate);

// Bytes that arrive on a port after its counter has crossed the pause threshold, at most (802.1Qbb, annex O): the
// counter sees a packet when it has passed the pipeline, so `switch_latency` x rate is in there uncounted; the pause
// frame waits for one packet that its own port has begun, and is itself sent; it travels `delay` while the peer fills
// the cable, which then holds another `delay` x rate; the peer reacts (pfc_reaction), and may have begun one packet
// more:
//   (2 delay + switch_latency) x rate + 2 (mtu + header_bytes) + pause frame + reaction.
// REQUIRES: rate > 0, the durations >= 0 and at most 1 s, rate at most 1 Pbps. Rounds up.
[[nodiscard]] Bytes pfc_headroom(Rate rate, Duration delay, Duration switch_latency, std::uint32_t mtu,
                                 std::uint32_t header_bytes);

}  // namespace weft
