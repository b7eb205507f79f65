// Fields of `transport`, each once: key, bounds, meaning and source. topologies/spec_fields.h says what a visitor
// offers.
#pragma once

#include "topologies/spec_choices.h"

namespace weft {

template <typename Visitor, typename Dcqcn>
void visit_dcqcn(Visitor& v, Dcqcn& d) {
  v.value(Field{"rpg_time_reset", "without CNP, between rate increases (ConnectX: 300 us)"}, d.rpg_time_reset);
  v.value(Field{"rpg_byte_reset",
                "sent without CNP, between rate increases (ConnectX: 32767; bytes, as the vendor's tool says)"},
          d.rpg_byte_reset);
  v.value(Field{"rpg_threshold", "F: steps of fast recovery (ConnectX: 1)", 1, 31}, d.rpg_threshold);
  v.value(Field{"rpg_ai_rate", "additive increase (ConnectX: 5 Mbps)"}, d.rpg_ai_rate);
  v.value(Field{"rpg_hai_rate", "hyper increase (ConnectX: 50 Mbps)"}, d.rpg_hai_rate);
  v.value(Field{"rpg_min_dec_fac", "one CNP leaves at least this share of the rate (ConnectX: 50 %)", 0.01, 1},
          d.rpg_min_dec_fac);
  v.value(Field{"rpg_min_rate", "lowest rate of a QP (ConnectX: 1 Mbps)"}, d.rpg_min_rate);
  v.value(Field{"g", "share of the newest sample in alpha (ConnectX: dce_tcp_g 1019, 1 - 1019/1024)", 0.0001, 1}, d.g);
  v.value(Field{"dce_tcp_rtt", "between updates of alpha (ConnectX: 1 us)"}, d.dce_tcp_rtt);
  v.value(Field{"rate_reduce_monitor_period", "between rate reductions (ConnectX: 4 us)"},
          d.rate_reduce_monitor_period);
  v.value(Field{"min_time_between_cnps", "at the receiver (ConnectX: 4 us)"}, d.min_time_between_cnps);
  v.value(Field{"cnp_limit", "what min_time_between_cnps limits"}, d.cnp_limit);
  v.value(Field{"initial_alpha", "at the first CNP of a flow (SIGCOMM'15: 1; ConnectX: 1023/1024)", 0, 1},
          d.initial_alpha);
  v.value(Field{"clamp_tgt_rate", "each CNP lowers the target rate too (ConnectX: false)"}, d.clamp_tgt_rate);
  v.value(Field{"clamp_tgt_rate_after_time_inc", "a CNP after an increase by the timer does (ConnectX: true)"},
          d.clamp_tgt_rate_after_time_inc);
}

template <typename Visitor, typename Swift>
void visit_swift(Visitor& v, Swift& s) {
  v.optional(
      Field{"base_target", "target delay of a single flow", 0, 0, false, "the path's own round trip plus target_queue"},
      s.base_target);
  v.value(Field{"target_queue", "queueing that the target delay allows (assumed)"}, s.target_queue);
  v.value(Field{"hop_scale", "added to the target for each hop; 0ns: the round trip counts the hops already"},
          s.hop_scale);
  v.value(Field{"beta", "multiplicative decrease", 0, 1}, s.beta);
  v.value(Field{"max_decrease", "most that one decrease takes", 0, 1}, s.max_decrease);
  v.value(Field{"additive_increase", "packets per round trip", 0.001, 1000}, s.additive_increase);
  v.value(Field{"fs_max_cwnd", "flow scaling, packets: none from this window on", 0.001, 1e6}, s.fs_max_cwnd);
  v.value(Field{"fs_min_cwnd", "flow scaling, packets: all of fs_range up to this window", 0.001, 1e6}, s.fs_min_cwnd);
  v.value(Field{"fs_range", "most that flow scaling adds to the target delay (assumed)"}, s.fs_range);
}

template <typename Visitor, typename Timely>
void visit_timely(Visitor& v, Timely& t) {
  v.value(Field{"t_low", "round trips below only increase the rate (TIMELY: 50 us)"}, t.t_low);
  v.value(Field{"t_high", "round trips above only decrease the rate (TIMELY: 500 us)"}, t.t_high);
  v.value(Field{"ewma", "share of the newest sample in the gradient", 0, 1}, t.ewma);
  v.value(Field{"beta", "multiplicative decrease (TIMELY: 0.8)", 0, 1}, t.beta);
  v.value(Field{"additive_increase", "a step (TIMELY: 10 Mbps)"}, t.additive_increase);
  v.value(Field{"hai_threshold", "steps without congestion until hyperactive increase (TIMELY: 5)", 1, 1000},
          t.hai_threshold);
  v.optional(Field{"min_rtt", "divides the gradient", 0, 0, false, "the path's own round trip"}, t.min_rtt);
}

template <typename Visitor, typename Nscc>
void visit_nscc(Visitor& v, Nscc& n) {
  v.optional(Field{"target_queuing_delay", "queueing that is no congestion yet", 0, 0, false,
                   "0.75 of the network's round trip with trimming, 1 without (UEC 1.0, 3.6.13)"},
             n.target_queuing_delay);
  v.value(Field{"max_window_bdps", "first and largest window, in bandwidth-delay products (UEC 1.0: 1.5)", 0.01, 1000},
          n.max_window_bdps);
  v.value(Field{"alpha", "proportional increase, in MTUs at 100 Gbps and 12 us (UEC 1.0: 4)", 0, 1000}, n.alpha);
  v.value(Field{"fast_increase_scale", "fast increase, likewise scaled by the bandwidth-delay product (UEC 1.0: 0.25)",
                0, 1000},
          n.fast_increase_scale);
  v.value(Field{"gamma", "multiplicative decrease (UEC 1.0: 0.8)", 0, 1}, n.gamma);
  v.value(Field{"eta", "added at each adjustment, in MTUs at 100 Gbps and 12 us (UEC 1.0: 0.15)", 0, 1000}, n.eta);
}

template <typename Visitor, typename Transport>
void visit_congestion_control(Visitor& v, Transport& t) {
  v.group(Field{"dcqcn", "DCQCN (SIGCOMM'15) by the names and defaults of a ConnectX (NVIDIA, DCQCN CC Parameters)"},
          [&] { visit_dcqcn(v, t.dcqcn); });
  v.group(Field{"hpcc", "HPCC (SIGCOMM'19) and the values of its evaluation"}, [&] {
    v.value(Field{"eta", "target utilisation", 0.01, 1}, t.hpcc.eta);
    v.value(Field{"max_stage", "additive steps before the window follows the telemetry again", 0, 1000},
            t.hpcc.max_stage);
    v.optional(Field{"additive_increase", "W_ai", 0, 0, false, "first window x (1 - eta) / flows_expected"},
               t.hpcc.additive_increase);
    v.value(Field{"flows_expected", "N of the rule for W_ai", 1, 1e6}, t.hpcc.flows_expected);
  });
  v.group(Field{"swift", "Swift (SIGCOMM'20)"}, [&] { visit_swift(v, t.swift); });
  v.group(Field{"timely", "TIMELY (SIGCOMM'15)"}, [&] { visit_timely(v, t.timely); });
  v.group(Field{"dctcp", "DCTCP (SIGCOMM'10)"}, [&] {
    v.value(Field{"g", "share of the newest round trip in the mark fraction (DCTCP: 1/16)", 0.0001, 1}, t.dctcp.g);
    v.value(Field{"initial_window_packets", "first window (RFC 6928: 10)", 1, 1e6}, t.dctcp.initial_window_packets);
  });
  v.group(Field{"nscc", "NSCC (UEC specification 1.0, 3.6.13)"}, [&] { visit_nscc(v, t.nscc); });
}

template <typename Visitor, typename Transport>
void visit_reliability(Visitor& v, Transport& t) {
  v.optional(Field{"window", "most in flight of a QP; at least a packet", 0, 0, false,
                   "none for dcqcn and timely; hpcc 1, nscc max_window_bdps, else 1.5 x rate x round trip"},
             t.window);
  v.value(Field{"recovery", "of lost packets (IBTA: go_back_n)"}, t.recovery);
  v.value(Field{"ack_every", "packets of one ACK; the last of a message is always acknowledged (assumed)", 1, 65536},
          t.ack_every);
  v.value(Field{"retransmit_timeout",
                "4.096us x 2^n (IBTA 9.7.6.1.3; n is 14 in perftest, NCCL_IB_TIMEOUT 20 since NCCL 2.23)"},
          t.retransmit_timeout);
  v.value(Field{"retry_count", "timeouts in a row until the QP fails (IBTA: 3 bits; NCCL_IB_RETRY_CNT: 7)", 0, 7},
          t.retry_count);
  v.value(Field{"data_priority", "of data (customary for RoCE: DSCP 26, priority 3)", 0, 7}, t.data_priority);
  v.value(Field{"ack_priority", "of ACKs and NAKs (assumed: as data)", 0, 7}, t.ack_priority);
  v.value(Field{"cnp_priority", "of CNPs (customary for RoCE: DSCP 48, priority 6)", 0, 7}, t.cnp_priority);
}

template <typename Visitor, typename Transport>
void visit_transport(Visitor& v, Transport& t) {
  v.value(Field{"kind", "with hosts.gpu picks the calibrated latency and protocol constants"}, t.kind);
  v.value(Field{"mtu", "RoCE path MTU, bytes of payload: 256, 512, 1024, 2048 or 4096 (InfiniBand specification)", 256,
                4096},
          t.mtu);
  v.value(Field{"header_bytes",
                "on the wire beside the payload; RC WRITE: preamble and SFD 8, Ethernet 14, IPv4 20, UDP 8, BTH 12, "
                "ICRC 4, FCS 4, gap 12",
                0, 1024},
          t.header_bytes);
  v.value(
      Field{"qps_per_connection", "queue pairs of a connection (NCCL_IB_QPS_PER_CONNECTION, NCCL user guide)", 1, 1024},
      t.qps_per_connection);
  v.value(Field{"congestion_control", "of the packet engine (DCQCN: the default of RoCE NICs)"}, t.congestion_control);
  visit_congestion_control(v, t);
  visit_reliability(v, t);
}

}  // namespace weft
