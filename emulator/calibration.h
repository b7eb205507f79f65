// Constants: the latencies and efficiencies that hardware adds to the wire, one set for each GPU
// generation and transport, calibrated on the published cases in tests/validation/testbeds.yaml and on nothing else.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "fabric/error.h"
#include "fabric/spec.h"
#include "fabric/units.h"

namespace weft {

// One of NCCL's protocols: what a step costs and how much of the bandwidth is payload.
struct ProtocolConstants {
  std::string_view name;
  Duration base;            // launch and synchronisation of one operation
  Duration scale_up_step;   // one hop inside the scale-up domain
  Duration scale_out_step;  // one hop through the NIC, without the fabric's own propagation and switch latency
  double bandwidth = 1;     // share of the bandwidth left for payload
};

struct Constants {
  std::string generation, transport;
  // Shares of the scale-up rate per GPU that reach a collective.
  double ring_scale_up = 1;  // rings, trees, chains
  double nvls_scale_up = 1;  // in-network reduction
  double pair_scale_up = 1;  // point to point: all_to_all, sendrecv, patterns
  // Shares of the NIC's payload rate, MTU / (MTU + headers) already taken off.
  double ring_scale_out = 1;
  double pair_scale_out = 1;
  bool count_headers = true;      // false: the NIC's rate is all payload (ideal)
  bool count_congestion = false;  // links lose what congestion control leaves idle (emulator/congestion_efficiency)
  bool count_path_delay = true;   // add propagation and switch latency to each step
  // Pipelined phases overlap in chunks of this many bytes a rank; 0: infinitely small chunks.
  Bytes pipeline_chunk{0};
  double nic_message_rate = 0;                   // messages a second that one NIC can start; 0: no limit
  std::array<ProtocolConstants, 2> protocols{};  // low latency, full bandwidth

  // Line rate, no latency: what closed forms without an alpha term assume.
  [[nodiscard]] static Constants ideal();

  // Headers, propagation, switches and the scale-up domain's latency as the fabric file has them; nothing of GPUs and
  // software. What the packet engine simulates.
  [[nodiscard]] static Constants wire(const FabricSpec& spec);
};

// The constants of spec.hosts.gpu and spec.transport.kind. Errors: kInput for a generation without constants.
[[nodiscard]] Expected<Constants> constants_for(const FabricSpec& spec);

// Share of the NIC's rate that is payload: MTU / (MTU + headers), or 1 where headers do not count.
[[nodiscard]] double payload_share(const FabricSpec& spec, const Constants& constants);

}  // namespace weft
