// FabricSpec: what the user wrote in fabric.yaml, validated. docs/spec.md lists every field.
// Defaults are real products' values; the source stands beside each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabric/units.h"

namespace weft {

// GPUs that reach one another without a NIC (NVLink, NVSwitch). A domain is a run of consecutive
// GPUs: a host, a part of it, or several hosts (a rack of 72).
struct ScaleUpSpec {
  std::uint32_t domain_gpus = 8;  // 1 means none
  Rate rate_per_gpu =
      Rate::gbps(3600);  // one direction; H100: 18 NVLink4 links x 25 GB/s = 450 GB/s (NVIDIA H100 datasheet)
  Duration latency = Duration::ns(1000);  // GPU to GPU through the domain's switch, zero bytes
  bool in_network_reduction = true;       // NVLS: the domain's switch adds up (NVSwitch 3 and later)
  bool operator==(const ScaleUpSpec&) const = default;
};

struct HostsSpec {
  std::uint32_t count = 0;   // required
  std::string gpu = "H100";  // generation: picks the latency and protocol constants of emulator/calibration
  std::uint32_t gpus = 8;    // per host
  std::uint32_t nics = 8;    // per host; GPU i uses NIC i*nics/gpus (several NICs per GPU where nics > gpus)
  std::uint32_t ports_per_nic = 1;
  Rate nic_rate = Rate::gbps(400);  // whole NIC; a port has nic_rate / ports_per_nic (ConnectX-7)
  std::uint32_t rails = 8;          // NIC i is on rail i % rails; default nics
  ScaleUpSpec scale_up;
  bool operator==(const HostsSpec&) const = default;
};

enum class TopologyKind : std::uint8_t { kFatTree, kRailOptimized, kRailOnly, kMultiPlane, kDualTor, kExplicit };
enum class RailJoin : std::uint8_t { kSpine, kCore, kNever };  // the lowest tier at which two rails meet
enum class PlaneSplit : std::uint8_t { kPort, kNic };          // port j of each NIC, or NIC i, is on plane j / i

enum class NodeKind : std::uint8_t { kGpu, kScaleUpSwitch, kNicPort, kLeaf, kSpine, kCore };

struct ExplicitSwitch {
  std::string name;
  NodeKind kind = NodeKind::kLeaf;
  bool operator==(const ExplicitSwitch&) const = default;
};
struct ExplicitLink {
  std::string a, b;          // a switch's name, or a NIC port: "host3.nic1" or "host3.nic1.port0"
  std::optional<Rate> rate;  // default: the port's rate
  std::optional<Duration> delay;
  std::uint32_t count = 1;  // parallel links
  bool operator==(const ExplicitLink&) const = default;
};

struct TopologySpec {
  TopologyKind kind = TopologyKind::kFatTree;
  std::uint32_t tiers = 2;              // 1 (rail_only), 2 or 3
  double leaf_oversubscription = 1.0;   // bandwidth down / up of a full leaf
  double spine_oversubscription = 1.0;  // bandwidth down / up of a full spine (3 tiers)
  // Overrides of what radix and oversubscription give; ports of that tier's switch.
  std::optional<std::uint32_t> leaf_down, leaf_up, spine_down, spine_up;
  std::optional<std::uint32_t>
      spines;  // 2 tiers: spines per plane; 3 tiers: per pod. Default: as few as the uplinks need
  std::optional<std::uint32_t> leaves_per_pod;  // 3 tiers; default: what the spine's down ports allow

  // rail_optimized
  RailJoin join = RailJoin::kSpine;
  std::optional<std::uint32_t> hosts_per_unit;  // hosts that share a set of leaves (scalable unit); default leaf_down

  // multi_plane
  PlaneSplit split = PlaneSplit::kPort;
  std::uint32_t planes = 1;

  // dual_tor (HPN, SIGCOMM'24): two ToRs per rail and segment, one on each plane
  std::uint32_t segment_hosts = 128;
  std::uint32_t backup_ports = 8;  // ToR ports kept for spare hosts
  std::uint32_t segments_per_pod = 15;

  // explicit
  std::vector<ExplicitSwitch> switches;
  std::vector<ExplicitLink> links;
  bool operator==(const TopologySpec&) const = default;
};

// Random early marking, SIGCOMM'15 (DCQCN). Used by the packet engine.
struct EcnSpec {
  Bytes kmin{400'000}, kmax{1'600'000};  // per 100G of port rate 400/1600 KB, as in the published HPCC ns-3 set-up
  double pmax = 0.2;
  bool operator==(const EcnSpec&) const = default;
};

struct SwitchSpec {
  std::string model;             // free text: the chip, for readers
  std::optional<Rate> capacity;  // e.g. 51.2Tbps; radix x port rate must not exceed it
  std::uint32_t leaf_radix = 64, spine_radix = 64, core_radix = 64;  // ports at the tier's port rate
  Duration latency =
      Duration::ns(600);  // port to port, cut-through, zero queue (51.2T Ethernet chips: 600-800 ns, vendors' briefs)
  Bytes buffer{64'000'000};  // shared
  EcnSpec ecn;
  bool pfc = true;
  bool operator==(const SwitchSpec&) const = default;
};

struct LinkTierSpec {
  std::optional<Rate> rate;            // per link; default: the NIC port's rate
  Duration delay = Duration::ns(150);  // propagation, one direction: 30 m of fibre at 5 ns/m
  bool operator==(const LinkTierSpec&) const = default;
};
struct LinksSpec {
  LinkTierSpec host, leaf_spine, spine_core;
  bool operator==(const LinksSpec&) const = default;
};

enum class RoutingKind : std::uint8_t { kEcmp, kSpray, kAdaptive, kStatic };
enum class HashSeed : std::uint8_t { kPerSwitch, kShared };  // shared: every switch hashes alike (polarization)

struct RoutingSpec {
  RoutingKind kind = RoutingKind::kEcmp;
  HashSeed hash_seed = HashSeed::kPerSwitch;
  std::uint64_t seed = 1;            // ECMP seeds of the switches derive from it
  bool hash_udp_source_port = true;  // false: 3-tuple, all QPs of a pair take one path
  bool resilient =
      true;  // a lost member moves only its own flows (resilient hashing); false: hash mod the members left
  bool operator==(const RoutingSpec&) const = default;
};

enum class CongestionControl : std::uint8_t { kDcqcn, kHpcc, kSwift, kTimely, kDctcp, kNscc, kNone };

enum class TransportKind : std::uint8_t { kRoce, kInfiniband, kEfa };

struct TransportSpec {
  TransportKind kind = TransportKind::kRoce;  // with hosts.gpu picks the constants of emulator/calibration
  std::uint32_t mtu = 4096;                   // RoCE path MTU, bytes of payload: 256, 512, 1024, 2048, 4096
  std::uint32_t header_bytes = 82;       // per packet on the wire, RC WRITE with preamble, FCS and gap (docs/spec.md)
  std::uint32_t qps_per_connection = 1;  // NCCL_IB_QPS_PER_CONNECTION default (NCCL user guide)
  CongestionControl congestion_control = CongestionControl::kDcqcn;
  bool operator==(const TransportSpec&) const = default;
};

enum class FailureTarget : std::uint8_t { kLink, kSwitch };
enum class LinkTier : std::uint8_t { kScaleUp, kHost, kLeafSpine, kSpineCore };

// One line of `failures`: a named part, or `count` / `fraction` random parts of a tier.
struct FailureSpec {
  FailureTarget target = FailureTarget::kLink;
  std::string name;                     // a link's or switch's name as weft topo prints it; empty: random
  std::optional<LinkTier> link_tier;    // random links
  std::optional<NodeKind> switch_tier;  // random switches
  std::optional<std::uint32_t> count;
  std::optional<double> fraction;  // 0..1
  double rate_factor = 0.0;        // 0: dead; 0.25: runs at a quarter of its rate (both directions)
  std::uint64_t seed = 1;
  bool operator==(const FailureSpec&) const = default;
};

struct PartPrice {
  double dollars = 0, watts = 0;
  std::string source;
  bool operator==(const PartPrice&) const = default;
};
// Unit prices and powers; what is absent is not counted. weft topo prints the sums.
struct PartsSpec {
  std::optional<PartPrice> leaf_switch, spine_switch, core_switch, nic, host_link, leaf_spine_link, spine_core_link;
  bool operator==(const PartsSpec&) const = default;
};

struct FabricSpec {
  std::string name;
  HostsSpec hosts;
  TopologySpec topology;
  SwitchSpec switches;  // key `switch`
  LinksSpec links;
  RoutingSpec routing;
  TransportSpec transport;
  std::vector<FailureSpec> failures;
  PartsSpec parts;

  bool operator==(const FabricSpec&) const = default;
  [[nodiscard]] std::uint32_t gpu_count() const { return hosts.count * hosts.gpus; }
  [[nodiscard]] Rate port_rate() const { return Rate{hosts.nic_rate.bits_per_second / hosts.ports_per_nic}; }
};

}  // namespace weft
