#include "topologies/hash.h"

#include "topologies/routing.h"

namespace weft {

std::uint32_t queue_pair_number(std::uint64_t seed, GpuId owner, GpuId peer, std::uint32_t channel, std::uint32_t qp) {
  const std::uint64_t pair = (std::uint64_t{owner.value} << 32) | peer.value;
  const std::uint64_t which = (std::uint64_t{channel} << 32) | qp;
  const std::uint64_t h = mix64(mix64(pair ^ mix64(seed + kGolden)) + kGolden * (which + 1));
  constexpr std::uint32_t kReserved = 2;
  constexpr std::uint32_t kNumbers = (1U << 24) - kReserved;
  return kReserved + static_cast<std::uint32_t>((h >> 32) % kNumbers);
}

std::uint64_t digest_three_tuple(const FiveTuple& t) {
  const std::uint64_t addresses = (std::uint64_t{t.source_ip} << 32) | t.destination_ip;
  return mix64(addresses + kGolden * t.protocol);
}

std::uint64_t digest_five_tuple(const FiveTuple& t) {
  const std::uint64_t ports = (std::uint64_t{t.source_port} << 16) | t.destination_port;
  return mix64(digest_three_tuple(t) + kGolden * ports);
}

SwitchHash::SwitchHash(const RoutingSpec& routing, std::uint64_t run_seed)
    : base_(mix64(mix64(routing.seed + kGolden) ^ (run_seed * kGolden))),
      per_switch_(routing.hash_seed == HashSeed::kPerSwitch) {}

}  // namespace weft
