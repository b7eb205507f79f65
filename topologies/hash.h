// What ECMP hashes: QP numbers, the RoCEv2 5-tuple, and a switch's hash of it.
#pragma once

#include <cstdint>

#include "fabric/ids.h"
#include "fabric/spec.h"
#include "fabric/wire/network_headers.h"

namespace weft {

// A bijection of 64 bits in which every input bit moves every output bit (Stafford's variant 13 of the MurmurHash3
// finalizer, as used by SplitMix64).
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// 2^64 / golden ratio: keeps consecutive indices far apart before they are mixed (SplitMix64's increment).
inline constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

// QP number that `owner` uses towards `peer`: 24 bits, never 0 or 1 (SMI and GSI, IBTA vol. 1 section 3.5.10). Both
// ends of a QP pair are found by swapping owner and peer. A function of its arguments only.
[[nodiscard]] std::uint32_t queue_pair_number(std::uint64_t seed, GpuId owner, GpuId peer, std::uint32_t channel,
                                              std::uint32_t qp);

using wire::kProtocolUdp;
using wire::kRoceV2Port;
inline constexpr std::uint32_t kMaxAddresses = 1U << 24;  // of 10.0.0.0/8

struct FiveTuple {
  std::uint32_t source_ip = 0, destination_ip = 0;
  std::uint16_t source_port = 0, destination_port = kRoceV2Port;
  std::uint8_t protocol = kProtocolUdp;
};

// Address of a NIC port: 10.0.0.0/8 plus its index. REQUIRES: index < kMaxAddresses.
[[nodiscard]] constexpr std::uint32_t port_address(PortId port) { return (10U << 24) | port.value; }

// 64-bit digests of what a switch hashes: the 5-tuple, or the 3-tuple (addresses and protocol).
[[nodiscard]] std::uint64_t digest_five_tuple(const FiveTuple& tuple);
[[nodiscard]] std::uint64_t digest_three_tuple(const FiveTuple& tuple);

// The hash of one switch. Range reduction is hash modulo group size, as merchant switches do for ECMP groups; under a
// shared seed two tiers with group sizes n and m then see h % n and h % m of the same h, which is what polarizes.
class SwitchHash {
 public:
  SwitchHash(const RoutingSpec& routing, std::uint64_t run_seed);

  // 32 well-mixed bits. Equal for all switches under HashSeed::kShared.
  [[nodiscard]] std::uint32_t operator()(std::uint64_t digest, std::uint32_t switch_id) const {
    const std::uint64_t salt = per_switch_ ? mix64(base_ + kGolden * (switch_id + 1ULL)) : base_;
    return static_cast<std::uint32_t>(mix64(digest ^ salt) >> 32);
  }

 private:
  std::uint64_t base_;
  bool per_switch_;
};

}  // namespace weft
