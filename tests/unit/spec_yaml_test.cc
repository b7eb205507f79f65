#include "topologies/spec_yaml.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "topologies/spec_fields.h"

namespace weft {
namespace {

constexpr const char* kRail1M = R"(
name: rail-1m
hosts: {count: 131072, gpu: H100, gpus: 8, nics: 8, nic_rate: 400Gbps,
        scale_up: {domain_gpus: 8, rate_per_gpu: 3600Gbps, latency: 1us, in_network_reduction: true}}
topology: {kind: rail_optimized, tiers: 3, join: core}
switch: {model: "102.4T Ethernet, 256 x 400G", capacity: 102.4Tbps, radix: 256}
routing: {kind: ecmp}
)";

FabricSpec parse_good(std::string_view text, const std::vector<std::string>& overrides = {}) {
  auto spec = parse_spec(text, "f.yaml", overrides);
  EXPECT_TRUE(spec) << (spec ? "" : spec.error().text());
  return spec.value_or(FabricSpec{});
}

TEST(SpecYaml, MillionGpuRailFileReadsAsWritten) {
  const FabricSpec spec = parse_good(kRail1M);
  EXPECT_EQ(spec.name, "rail-1m");
  EXPECT_EQ(spec.gpu_count(), 1'048'576U);
  EXPECT_EQ(spec.port_rate(), Rate::gbps(400));
  EXPECT_EQ(spec.topology.kind, TopologyKind::kRailOptimized);
  EXPECT_EQ(spec.topology.tiers, 3U);
  EXPECT_EQ(spec.topology.join, RailJoin::kCore);
  EXPECT_EQ(spec.switches.capacity, Rate::gbps(102'400));
  EXPECT_EQ(spec.switches.leaf_radix, 256U);
  EXPECT_EQ(spec.switches.core_radix, 256U);
}

TEST(SpecYaml, TwoRequiredKeysGiveTheDefaultsOfSpecH) {
  FabricSpec expected;
  expected.name = "small";
  expected.hosts.count = 4;
  EXPECT_EQ(parse_good("name: small\nhosts: {count: 4}\n"), expected);
}

TEST(SpecYaml, NicsRailsAndDomainFollowTheGpusOfAHost) {
  const FabricSpec spec = parse_good("name: a\nhosts: {count: 4, gpus: 4}\n");
  EXPECT_EQ(spec.hosts.nics, 4U);
  EXPECT_EQ(spec.hosts.rails, 4U);
  EXPECT_EQ(spec.hosts.scale_up.domain_gpus, 4U);
  EXPECT_EQ(parse_good("name: a\nhosts: {count: 4, nics: 16}\n").hosts.rails, 16U);
}

TEST(SpecYaml, ScaleUpFollowsTheGpuGeneration) {
  const ScaleUpSpec a100 = parse_good("name: a\nhosts: {count: 4, gpu: A100}\n").hosts.scale_up;
  EXPECT_EQ(a100.rate_per_gpu, Rate::gbps(2400));  // 600 GB/s both ways
  EXPECT_FALSE(a100.in_network_reduction);
  const ScaleUpSpec b200 = parse_good("name: a\nhosts: {count: 4, gpu: B200}\n").hosts.scale_up;
  EXPECT_EQ(b200.rate_per_gpu, Rate::gbps(7200));  // 1.8 TB/s both ways
  EXPECT_TRUE(b200.in_network_reduction);
  EXPECT_EQ(parse_good("name: a\nhosts: {count: 4, gpu: A100, scale_up: {rate_per_gpu: 1Tbps}}\n")
                .hosts.scale_up.rate_per_gpu,
            Rate::gbps(1000));
}

TEST(SpecYaml, RadixIsOneNumberOrAMapByTier) {
  const SwitchSpec s = parse_good("name: a\nhosts: {count: 4}\nswitch: {radix: {leaf: 32, core: 128}}\n").switches;
  EXPECT_EQ(s.leaf_radix, 32U);
  EXPECT_EQ(s.spine_radix, 64U);
  EXPECT_EQ(s.core_radix, 128U);
}

TEST(SpecYaml, LengthIsDelayAtFiveNanosecondsAMetre) {
  const LinksSpec l =
      parse_good("name: a\nhosts: {count: 4}\nlinks: {host: {length: 3m}, spine_core: {length: 1.5 km}}\n").links;
  EXPECT_EQ(l.host.delay, Duration::ns(15));
  EXPECT_EQ(l.leaf_spine.delay, Duration::ns(150));
  EXPECT_EQ(l.spine_core.delay, Duration::ns(7500));
}

TEST(SpecYaml, EveryFieldOfAHandWrittenFileReachesItsMember) {
  const FabricSpec spec = parse_good(R"(
name: all
hosts: {count: 64, gpu: GB200, gpus: 4, nics: 4, ports_per_nic: 2, nic_rate: 800Gbps, rails: 2, scale_up: {domain_gpus: 64}}
topology: {kind: fat_tree, tiers: 3, oversubscription: {leaf: 1.5, spine: 3}, leaf_down: 40, leaf_up: 20, spine_down: 48,
           spine_up: 16, spines: 20, leaves_per_pod: 8}
switch: {latency: 800ns, buffer: 128MiB, ecn: {kmin: 1MB, kmax: 2MB, pmax: 0.01}, pfc: false}
links: {leaf_spine: {rate: 800Gbps}}
routing: {kind: spray, hash: {seed: shared, udp_source_port: false, resilient: false}, seed: 18446744073709551615}
transport: {mtu: 1024, header_bytes: 98, qps_per_connection: 4, congestion_control: hpcc}
failures:
  - {name: leaf0, target: switch}
  - {target: link, link_tier: leaf_spine, fraction: 0.01, rate_factor: 0.25, seed: 7}
parts: {nic: {dollars: 1500, watts: 25, source: a price list}}
)");
  EXPECT_EQ(spec.hosts.rails, 2U);
  EXPECT_EQ(spec.port_rate(), Rate::gbps(400));
  EXPECT_DOUBLE_EQ(spec.topology.leaf_oversubscription, 1.5);
  EXPECT_DOUBLE_EQ(spec.topology.spine_oversubscription, 3);
  EXPECT_EQ(spec.topology.leaf_down, 40U);
  EXPECT_EQ(spec.topology.spine_up, 16U);
  EXPECT_EQ(spec.topology.spines, 20U);
  EXPECT_EQ(spec.topology.leaves_per_pod, 8U);
  EXPECT_EQ(spec.switches.buffer, Bytes{128 << 20});
  EXPECT_DOUBLE_EQ(spec.switches.ecn.pmax, 0.01);
  EXPECT_FALSE(spec.switches.pfc);
  EXPECT_EQ(spec.links.leaf_spine.rate, Rate::gbps(800));
  EXPECT_FALSE(spec.links.host.rate);
  EXPECT_EQ(spec.routing.kind, RoutingKind::kSpray);
  EXPECT_EQ(spec.routing.hash_seed, HashSeed::kShared);
  EXPECT_FALSE(spec.routing.hash_udp_source_port);
  EXPECT_FALSE(spec.routing.resilient);
  EXPECT_EQ(spec.routing.seed, UINT64_MAX);
  EXPECT_EQ(spec.transport.congestion_control, CongestionControl::kHpcc);
  ASSERT_EQ(spec.failures.size(), 2U);
  EXPECT_EQ(spec.failures[0].target, FailureTarget::kSwitch);
  EXPECT_EQ(spec.failures[1].fraction, 0.01);
  EXPECT_EQ(spec.failures[1].seed, 7U);
  ASSERT_TRUE(spec.parts.nic);
  EXPECT_EQ(spec.parts.nic->source, "a price list");
  EXPECT_FALSE(spec.parts.leaf_switch);
}

TEST(SpecYaml, KindsOfTopologyTakeTheirOwnDefaults) {
  EXPECT_EQ(parse_good("name: a\nhosts: {count: 4}\ntopology: {kind: rail_only}\n").topology.tiers, 1U);
  const std::string planes =
      "name: a\nhosts: {count: 4, ports_per_nic: 4, nic_rate: 800Gbps}\ntopology: {kind: multi_plane, split: ";
  EXPECT_EQ(parse_good(planes + "port}\n").topology.planes, 4U);
  EXPECT_EQ(parse_good(planes + "nic}\n").topology.planes, 8U);
}

TEST(SpecYaml, ExplicitTopologyNamesSwitchesAndNicPorts) {
  const FabricSpec spec = parse_good(R"(
name: pair
hosts: {count: 2, gpus: 1}
topology:
  kind: explicit
  switches: [{name: tor, kind: leaf}]
  links:
    - {a: host0.nic0, b: tor}
    - {a: tor, b: host1.nic0.port0, rate: 200Gbps, delay: 10ns}
)");
  ASSERT_EQ(spec.topology.links.size(), 2U);
  EXPECT_EQ(spec.topology.links[1].rate, Rate::gbps(200));
  EXPECT_EQ(spec.topology.links[1].delay, Duration::ns(10));
}

TEST(SpecYaml, JsonIsYaml) {
  EXPECT_EQ(parse_good(R"({"name": "j", "hosts": {"count": 2, "nic_rate": "200Gbps"}})").hosts.nic_rate,
            Rate::gbps(200));
}

TEST(SpecYaml, CarriageReturnsAndAByteOrderMarkAreHarmless) {
  EXPECT_EQ(parse_good("\xEF\xBB\xBFname: w\r\nhosts:\r\n  count: 2\r\n").name, "w");
}

TEST(SpecYaml, CanonicalTextParsesBackToTheSameSpec) {
  const FabricSpec spec = parse_good(kRail1M);
  EXPECT_EQ(parse_good(to_yaml(spec)), spec);
  EXPECT_EQ(to_yaml(parse_good(to_yaml(spec))), to_yaml(spec));
}

TEST(SpecYaml, DigestNamesTheMeaningAndNotTheSpelling) {
  const FabricSpec spec = parse_good("name: a\nhosts: {count: 4}\n");
  EXPECT_EQ(spec_digest(spec),
            spec_digest(parse_good("# a comment\nhosts:\n  nic_rate: 0.4Tbps\n  count: 4\nname: 'a'\n")));
  EXPECT_NE(spec_digest(spec), spec_digest(parse_good("name: a\nhosts: {count: 5}\n")));
  EXPECT_EQ(spec_digest(spec).size(), 16U);
}

TEST(SpecOverride, SetsReplacesAndAdds) {
  const FabricSpec spec =
      parse_good(kRail1M, {"hosts.count=128", "name=\"small: one\"", "links.host.delay=5ns", "switch.radix={leaf: 64}",
                           "failures.0.name=leaf0>spine0", "failures.1={name: leaf1, target: switch}"});
  EXPECT_EQ(spec.hosts.count, 128U);
  EXPECT_EQ(spec.name, "small: one");
  EXPECT_EQ(spec.links.host.delay, Duration::ns(5));
  EXPECT_EQ(spec.switches.leaf_radix, 64U);
  ASSERT_EQ(spec.failures.size(), 2U);
  EXPECT_EQ(spec.failures[0].name, "leaf0>spine0");
  EXPECT_EQ(spec.failures[1].target, FailureTarget::kSwitch);
}

TEST(SpecOverride, LaterOneWinsAlsoBetweenDelayAndLength) {
  EXPECT_EQ(parse_good(kRail1M, {"hosts.count=2", "hosts.count=4"}).hosts.count, 4U);
  const std::string text = "name: a\nhosts: {count: 4}\nlinks: {host: {delay: 7ns}}\n";
  EXPECT_EQ(parse_good(text, {"links.host.length=3m"}).links.host.delay, Duration::ns(15));
  EXPECT_EQ(parse_good(text, {"links.host.length=3m", "links.host.delay=8ns"}).links.host.delay, Duration::ns(8));
}

}  // namespace
}  // namespace weft
