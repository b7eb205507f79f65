// Keys that the packet engine reads: each reaches its member, and what they must satisfy together is refused otherwise.
#include <gtest/gtest.h>

#include <string>

#include "topologies/spec_yaml.h"

namespace weft {
namespace {

FabricSpec parse_good(const std::string& text) {
  auto spec = parse_spec(text, "f.yaml");
  EXPECT_TRUE(spec) << spec.error().text();
  return spec ? *spec : FabricSpec{};
}

// A good file of three lines; `lines` begin at line 4.
std::string error_with(const std::string& lines) {
  const auto spec = parse_spec("name: a\nhosts:\n  count: 4\n" + lines + "\n", "f.yaml");
  return spec ? "accepted" : spec.error().text();
}

TEST(SpecPacket, EveryFieldOfSwitchLinksAndRoutingReachesItsMember) {
  const FabricSpec spec = parse_good(R"(
name: all
hosts: {count: 4, pcie_rate: 450Gbps}
switch: {lossless_priorities: "3,4", alpha_ingress: 0.25, alpha_egress: 2, xoff: 1MB, xon_offset: 4KB, headroom: 200KB,
         scheduling: dwrr, weights: "3=4,5=1", cut_through: false, trimming: true}
links: {host: {bit_error_rate: 1e-12}, spine_core: {bit_error_rate: 0.0001}}
routing: {kind: spray, spray_paths: 16, convergence: 2ms}
)");
  EXPECT_EQ(spec.hosts.pcie_rate, Rate::gbps(450));
  const SwitchSpec& s = spec.switches;
  EXPECT_EQ(s.lossless_priorities, "3,4");
  EXPECT_DOUBLE_EQ(s.alpha_ingress, 0.25);
  EXPECT_DOUBLE_EQ(s.alpha_egress, 2);
  EXPECT_EQ(s.xoff, Bytes{1'000'000});
  EXPECT_EQ(s.xon_offset, Bytes{4'000});
  EXPECT_EQ(s.headroom, Bytes{200'000});
  EXPECT_EQ(s.scheduling, QueueScheduling::kDwrr);
  EXPECT_EQ(s.weights, "3=4,5=1");
  EXPECT_FALSE(s.cut_through);
  EXPECT_TRUE(s.trimming);
  EXPECT_DOUBLE_EQ(spec.links.host.bit_error_rate, 1e-12);
  EXPECT_DOUBLE_EQ(spec.links.leaf_spine.bit_error_rate, 0);
  EXPECT_DOUBLE_EQ(spec.links.spine_core.bit_error_rate, 1e-4);
  EXPECT_EQ(spec.routing.spray_paths, 16U);
  EXPECT_EQ(spec.routing.convergence, Duration::us(2'000));
  EXPECT_EQ(
      parse_good("name: a\nhosts: {count: 4}\nrouting: {kind: flowlet, flowlet_gap: 500us}\n").routing.flowlet_gap,
      Duration::us(500));
  EXPECT_EQ(parse_good("name: a\nhosts: {count: 4}\nrouting: {kind: adaptive, adaptive_unit: packet}\n")
                .routing.adaptive_unit,
            AdaptiveUnit::kPacket);
}

TEST(SpecPacket, EveryFieldOfDcqcnReachesItsMember) {
  const DcqcnSpec d = parse_good(R"(
name: all
hosts: {count: 4}
transport:
  dcqcn: {rpg_time_reset: 55us, rpg_byte_reset: 10MB, rpg_threshold: 5, rpg_ai_rate: 40Mbps, rpg_hai_rate: 400Mbps,
          rpg_min_dec_fac: 0.25, rpg_min_rate: 100Mbps, g: 0.00390625, dce_tcp_rtt: 55us,
          rate_reduce_monitor_period: 50us, min_time_between_cnps: 50us, cnp_limit: port, initial_alpha: 0.5, clamp_tgt_rate: true,
          clamp_tgt_rate_after_time_inc: false}
)")
                          .transport.dcqcn;
  EXPECT_EQ(d, (DcqcnSpec{Duration::us(55), Bytes{10'000'000}, 5, Rate{40'000'000}, Rate{400'000'000}, 0.25,
                          Rate{100'000'000}, 1.0 / 256, Duration::us(55), Duration::us(50), Duration::us(50),
                          CnpLimit::kPort, 0.5, true, false}));
}

TEST(SpecPacket, EveryFieldOfTheOtherControlsReachesItsMember) {
  const TransportSpec t = parse_good(R"(
name: all
hosts: {count: 4}
switch: {lossless_priorities: 1}
transport:
  hpcc: {eta: 0.9, max_stage: 0, additive_increase: 80B, flows_expected: 10}
  swift: {base_target: 25us, target_queue: 1us, hop_scale: 1us, beta: 0.7, max_decrease: 0.4, additive_increase: 2,
          fs_max_cwnd: 50, fs_min_cwnd: 0.2, fs_range: 4us}
  timely: {t_low: 10us, t_high: 100us, ewma: 0.5, beta: 0.6, additive_increase: 20Mbps, hai_threshold: 3, min_rtt: 20us}
  dctcp: {g: 0.125, initial_window_packets: 20}
  nscc: {target_queuing_delay: 6us, max_window_bdps: 2, alpha: 3, fast_increase_scale: 0.5, gamma: 0.7, eta: 0.2}
  window: 100KB
  recovery: selective_repeat
  ack_every: 1
  retransmit_timeout: 1ms
  retry_count: 3
  data_priority: 1
  ack_priority: 2
  cnp_priority: 7
)")
                              .transport;
  EXPECT_EQ(t.hpcc, (HpccSpec{0.9, 0, Bytes{80}, 10}));
  EXPECT_EQ(t.swift,
            (SwiftSpec{Duration::us(25), Duration::us(1), Duration::us(1), 0.7, 0.4, 2, 50, 0.2, Duration::us(4)}));
  EXPECT_EQ(t.timely,
            (TimelySpec{Duration::us(10), Duration::us(100), 0.5, 0.6, Rate{20'000'000}, 3, Duration::us(20)}));
  EXPECT_EQ(t.dctcp, (DctcpSpec{0.125, 20}));
  EXPECT_EQ(t.nscc, (NsccSpec{Duration::us(6), 2, 3, 0.5, 0.7, 0.2}));
  EXPECT_EQ(t.window, Bytes{100'000});
  EXPECT_EQ(t.recovery, LossRecovery::kSelectiveRepeat);
  EXPECT_EQ(t.ack_every, 1U);
  EXPECT_EQ(t.retransmit_timeout, Duration::us(1'000));
  EXPECT_EQ(t.retry_count, 3U);
  EXPECT_EQ(t.data_priority, 1U);
  EXPECT_EQ(t.ack_priority, 2U);
  EXPECT_EQ(t.cnp_priority, 7U);
}

TEST(SpecPacket, TimedFailureHasABeginningAnEndAndAPeriod) {
  const auto failures = parse_good(R"(
name: all
hosts: {count: 4}
failures:
  - {name: leaf0>spine0, at: 0s}
  - {name: leaf0>spine0, at: 1ms, until: 2ms, period: 1ms}
)")
                            .failures;
  EXPECT_EQ(failures[0].at, Duration{});
  EXPECT_FALSE(failures[0].until);
  EXPECT_EQ(failures[1].until, Duration::us(2'000));
  EXPECT_EQ(failures[1].period, Duration::us(1'000));
}

TEST(SpecPacket, PfcNeedsALosslessClassThatTheDataUses) {
  EXPECT_EQ(error_with("switch: {lossless_priorities: \"\"}"),
            "f.yaml:4:31: switch.lossless_priorities: PFC is on, but no priority is lossless; name "
            "transport.data_priority, 3, or set switch.pfc: false");
  EXPECT_EQ(error_with("transport: {data_priority: 5}"),
            "f.yaml:4:28: transport.data_priority: PFC is on, but the data priority 5 is not lossless: '5'; add it to "
            "switch.lossless_priorities, \"3\", or set switch.pfc: false");
  EXPECT_EQ(
      error_with("switch: {lossless_priorities: 3-4}"),
      "f.yaml:4:31: switch.lossless_priorities: not a priority: '3-4'; write 0 to 7 with commas, as 3 or \"3,4\"");
  EXPECT_EQ(error_with("switch: {pfc: false, lossless_priorities: \"\"}\ntransport: {data_priority: 5}"), "accepted");
  EXPECT_EQ(error_with("switch: {lossless_priorities: \"3,5\"}\ntransport: {data_priority: 5}"), "accepted");
}

// 64 ports of 400G: 64 x 111,360 B = 7.13 MB (pfc_test.cc).
TEST(SpecPacket, BufferMustHoldMoreThanTheHeadroom) {
  EXPECT_EQ(error_with("switch: {buffer: 7MB}"),
            "f.yaml:4:18: switch.buffer: the PFC headroom of a leaf, 64 ports x 111360B x 1 lossless priority, leaves "
            "nothing of the buffer, 7MB: '7MB'; raise it, shorten the links, set switch.headroom, or set switch.pfc: "
            "false");
  EXPECT_EQ(error_with("switch: {buffer: 7127040B}").substr(0, 12), "f.yaml:4:18:");
  EXPECT_EQ(error_with("switch: {buffer: 7127041B}"), "accepted");
  EXPECT_EQ(error_with("switch: {buffer: 7MB, pfc: false}"), "accepted");
  EXPECT_EQ(error_with("switch: {buffer: 7MB, headroom: 100KB}"), "accepted");
  EXPECT_EQ(
      error_with("switch: {headroom: 600KB, lossless_priorities: \"3,4\"}"),
      "f.yaml:4:20: switch.headroom: the PFC headroom of a leaf, 64 ports x 600KB x 2 lossless priorities, leaves "
      "nothing of the buffer, 64MB: '600KB'; lower it, raise switch.buffer, or set switch.pfc: false");
}

TEST(SpecPacket, HeadroomOfATierIsThatOfItsLongestAndFastestLinks) {
  // 20 km: 2 x 100 us at 50 B/ns are 10 MB a port.
  const std::string spine = error_with("links: {spine_core: {length: 20km}}\ntopology: {tiers: 3}");
  EXPECT_NE(spine.find("the PFC headroom of a spine, 64 ports x 10096360B"), std::string::npos) << spine;
  EXPECT_EQ(error_with("links: {spine_core: {length: 20km}}"), "accepted");  // two tiers have no such cable
  const std::string leaf = error_with("links: {leaf_spine: {length: 20km}}");
  EXPECT_NE(leaf.find("of a leaf"), std::string::npos) << leaf;
  EXPECT_EQ(error_with("switch: {radix: 4096, capacity: 25.6Tbps}\ntopology: {tiers: 0}").find("the PFC headroom"),
            std::string::npos);  // the generator takes no more ports than the capacity has
}

TEST(SpecPacket, WeightsBelongToDwrr) {
  EXPECT_EQ(
      error_with("switch: {weights: \"3=4\"}"),
      "f.yaml:4:19: switch.weights: weights with strict scheduling: '3=4'; set switch.scheduling: dwrr, or remove "
      "it");
  EXPECT_EQ(error_with("switch: {scheduling: dwrr, weights: \"3=4,8=1\"}"),
            "f.yaml:4:37: switch.weights: a weight of no priority: '8=1'; priorities are 0 to 7");
  EXPECT_EQ(error_with("switch: {scheduling: dwrr}"), "accepted");
}

TEST(SpecPacket, PauseThresholdLiesWithinTheBuffer) {
  EXPECT_EQ(error_with("switch: {xoff: 65MB}"),
            "f.yaml:4:16: switch.xoff: xoff above the buffer, 64MB: '65MB'; no queue would reach it");
  EXPECT_EQ(error_with("switch: {xoff: 3KB}"),
            "f.yaml:4:9: switch.xon_offset: a pause at 3KB would end at less than nothing, 3556B below; it is at most "
            "switch.xoff");
}

TEST(SpecPacket, FieldsOfAnotherKindOfRouting) {
  EXPECT_EQ(
      error_with("routing: {spray_paths: 4}"),
      "f.yaml:4:24: routing.spray_paths: no meaning for this kind of routing: 'ecmp'; it belongs to spray; remove "
      "it");
  EXPECT_EQ(error_with("routing: {kind: spray, adaptive_unit: packet}").substr(0, 35),
            "f.yaml:4:39: routing.adaptive_unit:");
  EXPECT_EQ(error_with("routing: {kind: static, flowlet_gap: 1us}").substr(0, 33), "f.yaml:4:38: routing.flowlet_gap:");
  EXPECT_EQ(error_with("routing: {flowlet_gap: 50us}"), "accepted");  // its default
}

TEST(SpecPacket, TransportRules) {
  EXPECT_EQ(
      error_with("transport: {window: 4095B}"),
      "f.yaml:4:21: transport.window: the window is below one packet, 4096 B of payload: '4095B'; no packet could "
      "ever be sent; raise it or lower transport.mtu");
  EXPECT_EQ(error_with("transport: {mtu: 0}"),
            "f.yaml:4:18: transport.mtu is out of range: '0'; give a whole number from 256 to 4096");
  EXPECT_EQ(
      error_with("transport: {timely: {t_low: 500us}}"),
      "f.yaml:4:29: transport.timely.t_low: t_low is not below t_high, 500us: '500us'; the gradient counts between "
      "the two");
  EXPECT_EQ(error_with("transport: {swift: {fs_min_cwnd: 100}}").substr(0, 41),
            "f.yaml:4:34: transport.swift.fs_min_cwnd:");
  EXPECT_EQ(error_with("transport: {dcqcn: {rpg_min_dec_fac: 0}}"),
            "f.yaml:4:38: transport.dcqcn.rpg_min_dec_fac is out of range: '0'; give a number from 0.01 to 1");
  EXPECT_NE(error_with("transport: {dcqcn: {rpg_min_rate: 0bps}}").find("f.yaml:4:35: transport.dcqcn.rpg_min_rate:"),
            std::string::npos);
  EXPECT_EQ(error_with("transport: {dcqcn: {rpg_byte_reset: 0B}}"),
            "f.yaml:4:37: transport.dcqcn.rpg_byte_reset: zero is no period: '0B'; 1TB turns the counter off");
  EXPECT_EQ(error_with("transport: {retransmit_timeout: 0s}"),
            "f.yaml:4:33: transport.retransmit_timeout: zero is no period: '0s'; give a time above 0, as 1us");
  EXPECT_EQ(error_with("transport: {cnp_priority: 8}"),
            "f.yaml:4:27: transport.cnp_priority is out of range: '8'; give a whole number from 0 to 7");
  EXPECT_EQ(error_with("transport: {retry_count: 8}"),
            "f.yaml:4:26: transport.retry_count is out of range: '8'; give a whole number from 0 to 7");
}

TEST(SpecPacket, FailureTimesFollowOneAnother) {
  const auto line = [](const std::string& times) { return error_with("failures: [{name: x, " + times + "}]"); };
  EXPECT_EQ(line("until: 1ms"),
            "f.yaml:4:29: failures.0.until: an end without a beginning: '1ms'; add at; 0s is the "
            "start of the operation");
  EXPECT_EQ(line("at: 1ms, period: 1ms"),
            "f.yaml:4:39: failures.0.period: what never works again cannot fail again: "
            "'1ms'; add until, or remove period");
  EXPECT_EQ(line("at: 2ms, until: 2ms"),
            "f.yaml:4:38: failures.0.until: ends at 2ms, not after it begins at 2ms: "
            "'2ms'; until is a time, not a length; raise it");
  EXPECT_EQ(line("at: 1ms, until: 3ms, period: 1ms"),
            "f.yaml:4:51: failures.0.period: begins again before it has ended: it lasts 2ms: '1ms'; period counts from "
            "one beginning to the next; raise it");
  EXPECT_EQ(line("at: 2s"), "f.yaml:4:26: failures.0.at is out of range: '2s'; the limit is 1s");
  EXPECT_EQ(line("at: 1ms, until: 3ms, period: 2ms"), "accepted");
}

}  // namespace
}  // namespace weft
