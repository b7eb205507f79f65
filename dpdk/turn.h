// A stamped frame turned around: it goes back to where it came from with its payload, and with an ICRC as right as it
// had. No DPDK in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dpdk/clock.h"
#include "fabric/wire/icrc_patch.h"

namespace weft::dpdk {

// First 16 bytes of a payload that has room for them: when it was sent, and by whose clock.
struct Stamp {
  static constexpr std::size_t kSize = 16;
  static constexpr std::uint32_t kMagic = 0x74666577;   // "weft", on its way out
  static constexpr std::uint32_t kTurned = 0x54464557;  // "WEFT", on its way back
  std::uint64_t ticks = 0;
  std::uint32_t magic = kMagic, epoch = 0;
};

// The payload's stamp, in either direction; nullopt where it has none.
[[nodiscard]] std::optional<Stamp> find_stamp(std::span<const std::uint8_t> frame, const wire::FrameLayout& layout);

class Turner {
 public:
  // Swaps MAC and IP addresses, has the stamp say that it was turned, and gives it a full TTL: it is a new journey. UDP
  // ports stay: 4791 is where RoCEv2 arrives, and the source port is the flow's entropy. So do DSCP and ECN: a mark of
  // either way is seen by the sender. The ICRC is patched, not made anew, so that a wrong one stays wrong.
  // REQUIRES: layout is that of this frame, find_stamp() finds one.
  void turn(std::span<std::uint8_t> frame, const wire::FrameLayout& layout);

 private:
  // For frames of one layout; the size of the payload counts, for terms depend on the distance from the ICRC.
  struct Patches {
    wire::FrameLayout layout;
    std::vector<wire::IcrcPatch> of;  // each of 8 bytes of addresses, the last of the stamp's magic
  };
  [[nodiscard]] Patches& patches_for(const wire::FrameLayout& layout);
  std::vector<std::unique_ptr<Patches>> known_;  // the last used first
};

}  // namespace weft::dpdk
