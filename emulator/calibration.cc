#include "emulator/calibration.h"

#include <fmt/format.h>

namespace weft {
namespace {

// Step latencies of the low-latency protocol and of Simple inside the domain are those of NCCL's own tuning model
// (src/graph/tuning.cc, 2.2x: base 6.8 us; NVLink 0.6 us LL, 4 us Simple; network 5 us LL, 14 us Simple). Where a
// published case contradicts them for a transport the case wins; it is named beside the value.
constexpr Duration kBase = Duration::ns(6'800);
constexpr Duration kLlUp = Duration::ns(600), kSimpleUp = Duration::us(4);

struct ScaleUpRow {
  std::string_view generation;
  double ring, nvls, pair;  // shares of the spec's rate per GPU
  Bytes chunk;              // of a shard; leaves one pipeline stage before the next enters
};
constexpr Bytes kib(std::int64_t n) { return Bytes{n * 1024}; }
// Each share is published busbw / (rate x busbw factor / wire factor). Chunks: NCCL's network buffer of 4 MiB in 8
// slots (A100); 1 MiB fits h100-nvlstree-scaling from 4M to 1G; 2.5 MiB is the fixed 0.4 ms of gb200-1rack, 512M to 2G.
constexpr std::array kScaleUp{
    ScaleUpRow{"A100", 0.773, 0.0, 0.700,
               kib(512)},  // 232, 210 GB/s of 300 (hgx-h100-large-allreduce, nvidia-alltoall)
    ScaleUpRow{"H100", 0.822, 0.686, 0.711, kib(1024)},  // 370, 480, 320 GB/s of 450 (same)
    ScaleUpRow{"H800", 0.822, 0.686, 0.711, kib(1024)},  // no case of its own: the same chip as H100 with fewer links
    ScaleUpRow{"H200", 0.814, 0.676, 0.711, kib(1024)},  // 366, 473 GB/s of 450 (h200-1n-nvls-by-gpus); pair as H100
    ScaleUpRow{"B200", 0.778, 0.607, 0.711,
               kib(1024)},  // 700, 850, 640 GB/s of 900 (hgx-h100-large-allreduce, nvidia-alltoall)
    ScaleUpRow{"GB200", 0.767, 0.480, 0.711,
               kib(2560)},  // 680, 839, 640 GB/s of 900 in a domain of 72 (same; gb200-1rack); chunk: the 0.4 ms that 1
                            // rack takes at any size
};

struct ScaleOutRow {
  std::string_view generation;
  TransportKind transport;
  double ring, pair;  // shares of the payload rate
  Duration ll_step, simple_step, simple_base;
};
constexpr Duration us(std::int64_t n) { return Duration::us(n); }
// Rings: 192/200 GB/s (A100), 379/400 GB/s (h100-nvlstree-scaling at 16G), over 0.980 of headers; pairs: 24 of 32.3
// and 48 of 64.6 GB/s (nvidia-alltoall, 32 GPUs). EFA: 78.3 of 93.8 (aws-p4de), 310 of 400 (h200-4n-algorithm);
// its step from the 8-byte latencies (164 us, 69 us). RoCE ring: 328.9 of 400 (gcp-a3ultra-allgather).
// InfiniBand's step and base of Simple fit h100-nvlstree-scaling, 4M to 1G.
// Without a case of their own, and so copied: RoCE's step and base, and all of H800, B200 and GB200, from H100 over
// InfiniBand; pair shares of EFA from InfiniBand. EFA's Simple step of 60 us and base of 35 us are set between its
// 8-byte latency and aws-p5 at 16M, and leave +29 % at 64M (docs/validation.md).
constexpr std::array kScaleOut{
    ScaleOutRow{"A100", TransportKind::kInfiniband, 0.980, 0.758, us(5), us(14), us(8)},
    ScaleOutRow{"A100", TransportKind::kRoce, 0.980, 0.758, us(5), us(14), us(8)},
    ScaleOutRow{"A100", TransportKind::kEfa, 0.852, 0.758, us(75), us(75), us(8)},
    ScaleOutRow{"H100", TransportKind::kInfiniband, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H100", TransportKind::kRoce, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H100", TransportKind::kEfa, 0.791, 0.758, us(29), us(60), us(35)},
    ScaleOutRow{"H800", TransportKind::kInfiniband, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H800", TransportKind::kRoce, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H200", TransportKind::kInfiniband, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H200", TransportKind::kRoce, 0.839, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"H200", TransportKind::kEfa, 0.791, 0.758, us(29), us(60), us(35)},
    ScaleOutRow{"B200", TransportKind::kInfiniband, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"B200", TransportKind::kRoce, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"GB200", TransportKind::kInfiniband, 0.967, 0.758, us(5), us(16), us(20)},
    ScaleOutRow{"GB200", TransportKind::kRoce, 0.967, 0.758, us(5), us(16), us(20)},
};

// ConnectX-7 product brief: 330 to 370 million messages a second.
constexpr double kNicMessageRate = 330e6;
// LL sends 4 bytes of flag with 4 of data (NCCL user guide, NCCL_PROTO).
constexpr double kLlBandwidth = 0.5;

std::string_view name_of(TransportKind kind) {
  switch (kind) {
    case TransportKind::kRoce:
      return "roce";
    case TransportKind::kInfiniband:
      return "infiniband";
    case TransportKind::kEfa:
      return "efa";
  }
  return "unknown";
}

}  // namespace

Constants Constants::ideal() {
  Constants c;
  c.generation = "ideal";
  c.transport = "ideal";
  c.count_headers = false;
  c.count_path_delay = false;
  c.protocols = {ProtocolConstants{"ideal", {}, {}, {}, 1}, ProtocolConstants{"ideal", {}, {}, {}, 1}};
  return c;
}

Constants Constants::wire(const FabricSpec& spec) {
  Constants c = ideal();
  c.generation = c.transport = "wire";
  c.count_headers = true;
  c.count_congestion = true;
  c.count_path_delay = true;
  const ProtocolConstants protocol{"wire", {}, spec.hosts.scale_up.latency, {}, 1};
  c.protocols = {protocol, protocol};
  return c;
}

Expected<Constants> constants_for(const FabricSpec& spec) {
  Constants c;
  c.generation = spec.hosts.gpu;
  c.transport = name_of(spec.transport.kind);
  c.nic_message_rate = kNicMessageRate;
  for (const ScaleUpRow& up : kScaleUp) {
    if (up.generation != spec.hosts.gpu) continue;
    for (const ScaleOutRow& out : kScaleOut) {
      if (out.generation != spec.hosts.gpu || out.transport != spec.transport.kind) continue;
      c.pipeline_chunk = up.chunk;
      c.ring_scale_up = up.ring;
      c.nvls_scale_up = up.nvls;
      c.pair_scale_up = up.pair;
      c.ring_scale_out = out.ring;
      c.pair_scale_out = out.pair;
      c.protocols = {ProtocolConstants{"LL", kBase, kLlUp, out.ll_step, kLlBandwidth},
                     ProtocolConstants{"Simple", out.simple_base, kSimpleUp, out.simple_step, 1}};
      return c;
    }
  }
  return input_error("no calibrated constants for this GPU generation and transport",
                     fmt::format("{} over {}", spec.hosts.gpu, c.transport),
                     "use --constants ideal, or a pair listed in docs/spec.md");
}

double payload_share(const FabricSpec& spec, const Constants& constants) {
  const double mtu = spec.transport.mtu;
  return constants.count_headers ? mtu / (mtu + spec.transport.header_bytes) : 1.0;
}

}  // namespace weft
