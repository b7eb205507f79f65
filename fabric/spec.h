// FabricSpec: what the user wrote in fabric.yaml, validated. docs/spec.md lists every field.
// Defaults are real products' values; the source stands beside each.
#pragma once

#include <algorithm>
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
  std::optional<Rate> pcie_rate;    // what the host bus moves for one NIC, one direction; absent: never the limit
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

enum class QueueScheduling : std::uint8_t { kStrict, kDwrr };

// The last four groups are read by the packet engine only.
struct SwitchSpec {
  std::string model;             // free text: the chip, for readers
  std::optional<Rate> capacity;  // e.g. 51.2Tbps; radix x port rate must not exceed it
  std::uint32_t leaf_radix = 64, spine_radix = 64, core_radix = 64;  // ports at the tier's port rate
  Duration latency =
      Duration::ns(600);  // port to port, cut-through, zero queue (51.2T Ethernet chips: 600-800 ns, vendors' briefs)
  Bytes buffer{64'000'000};  // shared
  EcnSpec ecn;
  bool pfc = true;
  std::string lossless_priorities = "3";  // under PFC, "3" or "3,4"; fabric/priorities.h reads it
  // Dynamic thresholds (A. Choudhury, E. Hahne, 1998): a queue may take alpha x what is free of the shared buffer,
  // alpha = 2^dynamic_th. SONiC's buffer profiles: lossless ingress counters have -3 (1/8: pg_lossless_40000_5m) to 0
  // (1: all of the Tomahawk 5 Arista 7060X6), lossy egress queues 0 (egress_lossy_profile).
  double alpha_ingress = 0.125, alpha_egress = 1.0;
  std::optional<Bytes> xoff;  // pause threshold of a port and priority; absent: alpha_ingress x free
  Bytes xon_offset{3'556};    // resumes this far below the threshold: 14 cells of 254 B, SONiC's pg_profile_lookup.ini
                              // of the 7060X6 at 400G (2,288 in those of older chips)
  std::optional<Bytes> headroom;  // of a port and lossless priority; absent: pfc_headroom() of its link (fabric/pfc.h)
  QueueScheduling scheduling = QueueScheduling::kStrict;
  std::string weights;      // DWRR: "3=4,5=1", priority=weight; priorities not named have weight 1
  bool cut_through = true;  // a packet leaves before its tail is in, where rates allow
  bool trimming = false;    // what would be dropped loses its payload instead (UEC; NDP, SIGCOMM'17)
  bool operator==(const SwitchSpec&) const = default;
};

struct LinkTierSpec {
  std::optional<Rate> rate;            // per link; default: the NIC port's rate
  Duration delay = Duration::ns(150);  // propagation, one direction: 30 m of fibre at 5 ns/m
  double bit_error_rate = 0;           // after FEC; packet engine. IEEE 802.3 asks for < 1e-12
  bool operator==(const LinkTierSpec&) const = default;
};
struct LinksSpec {
  LinkTierSpec host, leaf_spine, spine_core;
  bool operator==(const LinksSpec&) const = default;
};

enum class RoutingKind : std::uint8_t { kEcmp, kSpray, kAdaptive, kStatic, kFlowlet };
enum class AdaptiveUnit : std::uint8_t { kFlow, kPacket };
enum class HashSeed : std::uint8_t { kPerSwitch, kShared };  // shared: every switch hashes alike (polarization)

struct RoutingSpec {
  RoutingKind kind = RoutingKind::kEcmp;
  HashSeed hash_seed = HashSeed::kPerSwitch;
  std::uint64_t seed = 1;            // ECMP seeds of the switches derive from it
  bool hash_udp_source_port = true;  // false: 3-tuple, all QPs of a pair take one path
  bool resilient =
      true;  // a lost member moves only its own flows (resilient hashing); false: hash mod the members left
  // Packet engine. Fluid: flowlet is ecmp, adaptive places whole flows.
  std::uint32_t spray_paths = 0;  // spray over this many hashed paths of each QP; 0: any next hop at every switch
  AdaptiveUnit adaptive_unit = AdaptiveUnit::kFlow;
  Duration flowlet_gap = Duration::us(50);  // idle time after which a flow may move; what public ns-3 code of LetFlow
                                            // (NSDI'17) defaults to; CONGA's (SIGCOMM'14) has 500 us
  Duration convergence = Duration::us(1'000);  // from a link's death to its removal from groups (assumed: BFD class)
  bool operator==(const RoutingSpec&) const = default;
};

enum class CongestionControl : std::uint8_t { kDcqcn, kHpcc, kSwift, kTimely, kDctcp, kNscc, kNone };

enum class LossRecovery : std::uint8_t { kGoBackN, kSelectiveRepeat };
enum class CnpLimit : std::uint8_t { kQp, kPort };

// DCQCN (SIGCOMM'15) as a ConnectX has it: NVIDIA's names and defaults ("DCQCN CC Parameters" of the DOCA
// documentation; mlxconfig shows the same of a NIC).
struct DcqcnSpec {
  Duration rpg_time_reset = Duration::us(300);  // without CNP, between rate increases
  // Sent, between rate increases; 0: never. mlxconfig's help: "Given in Bytes (0=DISABLED)", and so NVIDIA's FreeBSD
  // driver (mlx5_ib, rp_byte_reset) and IEEE 802.1Qau. The same help once gave a default of 150, and 802.1Qau's is
  // 150,000: firmware may count in KB; no text of the vendor's says so.
  Bytes rpg_byte_reset{32'767};
  std::uint32_t rpg_threshold = 1;  // F: fast recovery steps
  Rate rpg_ai_rate{5'000'000}, rpg_hai_rate{50'000'000};
  double rpg_min_dec_fac = 0.5;  // one CNP leaves at least this share of the rate
  Rate rpg_min_rate{1'000'000};
  double g = 5.0 / 1024;                   // dce_tcp_g 1019: 1-g in 1/1024
  Duration dce_tcp_rtt = Duration::us(1);  // alpha timer
  Duration rate_reduce_monitor_period = Duration::us(4);
  Duration min_time_between_cnps = Duration::us(4);
  CnpLimit cnp_limit = CnpLimit::kQp;
  double initial_alpha = 1;  // the paper's; a ConnectX has 1023/1024
  bool clamp_tgt_rate = false;
  bool clamp_tgt_rate_after_time_inc = true;
  bool operator==(const DcqcnSpec&) const = default;
};
// HPCC (SIGCOMM'19), its evaluation's values.
struct HpccSpec {
  double eta = 0.95;
  std::uint32_t max_stage = 5;
  std::optional<Bytes> additive_increase;  // W_ai; absent: W_init (1 - eta) / flows_expected
  std::uint32_t flows_expected = 100;      // N of the rule for W_ai
  bool operator==(const HpccSpec&) const = default;
};
// Swift (SIGCOMM'20).
struct SwiftSpec {
  std::optional<Duration> base_target;  // absent: the path's own round trip plus `target_queue`
  Duration target_queue = Duration::us(5);
  Duration hop_scale = Duration::ns(0);   // per hop; 0: the round trip counts the hops already
  double beta = 0.8, max_decrease = 0.5;  // multiplicative decrease
  double additive_increase = 1;           // packets per round trip
  double fs_max_cwnd = 100, fs_min_cwnd = 0.1;
  Duration fs_range = Duration::us(5);
  bool operator==(const SwiftSpec&) const = default;
};
// TIMELY (SIGCOMM'15).
struct TimelySpec {
  Duration t_low = Duration::us(50), t_high = Duration::us(500);
  double ewma = 0.875, beta = 0.8;
  Rate additive_increase{10'000'000};
  std::uint32_t hai_threshold = 5;
  std::optional<Duration> min_rtt;  // absent: the path's own
  bool operator==(const TimelySpec&) const = default;
};
// DCTCP (SIGCOMM'10).
struct DctcpSpec {
  double g = 1.0 / 16;
  double initial_window_packets = 10;
  bool operator==(const DctcpSpec&) const = default;
};
// NSCC of the UEC specification 1.0 (section 3.6.13), its recommended values. With MTUs m, a = BDP / (100 Gbps x 12 us)
// and b = target / 12 us: alpha is in m a b / target, eta in m a, fast_increase_scale in a.
struct NsccSpec {
  std::optional<Duration> target_queuing_delay;  // absent: a round trip, or 0.75 of it where switches trim
  double max_window_bdps = 1.5;
  double alpha = 4, fast_increase_scale = 0.25, gamma = 0.8, eta = 0.15;
  bool operator==(const NsccSpec&) const = default;
};

enum class TransportKind : std::uint8_t { kRoce, kInfiniband, kEfa };

struct TransportSpec {
  TransportKind kind = TransportKind::kRoce;  // with hosts.gpu picks the constants of emulator/calibration
  std::uint32_t mtu = 4096;                   // RoCE path MTU, bytes of payload: 256, 512, 1024, 2048, 4096
  std::uint32_t header_bytes = 82;       // per packet on the wire, RC WRITE with preamble, FCS and gap (docs/spec.md)
  std::uint32_t qps_per_connection = 1;  // NCCL_IB_QPS_PER_CONNECTION default (NCCL user guide)
  CongestionControl congestion_control = CongestionControl::kDcqcn;
  // All below: packet engine.
  DcqcnSpec dcqcn;
  HpccSpec hpcc;
  SwiftSpec swift;
  TimelySpec timely;
  DctcpSpec dctcp;
  NsccSpec nscc;
  // Most in flight of a QP. Absent: none for dcqcn and timely; what hpcc (1 x rate x round trip) and nscc
  // (max_window_bdps x) say themselves; else 1.5 x rate x round trip.
  std::optional<Bytes> window;
  LossRecovery recovery = LossRecovery::kGoBackN;
  std::uint32_t ack_every = 16;  // packets of one ACK; the last of a message is always (assumed)
  // 4.096 us x 2^14 (IBTA 9.7.6.1.3): perftest's DEF_QP_TIME. NCCL_IB_TIMEOUT is 20 (before NCCL 2.23: 18, 14), 4.3 s.
  Duration retransmit_timeout = Duration::ns(4'096LL << 14);
  std::uint32_t retry_count = 7;  // IBTA: 3 bits; perftest and NCCL_IB_RETRY_CNT: 7
  std::uint32_t data_priority = 3, ack_priority = 3, cnp_priority = 6;  // customary: DSCP 26 and 48
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
  // Packet engine: from when to when, and again each `period` (a flap). Absent: from the start, for ever.
  std::optional<Duration> at, until, period;
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
  // Lines of `failures` that are not in force from the start: only the packet engine plays them.
  [[nodiscard]] std::size_t timed_failures() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(failures, [](const FailureSpec& f) { return f.at.has_value(); }));
  }
  [[nodiscard]] bool failing_from_start() const { return failures.size() > timed_failures(); }
  [[nodiscard]] Rate port_rate() const { return Rate{hosts.nic_rate.bits_per_second / hosts.ports_per_nic}; }
};

}  // namespace weft
