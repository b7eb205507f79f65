// Each wrong file is refused with its place, the offending value and the way out: the whole text is compared.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "topologies/spec_suggest.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

std::string error_of(std::string_view text, const std::vector<std::string>& overrides = {}) {
  const auto spec = parse_spec(text, "f.yaml", overrides);
  if (spec) return "accepted";
  EXPECT_EQ(spec.error().code, ErrorCode::kInput);
  return spec.error().text();
}

// A good file of three lines; `line` is line 4.
std::string error_with(std::string_view line) {
  return error_of("name: a\nhosts:\n  count: 4\n" + std::string(line) + "\n");
}

TEST(SpecError, UnknownKeyNamesTheNearestRightOne) {
  EXPECT_EQ(error_of("name: a\nhosts: {cuont: 4}\n"), "f.yaml:2:9: unknown key in hosts: 'cuont'; did you mean count?");
  EXPECT_EQ(error_with("swtich: {radix: 64}"), "f.yaml:4:1: unknown key: 'swtich'; did you mean switch?");
}

TEST(SpecError, UnknownKeyOfAnotherMapSaysWhereItBelongs) {
  EXPECT_EQ(error_with("gpus: 8"), "f.yaml:4:1: unknown key: 'gpus'; it belongs in hosts");
}

TEST(SpecError, UnknownKeyWithoutAnythingNearListsTheRightOnes) {
  EXPECT_EQ(error_with("routing: {zzzzzzz: 1}"),
            "f.yaml:4:11: unknown key in routing: 'zzzzzzz'; right are kind, hash, seed, spray_paths, adaptive_unit, "
            "flowlet_gap, convergence");
}

TEST(SpecError, MissingUnit) {
  EXPECT_EQ(error_with("  nic_rate: 400"),
            "f.yaml:4:13: hosts.nic_rate: rate without a unit: '400'; write it like 400Gbps");
  EXPECT_EQ(error_with("switch: {latency: 600}"),
            "f.yaml:4:19: switch.latency: duration without a unit: '600'; write it like 300ns");
  EXPECT_EQ(error_with("switch: {buffer: 64}"),
            "f.yaml:4:18: switch.buffer: size without a unit: '64'; write it like 1MiB");
  EXPECT_EQ(error_with("links: {host: {length: 30}}"),
            "f.yaml:4:24: links.host.length: length without a unit: '30'; write it like 30m");
}

TEST(SpecError, WrongType) {
  EXPECT_EQ(error_with("  gpus: many"),
            "f.yaml:4:9: hosts.gpus is not a whole number: 'many'; give a whole number from 1 to 1024");
  EXPECT_EQ(error_with("  gpus: 8.5"),
            "f.yaml:4:9: hosts.gpus is not a whole number: '8.5'; give a whole number from 1 to 1024");
  EXPECT_EQ(error_with("  gpus: \"8\""),
            "f.yaml:4:9: hosts.gpus is not a whole number: '8'; without quotes, give a whole number from 1 to 1024");
  EXPECT_EQ(error_with("switch: {pfc: yes}"), "f.yaml:4:15: switch.pfc is not a flag: 'yes'; give true or false");
  EXPECT_EQ(error_with("switch: {ecn: {pmax: high}}"),
            "f.yaml:4:22: switch.ecn.pmax is not a number: 'high'; give a number from 0 to 1");
  EXPECT_EQ(
      error_with("switch: 64"),
      "f.yaml:4:9: switch is a single value, not a map: '64'; its keys are model, capacity, radix, latency, "
      "buffer, ecn, pfc, lossless_priorities, alpha_ingress, alpha_egress, xoff, xon_offset, headroom, scheduling, "
      "weights, cut_through, trimming");
  EXPECT_EQ(error_with("failures: {name: x}"),
            "f.yaml:4:11: failures is a map, not a list; write [{target: ...}], or a '- ' before each element");
  EXPECT_EQ(error_with("  gpus: [8]"), "f.yaml:4:9: hosts.gpus is a list, not a single value; give one value");
  EXPECT_EQ(error_with("  gpus:"), "f.yaml:4:3: hosts.gpus has no value; give one or remove the key");
}

TEST(SpecError, ChoiceNamesTheNearestAndAll) {
  EXPECT_EQ(error_with("topology: {kind: fat-tree}"),
            "f.yaml:4:18: topology.kind has no such value: 'fat-tree'; did you mean fat_tree? Right are fat_tree, "
            "rail_optimized, rail_only, multi_plane, dual_tor, explicit");
  EXPECT_EQ(error_with("  gpu: h100"),
            "f.yaml:4:8: hosts.gpu has no such value: 'h100'; did you mean H100? Right are A100, H100, H800, H200, "
            "B200, GB200");
}

TEST(SpecError, DuplicateKeyNamesTheFirst) {
  EXPECT_EQ(error_with("hosts: {count: 8}"), "f.yaml:4:1: duplicate key: 'hosts'; first given in line 2; keep one");
}

TEST(SpecError, MissingRequiredKey) {
  EXPECT_EQ(error_of("hosts: {count: 4}\n"), "f.yaml:1:1: name is missing; it has no default");
  EXPECT_EQ(error_of("name: a\n"), "f.yaml:1:1: hosts.count is missing; it has no default");
  EXPECT_EQ(error_of("name: a\nhosts: {gpus: 8}\n"), "f.yaml:2:8: hosts.count is missing; it has no default");
  EXPECT_EQ(error_of("name: \"\"\nhosts: {count: 4}\n"), "f.yaml:1:7: name: empty; name the fabric");
}

TEST(SpecError, OutOfRange) {
  EXPECT_EQ(error_of("name: a\nhosts: {count: 0}\n"),
            "f.yaml:2:16: hosts.count is out of range: '0'; give a whole number from 1 to 16777216");
  EXPECT_EQ(error_with("topology: {oversubscription: {leaf: 0}}"),
            "f.yaml:4:37: topology.oversubscription.leaf is out of range: '0'; give a number from 0.01 to 1000");
  EXPECT_EQ(error_with("switch: {ecn: {pmax: nan}}"),
            "f.yaml:4:22: switch.ecn.pmax is out of range: 'nan'; give a number from 0 to 1");
  EXPECT_EQ(error_with("switch: {capacity: 5000Tbps}"),
            "f.yaml:4:20: switch.capacity is out of range: '5000Tbps'; the limit is 1000Tbps");
  EXPECT_EQ(error_with("switch: {latency: 2s}"), "f.yaml:4:19: switch.latency is out of range: '2s'; the limit is 1s");
}

TEST(SpecError, ImpossibleRadix) {
  EXPECT_EQ(error_with("switch: {radix: 0}"),
            "f.yaml:4:17: switch.radix is out of range: '0'; give a whole number from 2 to 4096");
  EXPECT_EQ(error_with("switch: {radix: {spine: 8192}}"),
            "f.yaml:4:25: switch.radix.spine is out of range: '8192'; give a whole number from 2 to 4096");
  EXPECT_EQ(
      error_with("topology: {leaf_down: 65}"),
      "f.yaml:4:23: topology.leaf_down: 65 ports on a leaf of radix 64: '65'; lower it or raise switch.radix.leaf");
  EXPECT_EQ(error_with("topology: {leaf_down: 40, leaf_up: 30}"),
            "f.yaml:4:36: topology.leaf_up: 70 ports on a leaf of radix 64: '30'; lower it or raise switch.radix.leaf");
  EXPECT_EQ(error_with("switch: {capacity: 25.6Tbps, radix: 128}"),
            "f.yaml:4:37: switch.radix.leaf: 128 ports of 400Gbps on a leaf exceed the capacity of 25600Gbps; at most "
            "64 ports");
}

TEST(SpecError, ScaleUpDomainMustFitHostsAndFabric) {
  EXPECT_EQ(error_with("  scale_up: {domain_gpus: 3}"),
            "f.yaml:4:27: hosts.scale_up.domain_gpus: a domain is no part of a host of 8 GPUs, nor several hosts: '3'; "
            "it must "
            "divide hosts.gpus or be a multiple of it");
  EXPECT_EQ(
      error_with("  scale_up: {domain_gpus: 24}"),
      "f.yaml:4:27: hosts.scale_up.domain_gpus: domains do not divide the 32 GPUs of the fabric: '24'; let hosts.count "
      "be a multiple of 3");
}

TEST(SpecError, NicsGpusAndRailsMustDivide) {
  EXPECT_EQ(
      error_with("  nics: 3"),
      "f.yaml:4:9: hosts.nics: 3 NICs do not go with 8 GPUs: '3'; one number must divide the other, so that every GPU "
      "has equal NICs");
  EXPECT_EQ(
      error_with("  rails: 3"),
      "f.yaml:4:10: hosts.rails: rails do not divide the 8 NICs of a host: '3'; every rail needs equally many NICs");
  EXPECT_EQ(error_with("  ports_per_nic: 3"),
            "f.yaml:4:18: hosts.ports_per_nic: 400Gbps is not 3 whole ports: '3'; the rate of a port must be whole "
            "bits per second");
}

TEST(SpecError, MoreGpusOrPortsThanAddresses) {
  EXPECT_EQ(error_of("name: a\nhosts: {count: 2097153}\n"),
            "f.yaml:2:16: hosts.count: 16777224 GPUs, hosts.count x hosts.gpus: '2097153'; the limit is 16777216");
  EXPECT_EQ(error_of("name: a\nhosts: {count: 2097152, ports_per_nic: 2}\n"),
            "f.yaml:2:16: hosts.count: 33554432 NIC ports, hosts.count x hosts.nics x hosts.ports_per_nic: '2097152'; "
            "the limit "
            "is 16777216, the addresses of 10.0.0.0/8");
  EXPECT_NE(error_of("name: a\nhosts: {count: 16777216, gpus: 1024}\n").find("17179869184 GPUs"), std::string::npos);
}

TEST(SpecError, UnsupportedMtu) {
  EXPECT_EQ(error_with("transport: {mtu: 1500}"),
            "f.yaml:4:18: transport.mtu: not a RoCE path MTU: '1500'; give 256, 512, 1024, 2048 or 4096");
}

TEST(SpecError, FailuresMustSayWhatFailsOnce) {
  EXPECT_EQ(
      error_with("failures: [{name: leaf0>spine0, fraction: 0.1}]"),
      "f.yaml:4:43: failures.0.fraction: a named part and random parts in one line: '0.1'; give name, or count or "
      "fraction; write two lines for both");
  EXPECT_EQ(error_with("failures: [{link_tier: host, fraction: 1.5}]"),
            "f.yaml:4:40: failures.0.fraction is out of range: '1.5'; give a number from 0 to 1");
  EXPECT_EQ(
      error_with("failures: [{fraction: 0.5}]"),
      "f.yaml:4:12: failures.0: random parts without a tier; give link_tier: scale_up, host, leaf_spine or spine_core");
  EXPECT_EQ(
      error_with("failures: [{target: switch, link_tier: host, count: 1}]"),
      "f.yaml:4:40: failures.0.link_tier: link_tier with target switch: 'host'; add target: link, or use switch_tier");
  EXPECT_EQ(error_with("failures: [{link_tier: host, count: 1, fraction: 0.5}]"),
            "f.yaml:4:50: failures.0.fraction: both count and fraction: '0.5'; give one of them");
  EXPECT_EQ(error_with("failures: [{}]"),
            "f.yaml:4:12: failures.0: a failure that names nothing; give name, or count or fraction with a tier");
  EXPECT_EQ(error_with("failures: [{name: x, rate_factor: 1}]"),
            "f.yaml:4:35: failures.0.rate_factor: a failure that leaves the whole rate: '1'; give 0 (dead) to below 1");
}

TEST(SpecError, FieldsOfAnotherKindOfTopology) {
  EXPECT_EQ(error_with("topology: {planes: 4}"),
            "f.yaml:4:20: topology.planes: no meaning for this kind of topology: 'fat_tree'; it belongs to multi_plane "
            "(dual_tor always "
            "has 2); remove it");
  EXPECT_EQ(error_with("topology: {kind: rail_optimized, join: core}"),
            "f.yaml:4:40: topology.join: rails cannot join at a core that is not there: 'core'; set topology.tiers: 3");
  EXPECT_EQ(
      error_with("topology: {oversubscription: {spine: 3}}"),
      "f.yaml:4:38: topology.oversubscription.spine: spines have no uplinks in 2 tiers: '3'; set topology.tiers: 3");
  EXPECT_EQ(error_with("topology: {tiers: 1}"),
            "f.yaml:4:19: topology.tiers: one tier joins nothing beyond a switch: '1'; give 2 or 3; 1 is for kind: "
            "rail_only");
}

TEST(SpecError, PlanesMustDivideWhatTheySplit) {
  EXPECT_EQ(error_with("topology: {kind: multi_plane, planes: 2}"),
            "f.yaml:4:39: topology.planes: 2 planes do not divide the 1 ports of a NIC: '2'; let hosts.ports_per_nic "
            "be planes");
  EXPECT_EQ(error_with("topology: {kind: dual_tor}"),
            "f.yaml:3:3: hosts.ports_per_nic: a dual_tor NIC has one port on each of its two ToRs: '1'; set "
            "hosts.ports_per_nic: 2");
}

std::string error_with_links(const std::string& links) {
  return error_with("topology: {kind: explicit, switches: [{name: tor}, {name: agg, kind: spine}],\n links: [" + links +
                    "]}");
}

TEST(SpecError, ExplicitLinksNameKnownNodes) {
  EXPECT_EQ(error_with_links("{a: tor, b: ag}"),
            "f.yaml:5:22: topology.links.0.b: no such switch or NIC port: 'ag'; did you mean agg?");
  EXPECT_EQ(error_with_links("{a: host4.nic0, b: tor}"),
            "f.yaml:5:14: topology.links.0.a: no such switch or NIC port: 'host4.nic0'; name a switch of "
            "topology.switches, or a "
            "NIC port, host0.nic0 to host3.nic7");
  EXPECT_EQ(error_with_links("{a: tor, b: tor}"),
            "f.yaml:5:22: topology.links.0.b: a link from a node to itself: 'tor'; name two ends");
  EXPECT_EQ(error_with_links("{a: host0.nic0, b: host1.nic0}"),
            "f.yaml:5:29: topology.links.0.b: a link between two NIC ports: 'host1.nic0'; one end must be a switch");
  EXPECT_EQ(error_with_links("{a: host0.nic0, b: tor}, {a: host0.nic0.port0, b: agg}"),
            "f.yaml:5:39: topology.links.1.a: more than one cable in a NIC port: 'host0.nic0.port0'; raise "
            "hosts.ports_per_nic or remove one");
  EXPECT_EQ(error_with("topology: {kind: explicit, switches: [{name: tor}, {name: tor}], links: [{a: x, b: y}]}"),
            "f.yaml:4:59: topology.switches.1.name: a switch named twice: 'tor'; give each switch its own name");
  EXPECT_EQ(error_with("topology: {kind: explicit}"),
            "f.yaml:4:11: topology.switches: an explicit topology without switches; list them");
}

TEST(SpecError, EmptyFileAndOtherShapes) {
  const std::string empty = "f.yaml:1:1: the file is empty; give at least name and hosts: {count: ...}";
  EXPECT_EQ(error_of(""), empty);
  EXPECT_EQ(error_of("# only a comment\n"), empty);
  EXPECT_EQ(error_of("- a\n"),
            "f.yaml:1:1: the file is a list, not a map; its keys are name, hosts, topology, switch, links, routing, "
            "transport, "
            "failures, parts");
  EXPECT_EQ(error_of("name: a\n---\nname: b\n"),
            "f.yaml:2:1: a second YAML document; one file describes one fabric; remove what follows ---");
}

TEST(SpecError, YamlSyntaxHasItsPlace) {
  EXPECT_EQ(error_of("hosts:\n  count: 3\n name: x\n"),
            "f.yaml:3:2: YAML syntax: end of map not found; check brackets, quotes and indentation up to here");
  EXPECT_EQ(error_of("name: \"a\nhosts: {count: 4}\n").substr(0, 9), "f.yaml:1:");
}

TEST(SpecError, TruncatedEscapeIsPlacedWithinTheText) {
  EXPECT_EQ(error_of("name: a\n\"\\u").substr(0, 26), "f.yaml:2:4: YAML syntax: b");
}

TEST(SpecError, EscapeThatGivesNoUtf8IsRefused) {
  EXPECT_EQ(error_of("name: \"a\\_b\"\nhosts: {count: 4}\n"),
            "f.yaml:1:7: an escape that gives no UTF-8 text: 'a\\xa0b'; write the character itself");
}

TEST(SpecError, AnchorsAliasesAndTagsAreRefused) {
  std::string laughs = "a: &a [lol]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string last(1, static_cast<char>(c - 1));
    laughs += std::string(1, c) + ": &" + c + " [*" + last + ", *" + last + ", *" + last + "]\n";
  }
  EXPECT_EQ(
      error_of(laughs),
      "f.yaml:1:4: anchors (&) and aliases (*) are not used in fabric files; write the value out, or quote a text that "
      "begins with & or *");
  EXPECT_EQ(error_of("name: !!str a\n"),
            "f.yaml:1:7: tags are not used in fabric files: 'tag:yaml.org,2002:str'; remove the tag");
}

TEST(SpecError, NestingIsBounded) {
  const std::string deep = "nested deeper than 8 levels; no field of a fabric file stands that deep";
  EXPECT_EQ(error_of(std::string(1'000'000, '[')).find(deep), std::string("f.yaml:1:9: ").size());
  for (const char* unit : {"- ", "? ", "[\n", "a: {"}) {
    std::string text;
    while (text.size() < 100'000) text += unit;
    EXPECT_NE(error_of(text).find(deep), std::string::npos) << unit;
  }
}

TEST(SpecError, BinaryGarbageNamesTheByte) {
  EXPECT_EQ(error_of(std::string_view("name: a\nho\0sts", 14)),
            "f.yaml:2:3: control character: 'byte 0x00'; a fabric file is YAML in UTF-8");
  EXPECT_EQ(error_of("name: a\nhosts\x04"),
            "f.yaml:2:6: control character: 'byte 0x04'; a fabric file is YAML in UTF-8");
  for (const char* bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"})
    EXPECT_NE(error_of(std::string("name: ") + bad).find("f.yaml:1:7: not UTF-8 text"), std::string::npos);
  EXPECT_EQ(error_with("switch: {model: \"a\\tb\"}"),
            "f.yaml:4:17: switch.model has a line break, tab or control character: 'a\\x09b'; write it in one line");
}

TEST(SpecError, LongFlowListIsRefusedBeforeItFillsMemory) {
  std::string text = "[";
  while (text.size() < (4U << 20)) text += "a, ";
  const std::string error = error_of(text);
  EXPECT_NE(error.find(
                "more than 1048576 bytes before the next value ends; write long lists in block style, one '- ' a line"),
            std::string::npos)
      << error;
}

TEST(SpecError, OverrideIsNamedInPlaceOfTheFile) {
  const std::string good = "name: a\nhosts: {count: 4}\nswitch: {radix: 32}\n";
  EXPECT_EQ(error_of(good, {"hosts.count=12x"}),
            "--set hosts.count=12x: hosts.count is not a whole number: '12x'; give a whole number from 1 to 16777216");
  EXPECT_EQ(error_of(good, {"host.count=12"}), "--set host.count=12: unknown key: 'host'; did you mean hosts?");
  EXPECT_EQ(error_of(good, {"hosts.count"}),
            "--set hosts.count: an override without =: 'hosts.count'; write it like hosts.count=128");
  EXPECT_EQ(error_of(good, {"hosts..count=1"}),
            "--set hosts..count=1: an empty key in an override: 'hosts..count'; write it like hosts.count=128");
  EXPECT_EQ(error_of(good, {"=1"}), "--set =1: an empty key in an override; write it like hosts.count=128");
  EXPECT_EQ(error_of(good, {"switch.radix.leaf=3"}),
            "--set switch.radix.leaf=3: switch.radix is a single value, not a map: '32'; set the whole of it: "
            "switch.radix={leaf: ...}");
  EXPECT_EQ(error_of(good, {"failures.3.name=x"}),
            "--set failures.3.name=x: no such element of failures: '3'; give 0 to 0; the last appends");
  EXPECT_EQ(error_of(good, {"hosts.nics=3"}).substr(0, 20), "--set hosts.nics=3: ");
}

class SpecFile : public testing::Test {
 protected:
  SpecFile() : dir_(std::filesystem::temp_directory_path() / ("weft_spec_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(dir_);
  }
  ~SpecFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  [[nodiscard]] std::string path(const char* name) const { return dir_ / name; }
  static std::string load_error(const std::string& path) {
    const auto spec = load_spec(path);
    if (spec) return "accepted";
    EXPECT_EQ(spec.error().code, ErrorCode::kInput);
    return spec.error().text();
  }
  std::filesystem::path dir_;
};

TEST_F(SpecFile, ReadsAGoodFile) {
  std::ofstream(path("good.yaml")) << "name: a\nhosts: {count: 4}\n";
  const std::vector<std::string> overrides{"hosts.count=8"};
  const auto spec = load_spec(path("good.yaml"), overrides);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->hosts.count, 8U);
}

TEST_F(SpecFile, MissingFileAndDirectoryAreInputErrors) {
  EXPECT_EQ(load_error(path("none.yaml")),
            path("none.yaml") + ": no such file; give the path of a fabric file in YAML");
  EXPECT_EQ(load_error(dir_), dir_.string() + ": a directory, not a file; give the path of a fabric file in YAML");
  std::ofstream(path("file")) << "x";
  EXPECT_NE(load_error(path("file/below")).find("/file/below: "), std::string::npos);
}

TEST_F(SpecFile, HundredMegabyteFileIsRefusedUnread) {
  std::ofstream(path("big.yaml")).close();
  std::filesystem::resize_file(path("big.yaml"), 100'000'000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(load_error(path("big.yaml")),
            path("big.yaml") +
                ": fabric file too large: '100000000 bytes'; the limit is 16MiB; describe a large "
                "fabric by a generator of topology.kind");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(SpecFile, EndlessDeviceIsReadToTheLimitOnly) {
  if (!std::filesystem::exists("/dev/zero")) GTEST_SKIP() << "no /dev/zero";
  EXPECT_NE(load_error("/dev/zero").find("fabric file too large"), std::string::npos);
}

TEST_F(SpecFile, UnreadableFileSaysWhy) {
  std::ofstream(path("secret.yaml")) << "name: a\n";
  std::filesystem::permissions(path("secret.yaml"), std::filesystem::perms::none);
  if (std::ifstream(path("secret.yaml")).good()) GTEST_SKIP() << "this user reads every file";
  EXPECT_EQ(load_error(path("secret.yaml")),
            path("secret.yaml") + ": cannot open the fabric file: 'Permission denied'; check its permissions");
}

TEST(SpecSuggest, EditDistanceCountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("count", "cuont"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  const std::vector<std::string> words{"radix", "latency"};
  EXPECT_EQ(nearest_word("Radx", words), "radix");
  EXPECT_EQ(nearest_word("buffer", words), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'r'), words), "");
}

}  // namespace
}  // namespace weft
