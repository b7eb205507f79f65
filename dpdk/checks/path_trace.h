// The path that each 5-tuple takes, hop by hop, from probes whose TTL ends at the hop: so the hash of a vendor need not
// be known. Routers must answer with ICMP time exceeded, and at the rate asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dpdk/checks/address.h"
#include "dpdk/checks/spread.h"
#include "dpdk/frame_io.h"
#include "fabric/error.h"
#include "fabric/units.h"
#include "fabric/wire/network_headers.h"

namespace weft::dpdk {

struct Probe {
  std::uint16_t source_port = 0;
  std::uint8_t ttl = 1;
};

struct ProbeAnswer {
  Probe probe;
  Address from;
  bool at_destination = false;  // "port unreachable": the path ends there
};

// Sends probes of one pair of hosts, and hears the answers.
class Prober {
 public:
  Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  virtual ~Prober() = default;
  [[nodiscard]] virtual Expected<void> send(const Probe& probe) = 0;
  // An answer that is there; waits `wait` at most.
  [[nodiscard]] virtual Expected<std::optional<ProbeAnswer>> receive(Duration wait) = 0;
};

// Plain UDP sockets, port 4791: needs no privilege. The destination must not listen there, or answers nothing.
// `source`: none: the host's own choice. Errors: kEnvironment.
[[nodiscard]] Expected<std::unique_ptr<Prober>> make_udp_prober(const Address& source, const Address& destination,
                                                                std::uint8_t dscp);

// RoCEv2 frames (RC SEND_ONLY to QP 0xFFFFFF's neighbour, which no NIC has), over a port.
struct FrameProbeHeaders {
  wire::EthernetHeader ethernet;
  Address source, destination;  // of one version
  std::uint8_t dscp = 26;
};
// Over IPv6 the flow label goes with the source port, as rdma-core has it: entropy for routers that hash the label.
[[nodiscard]] std::unique_ptr<Prober> make_frame_prober(FrameIo& io, const FrameProbeHeaders& headers);

struct TraceOptions {
  std::vector<std::uint16_t> source_ports;
  std::uint8_t first_hop = 1, last_hop = 8;
  unsigned attempts = 2;                 // a probe that nobody answers is sent as often
  Duration wait{Duration::us(500'000)};  // for answers, after the last probe of a round
  double probes_per_second = 500;        // routers limit the ICMP that they send
};

struct TracedPath {
  std::uint16_t source_port = 0;
  std::vector<Address> hops;  // from options.first_hop on; none: no answer
  bool reached = false;       // the destination answered
  bool operator==(const TracedPath&) const = default;
};

struct TraceResult {
  std::vector<TracedPath> paths;
  std::uint64_t probes = 0, answers = 0;
  bool interrupted = false;
};

// Hop by hop, all ports a hop. Ends where all paths have reached the destination, or at two hops without any answer.
[[nodiscard]] Expected<TraceResult> trace_paths(Prober& prober, const TraceOptions& options,
                                                const std::atomic<bool>& stop);

// How the flows spread over what stands at a hop (index into hops). `expected`: next hops that there should be; 0:
// those that were seen.
struct HopSpread {
  std::vector<std::pair<Address, std::uint64_t>> next_hops;  // address and flows, most first
  std::uint64_t silent = 0;                                  // flows of which this hop is not known
  std::uint64_t arrived = 0;  // flows that had reached the destination here or before: no next hop to choose
  Spread spread;
};
[[nodiscard]] HopSpread spread_at(const TraceResult& trace, std::size_t hop, std::size_t expected);

}  // namespace weft::dpdk
