// Where QPs enter the network: a NIC port (or a GPU's scale-up port) that takes one packet after another from those of
// its QPs that may send.
#pragma once

#include <array>
#include <cstdint>

#include "emulator/packet/port.h"

namespace weft::packet {

struct Injector {
  struct Ring {  // QPs that may send now, in turn
    std::uint32_t head = kNone, tail = kNone;
  };
  std::array<Ring, kPriorities> ring;
  std::uint8_t nonempty = 0;  // priorities with a QP in the ring
  std::uint32_t link = kNone;
  std::uint32_t paced = kNone;  // root of a pairing heap by Qp::next_send: QPs whose pacing lets them send later
  Ps bus_free_at = 0;           // PCIe, reading
  Ps drain_at = 0;              // PCIe, writing: when all that was received is in memory
  Ps last_cnp = -1;             // CNP limit by port
};

}  // namespace weft::packet
