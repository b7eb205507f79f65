// Every field of a fabric file, once: key, bounds, meaning and source. Reader, writer and key table are visitors
// of this description. A visitor offers
//   value(Field, T&)                        text, flag, number, quantity or enum
//   choice(Field, std::string&, choices)    text out of a list
//   optional(Field, std::optional<T>&)      absent means derived
//   delay(Field, Duration&)                 a duration, or its twin key `length`
//   group(Field, body)                      a map
//   whole_or_group(Field, u32*[], body)     a map, or one number for all its members
//   optional_group(Field, std::optional<T>&, body(T&))
//   list(Field, std::vector<T>&, body(T&))
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topologies/spec_choices.h"
#include "topologies/spec_fields_transport.h"

namespace weft {

// What a GPU generation's scale-up domain gives where the file does not say. One direction, per GPU: half of the
// bidirectional NVLink bandwidth of NVIDIA's datasheets (A100 600, H800 400, H100 and H200 900, B200 and GB200
// 1800 GB/s). In-network reduction (NVLS) came with the third NVSwitch, the H100's.
struct GpuGeneration {
  const char* name;
  Rate scale_up_rate;
  bool in_network_reduction;
};
inline constexpr std::array kGpuGenerations{
    GpuGeneration{"A100", Rate::gbps(2400), false}, GpuGeneration{"H100", Rate::gbps(3600), true},
    GpuGeneration{"H800", Rate::gbps(1600), true},  GpuGeneration{"H200", Rate::gbps(3600), true},
    GpuGeneration{"B200", Rate::gbps(7200), true},  GpuGeneration{"GB200", Rate::gbps(7200), true}};

inline std::vector<std::string> gpu_names() {
  std::vector<std::string> names;
  for (const GpuGeneration& gpu : kGpuGenerations) names.emplace_back(gpu.name);
  return names;
}

template <typename Visitor, typename Hosts>
void visit_hosts(Visitor& v, Hosts& h) {
  v.value(Field{"count", "hosts in the fabric", 1, kMaxEndpoints, true}, h.count);
  v.choice(Field{"gpu", "GPU generation: picks scale-up rate, latency and protocol constants"}, h.gpu, gpu_names());
  v.value(Field{"gpus", "GPUs per host (HGX and DGX: 8)", 1, 1024}, h.gpus);
  v.value(Field{"nics", "scale-out NICs per host; divides gpus or is a multiple of it", 1, 1024, false,
                "gpus: one NIC a GPU, as in NVIDIA's reference designs"},
          h.nics);
  v.value(Field{"ports_per_nic", "ports of a NIC, each with nic_rate / ports_per_nic", 1, 64}, h.ports_per_nic);
  v.value(Field{"nic_rate", "rate of a whole NIC, one direction (ConnectX-7 datasheet)"}, h.nic_rate);
  v.value(Field{"rails", "NIC i is on rail i modulo rails; divides nics", 1, 1024, false, "nics"}, h.rails);
  v.optional(Field{"pcie_rate", "packet engine: what the host bus moves for one NIC, one direction", 0, 0, false,
                   "never the limit"},
             h.pcie_rate);
  v.group(Field{"scale_up", "GPUs that reach one another without a NIC (NVLink)"}, [&] {
    auto& s = h.scale_up;
    v.value(Field{"domain_gpus", "consecutive GPUs of one domain: a part of a host, a host or several; 1: none", 1,
                  kMaxEndpoints, false, "gpus: one domain a host"},
            s.domain_gpus);
    v.value(Field{"rate_per_gpu", "one direction", 0, 0, false,
                  "by gpu: A100 2400Gbps, H800 1600Gbps, H100 and H200 3600Gbps, B200 and GB200 7200Gbps, half of the "
                  "bidirectional NVLink bandwidth in NVIDIA's datasheets"},
            s.rate_per_gpu);
    v.value(Field{"latency", "GPU to GPU through the domain's switch, zero bytes (assumed; calibration replaces it)"},
            s.latency);
    v.value(Field{"in_network_reduction", "NVLS: the domain's switch adds up", 0, 0, false,
                  "by gpu: false for A100, true from H100 on (NVSwitch 3)"},
            s.in_network_reduction);
  });
}

template <typename Visitor, typename Topology>
void visit_generator_details(Visitor& v, Topology& t) {
  v.optional(Field{"leaf_down", "leaf ports towards hosts", 1, kMaxRadix, false, "radix and oversubscription"},
             t.leaf_down);
  v.optional(Field{"leaf_up", "leaf ports towards spines", 1, kMaxRadix, false, "radix and oversubscription"},
             t.leaf_up);
  v.optional(Field{"spine_down", "spine ports towards leaves", 1, kMaxRadix, false, "radix and oversubscription"},
             t.spine_down);
  v.optional(Field{"spine_up", "spine ports towards cores", 1, kMaxRadix, false, "radix and oversubscription"},
             t.spine_up);
  v.optional(Field{"spines", "2 tiers: spines per plane; 3 tiers: per pod", 1, kMaxEndpoints, false,
                   "as few as the uplinks need"},
             t.spines);
  v.optional(
      Field{"leaves_per_pod", "3 tiers: leaves per pod", 1, kMaxRadix, false, "what the spine's down ports allow"},
      t.leaves_per_pod);
  v.value(Field{"join", "rail_optimized: the lowest tier at which two rails meet"}, t.join);
  v.optional(Field{"hosts_per_unit", "rail_optimized: hosts that share a set of leaves (scalable unit)", 1,
                   kMaxEndpoints, false, "leaf_down"},
             t.hosts_per_unit);
  v.value(Field{"split", "multi_plane: port j of each NIC, or NIC i, is on plane j or i"}, t.split);
  v.value(Field{"planes", "multi_plane: separate fabrics; divides ports_per_nic or nics", 1, 1024, false,
                "multi_plane: ports_per_nic (split: port) or nics (split: nic); else 1"},
          t.planes);
  v.value(Field{"segment_hosts", "dual_tor: hosts per segment (HPN, SIGCOMM'24)", 1, kMaxRadix}, t.segment_hosts);
  v.value(Field{"backup_ports", "dual_tor: ToR ports kept for spare hosts (HPN, SIGCOMM'24)", 0, kMaxRadix},
          t.backup_ports);
  v.value(Field{"segments_per_pod", "dual_tor: segments per pod (HPN, SIGCOMM'24)", 1, kMaxRadix}, t.segments_per_pod);
}

template <typename Visitor, typename Topology>
void visit_topology(Visitor& v, Topology& t) {
  v.value(Field{"kind", "generator, or explicit: a list of switches and links"}, t.kind);
  v.value(Field{"tiers", "switch tiers: 1 (rail_only), 2 or 3; 0: as few as the hosts need", 0, 3, false,
                "2; rail_only: 1"},
          t.tiers);
  v.group(Field{"oversubscription", "bandwidth down / bandwidth up of a full switch; 3 means 3:1"}, [&] {
    v.value(Field{"leaf", "of a leaf", 0.01, 1000}, t.leaf_oversubscription);
    v.value(Field{"spine", "of a spine (3 tiers)", 0.01, 1000}, t.spine_oversubscription);
  });
  visit_generator_details(v, t);
  v.list(Field{"switches", "explicit: the switches"}, t.switches, [&](auto& s) {
    v.value(Field{"name", "a name of its own, of letters, digits, - and _", 0, 0, true}, s.name);
    v.value(Field{"kind", "its tier"}, s.kind);
  });
  v.list(Field{"links", "explicit: the cables"}, t.links, [&](auto& l) {
    v.value(Field{"a", "a switch, or a NIC port: host3.nic1 or host3.nic1.port0", 0, 0, true}, l.a);
    v.value(Field{"b", "the other end", 0, 0, true}, l.b);
    v.optional(Field{"rate", "of each of the parallel links", 0, 0, false, "the NIC port's rate"}, l.rate);
    v.optional(Field{"delay", "propagation, one direction", 0, 0, false, "that of its tier under links"}, l.delay);
    v.value(Field{"count", "parallel links", 1, kMaxRadix}, l.count);
  });
}

// Read by the packet engine only.
template <typename Visitor, typename Switch>
void visit_queueing(Visitor& v, Switch& s) {
  v.value(
      Field{"lossless_priorities", "priorities under PFC, as \"3\" or \"3,4\" (3: customary for RoCE, as is 3 and 4)"},
      s.lossless_priorities);
  v.value(
      Field{"alpha_ingress",
            "dynamic threshold (Choudhury and Hahne, 1998) of a port's lossless priority: pauses above alpha x free "
            "shared buffer (SONiC pg_lossless profiles: dynamic_th -3, 1/8, to 0, 1 of 400G ports)",
            0.001, 1000},
      s.alpha_ingress);
  v.value(Field{"alpha_egress",
                "dynamic threshold of a lossy egress queue: drops or trims above alpha x free shared buffer (SONiC "
                "egress_lossy_profile: dynamic_th 0)",
                0.001, 1000},
          s.alpha_egress);
  v.optional(Field{"xoff", "fixed pause threshold of a port and priority", 0, 0, false, "alpha_ingress x free"},
             s.xoff);
  v.value(Field{"xon_offset",
                "resumes this far below the threshold (SONiC pg_lossless xon_offset of 400G ports: 14 cells of 254 B)"},
          s.xon_offset);
  v.optional(Field{"headroom", "kept for what arrives after a pause, of a port and lossless priority", 0, 0, false,
                   "what the link's rate and length need, fabric/pfc.h"},
             s.headroom);
  v.value(Field{"scheduling", "of a port's priorities: highest first, or deficit weighted round robin"}, s.scheduling);
  v.value(Field{"weights", "dwrr: priority=weight, as \"3=4,5=1\"; priorities not named have weight 1"}, s.weights);
  v.value(Field{"cut_through", "a packet leaves before its tail is in, where rates allow"}, s.cut_through);
  v.value(Field{"trimming", "what would be dropped loses its payload instead (UEC; NDP, SIGCOMM'17)"}, s.trimming);
}

template <typename Visitor, typename Switch>
void visit_switch(Visitor& v, Switch& s) {
  v.value(Field{"model", "the chip, for readers"}, s.model);
  v.optional(Field{"capacity", "sum of its ports' rates, one direction; radix x port rate must not exceed it", 0, 0,
                   false, "not checked"},
             s.capacity);
  v.whole_or_group(Field{"radix", "ports at the tier's port rate; one number for all tiers, or a map", 2, kMaxRadix},
                   std::array{&s.leaf_radix, &s.spine_radix, &s.core_radix}, [&] {
                     v.value(Field{"leaf", "of a leaf (64: a 25.6T chip at 400G)", 2, kMaxRadix}, s.leaf_radix);
                     v.value(Field{"spine", "of a spine", 2, kMaxRadix}, s.spine_radix);
                     v.value(Field{"core", "of a core switch", 2, kMaxRadix}, s.core_radix);
                   });
  v.value(
      Field{"latency", "port to port, cut-through, empty queue (51.2T Ethernet chips: 600-800 ns, vendors' briefs)"},
      s.latency);
  v.value(Field{"buffer", "packet buffer shared by all ports"}, s.buffer);
  v.group(Field{"ecn", "random early marking (DCQCN, SIGCOMM'15)"}, [&] {
    v.value(Field{"kmin", "no marks below, per 100G of port rate (published HPCC set-up)"}, s.ecn.kmin);
    v.value(Field{"kmax", "all marked above, per 100G of port rate (published HPCC set-up)"}, s.ecn.kmax);
    v.value(Field{"pmax", "mark probability at kmax (published HPCC set-up)", 0, 1}, s.ecn.pmax);
  });
  v.value(Field{"pfc", "priority flow control: lossless (IEEE 802.1Qbb)"}, s.pfc);
  visit_queueing(v, s);
}

template <typename Visitor, typename Links>
void visit_links(Visitor& v, Links& l) {
  const auto tier = [&](std::string_view key, std::string_view doc, auto& t) {
    v.group(Field{key, doc}, [&] {
      v.optional(Field{"rate", "of one link", 0, 0, false, "the NIC port's rate"}, t.rate);
      v.delay(Field{"delay", "propagation, one direction (30 m of fibre at 5 ns/m)"}, t.delay);
      v.value(Field{"bit_error_rate", "packet engine: after FEC (IEEE 802.3 asks for less than 1e-12)", 0, 0.001},
              t.bit_error_rate);
    });
  };
  tier("host", "NIC port to leaf", l.host);
  tier("leaf_spine", "leaf to spine", l.leaf_spine);
  tier("spine_core", "spine to core", l.spine_core);
}

template <typename Visitor, typename Routing>
void visit_routing(Visitor& v, Routing& r) {
  v.value(
      Field{"kind",
            "ecmp: by hash; spray: each packet any equal path (what per-packet adaptive routing comes to); "
            "adaptive: each flow takes its switch's least loaded port; static: D-mod-k; flowlet: as ecmp, and after "
            "a pause any equal path (packet engine only)"},
      r.kind);
  v.group(Field{"hash", "what ECMP hashes"}, [&] {
    v.value(Field{"seed", "shared: every switch hashes alike, which polarizes"}, r.hash_seed);
    v.value(Field{"udp_source_port", "false: 3-tuple, all QPs of a pair take one path"}, r.hash_udp_source_port);
    v.value(Field{"resilient", "a lost member moves only its own flows; false: hash modulo the members left"},
            r.resilient);
  });
  v.value(Field{"seed", "random seed; the switches' hash seeds derive from it"}, r.seed);
  v.value(
      Field{"spray_paths", "spray, packet engine: over this many hashed paths of each QP; 0: any next hop", 0, 65536},
      r.spray_paths);
  v.value(Field{"adaptive_unit", "adaptive, packet engine: what chooses its port anew"}, r.adaptive_unit);
  v.value(
      Field{"flowlet_gap",
            "flowlet, packet engine: idle time after which a flow may move (public ns-3 LetFlow: 50us; CONGA: 500us)"},
      r.flowlet_gap);
  v.value(Field{"convergence",
                "packet engine: from a link's death to its removal from ECMP groups (assumed: BFD or link-down class)"},
          r.convergence);
}

template <typename Visitor, typename Failure>
void visit_failure(Visitor& v, Failure& f) {
  v.value(Field{"target", "what fails"}, f.target);
  v.value(Field{"name", "a part as weft topo prints it; absent: random parts"}, f.name);
  v.optional(Field{"link_tier", "random links: of this tier", 0, 0, false, "none"}, f.link_tier);
  v.optional(Field{"switch_tier", "random switches: of this tier", 0, 0, false, "none"}, f.switch_tier);
  v.optional(Field{"count", "random parts: how many", 1, 1e9, false, "none"}, f.count);
  v.optional(Field{"fraction", "random parts: which share of the tier", 0, 1, false, "none"}, f.fraction);
  v.value(Field{"rate_factor", "what is left of the rate, both directions; 0: dead", 0, 1}, f.rate_factor);
  v.optional(Field{"at", "packet engine: fails at this time", 0, 0, false, "from the start"}, f.at);
  v.optional(Field{"until", "packet engine: works again from this time on", 0, 0, false, "never"}, f.until);
  v.optional(Field{"period", "packet engine: fails again after each period, a flap", 0, 0, false, "once"}, f.period);
  v.value(Field{"seed", "random seed of this line"}, f.seed);
}

template <typename Visitor, typename Parts>
void visit_parts(Visitor& v, Parts& p) {
  const auto part = [&](std::string_view key, std::string_view doc, auto& price) {
    v.optional_group(Field{key, doc}, price, [&](auto& x) {
      v.value(Field{"dollars", "price of one", 0, 1e9}, x.dollars);
      v.value(Field{"watts", "power of one", 0, 1e6}, x.watts);
      v.value(Field{"source", "where the figures come from"}, x.source);
    });
  };
  part("leaf_switch", "a leaf", p.leaf_switch);
  part("spine_switch", "a spine", p.spine_switch);
  part("core_switch", "a core switch", p.core_switch);
  part("nic", "a NIC", p.nic);
  part("host_link", "a NIC-to-leaf cable with its optics", p.host_link);
  part("leaf_spine_link", "a leaf-to-spine cable with its optics", p.leaf_spine_link);
  part("spine_core_link", "a spine-to-core cable with its optics", p.spine_core_link);
}

// REQUIRES: Spec is FabricSpec or const FabricSpec.
template <typename Visitor, typename Spec>
void visit_spec(Visitor& v, Spec& s) {
  v.value(Field{"name", "names the fabric in reports", 0, 0, true}, s.name);
  v.group(Field{"hosts", "the hosts, all alike"}, [&] { visit_hosts(v, s.hosts); });
  v.group(Field{"topology", "the scale-out network"}, [&] { visit_topology(v, s.topology); });
  v.group(Field{"switch", "the switches"}, [&] { visit_switch(v, s.switches); });
  v.group(Field{"links", "the cables by tier"}, [&] { visit_links(v, s.links); });
  v.group(Field{"routing", "how switches choose among equal paths"}, [&] { visit_routing(v, s.routing); });
  v.group(Field{"transport", "RDMA transport"}, [&] { visit_transport(v, s.transport); });
  v.list(Field{"failures", "what is broken or degraded"}, s.failures, [&](auto& f) { visit_failure(v, f); });
  v.group(Field{"parts", "unit prices and powers; what is absent is not counted"}, [&] { visit_parts(v, s.parts); });
}

}  // namespace weft
