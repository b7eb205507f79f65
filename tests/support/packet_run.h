// Fabrics of round numbers and short ways to run a collective through the packet backend.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "emulator/packet/engine.h"
#include "fabric/measurement_json.h"
#include "tests/support/prediction.h"

namespace weft::testing {

// 100 Gb/s: a byte takes 80 ps. A packet of 4,096 B is 4,178 B on the line.
inline constexpr std::int64_t kPsPerByte = 80;
inline constexpr std::int64_t kMtu = 4096, kWire = 4178, kHeader = 82, kUsPs = 1'000'000;
// From the last bit out of one NIC to the last bit into another by one cut-through switch: two cables of 1 us, and the
// header that the switch has to see.
inline constexpr std::int64_t kPathPs = 2 * kUsPs + kHeader * kPsPerByte;

// Hosts of one GPU and one NIC of 100G on cables of 1 us; switches add no time, and nothing limits the rate.
inline FabricSpec plain_hosts(std::uint32_t hosts, std::uint32_t radix, std::uint32_t tiers) {
  FabricSpec s = fat_tree(hosts, radix, tiers);
  s.hosts.nic_rate = Rate::gbps(100);
  s.switches.latency = Duration::ns(0);
  s.links.host.delay = s.links.leaf_spine.delay = s.links.spine_core.delay = Duration::us(1);
  s.transport.congestion_control = CongestionControl::kNone;
  return s;
}
inline FabricSpec one_switch(std::uint32_t hosts) {
  FabricSpec s = plain_hosts(hosts, 64, 1);
  s.topology.kind = TopologyKind::kRailOnly;
  return s;
}
// One host of GPUs on a switch of their own, 100G and 1 us from GPU to GPU.
inline FabricSpec one_domain(std::uint32_t gpus) {
  FabricSpec s = one_switch(1);
  s.hosts.gpus = s.hosts.nics = s.hosts.rails = s.hosts.scale_up.domain_gpus = gpus;
  s.hosts.scale_up.rate_per_gpu = Rate::gbps(100);
  s.hosts.scale_up.latency = Duration::us(1);
  return s;
}

struct PacketRun {
  FabricSpec spec;
  PredictRequest request;
  std::uint64_t seed = 1;
  unsigned threads = 1;
  Progress progress{};
  const std::atomic<bool>* cancelled = nullptr;

  [[nodiscard]] Expected<Measurement> result() const {
    const auto topology = build_topology(spec);
    if (!topology) return tl::unexpected(topology.error());
    PredictRequest asked = request;
    asked.backend = BackendKind::kPacket;
    RunOptions options;
    options.seed = seed;
    options.threads = threads;
    options.progress = progress;
    options.cancelled = cancelled;
    return predict(**topology, asked, options);
  }
  // The result, or a failed test.
  [[nodiscard]] Measurement measure() const {
    auto m = result();
    if (!m) ADD_FAILURE() << m.error().text();
    return m ? std::move(*m) : Measurement{};
  }
  [[nodiscard]] std::int64_t time_ps() const {
    const Measurement m = measure();
    return m.operations.size() == 1 ? m.operations[0].time.picoseconds : -1;
  }
};

inline PacketRun packet_run(FabricSpec spec, CollectiveKind kind, std::string algorithm, std::int64_t bytes) {
  return {std::move(spec), ask(kind, std::move(algorithm), {Bytes{bytes}})};
}

}  // namespace weft::testing
