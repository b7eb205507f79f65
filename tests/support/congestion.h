// Parameters for tests of emulator/packet/congestion.
#pragma once

#include "emulator/packet/congestion/congestion.h"

namespace weft::packet::testing {

inline constexpr Ps kUs = 1'000'000;

// A NIC port of that rate; packets of 1,000 B payload without headers unless said otherwise, so that hand calculation
// is easy.
inline CongestionParams nic(weft::CongestionControl kind, std::int64_t gbps, std::uint32_t payload = 1000,
                            std::uint32_t wire = 1000) {
  CongestionParams params{
      .line_ps_per_byte = 8000.0 / static_cast<double>(gbps), .packet_payload = payload, .packet_wire = wire};
  params.transport.congestion_control = kind;
  return params;
}

// Gb/s that the gate lets through.
inline double gbps(const CongestionControl& control) { return 8000 / control.ps_per_byte(); }

}  // namespace weft::packet::testing
