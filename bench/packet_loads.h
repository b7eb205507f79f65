// The loads of the packet engine's benchmarks: fabrics, messages, and what a run of them took.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "fabric/spec.h"

namespace weft::bench {

// Single-NIC hosts of 100 Gb/s under a full, non-blocking fat tree: links of 1 us, MTU 4096, DCQCN, PFC and ECN on,
// ECMP, an ACK every 16 packets.
[[nodiscard]] FabricSpec fat_tree(std::uint32_t radix, std::uint32_t tiers, std::uint32_t hosts);

struct Message {
  std::uint32_t from, to;  // GPUs: with one a host, hosts
};
// Every host sends to one other and hears from one other.
[[nodiscard]] std::vector<Message> permutation(std::uint32_t hosts, std::uint64_t seed);
[[nodiscard]] std::vector<Message> all_to_all(std::uint32_t hosts);
// A step of a ring: GPU i sends to GPU i + distance.
[[nodiscard]] std::vector<Message> shift(std::uint32_t gpus, std::uint32_t distance);
// Hosts 1 to n send to host 0.
[[nodiscard]] std::vector<Message> incast(std::uint32_t n);

struct PacketLoad {
  FabricSpec fabric;
  std::vector<Message> messages;  // each a QP
  std::int64_t bytes = 0;         // of a message
  std::uint32_t repeat = 1;       // messages one after the other on each QP
  double until = 0;               // s simulated: ends the run early; 0: when all messages are received
  double most_bytes = 0;          // of resident memory: ends the run early; 0: any
};

struct LoadResult {
  std::uint64_t hops = 0;     // data packets x links
  std::uint64_t packets = 0;  // data packets that NICs started
  std::uint64_t events = 0;   // of the simulator
  std::uint64_t acks = 0, cnps = 0, marks = 0, pauses = 0, drops = 0, retransmissions = 0;
  double setup_cpu = 0, run_cpu = 0;  // s
  double setup_bytes = 0;             // resident memory that set-up added
  double end_bytes = 0;               // and all, when the run ended; topology not counted
  double peak_bytes = 0;              // of the process
  std::uint64_t links = 0, most_frames = 0;
  std::uint64_t received = 0;  // messages
  double simulated = 0;        // s
  bool finished = false;

  [[nodiscard]] double rate() const { return static_cast<double>(hops) / run_cpu; }
};

// Runs in this process, which must not have used ns-3's simulator. Exits (3) where the fabric cannot be built.
[[nodiscard]] LoadResult run_load(const PacketLoad& load);

}  // namespace weft::bench
