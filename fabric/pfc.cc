#include "fabric/pfc.h"

#include <array>

namespace weft {
namespace {

__extension__ using Wide = __int128;

// What passes in `time`, rounded up to a byte.
Bytes passing(Rate rate, Duration time) {
  constexpr Wide kBitPicosecondsPerByte = Wide{8} * 1'000'000'000'000;
  const Wide bit_picoseconds = static_cast<Wide>(rate.bits_per_second) * time.picoseconds;
  return Bytes{static_cast<std::int64_t>((bit_picoseconds + kBitPicosecondsPerByte - 1) / kBitPicosecondsPerByte)};
}

}  // namespace

Bytes pfc_reaction(Rate rate) {
  struct Speed {
    std::int64_t gbps, quanta;
  };
  constexpr std::array kSpeeds{Speed{10, 60},   Speed{25, 80},   Speed{40, 118}, Speed{50, 147},
                               Speed{100, 394}, Speed{200, 453}, Speed{400, 905}};
  constexpr Bytes kQuantum{512 / 8};
  for (const Speed& speed : kSpeeds)
    if (rate <= Rate::gbps(speed.gbps)) return kQuantum * speed.quanta;
  return kQuantum * kSpeeds.back().quanta;
}

Bytes pfc_headroom(Rate rate, Duration delay, Duration switch_latency, std::uint32_t mtu, std::uint32_t header_bytes) {
  const Bytes packet{std::int64_t{mtu} + header_bytes};
  return passing(rate, delay * 2 + switch_latency) + packet * 2 + kPfcFrame + pfc_reaction(rate);
}

}  // namespace weft
