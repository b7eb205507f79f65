#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

#include "topologies/spec_fields.h"
#include "topologies/spec_keys.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

template <typename E>
E any_choice() {
  const auto& all = Choices<E>::kAll;
  return all[*rc::gen::inRange<std::size_t>(0, all.size())].second;
}

std::uint32_t any_below(std::uint32_t low, std::uint32_t high) { return *rc::gen::inRange(low, high); }

std::optional<std::uint32_t> maybe(std::uint32_t low, std::uint32_t high) {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return any_below(low, high);
}

double any_real(double low, double high) {
  return low + (high - low) * static_cast<double>(*rc::gen::inRange(0, 1 << 30)) / static_cast<double>(1 << 30);
}

Rate any_rate() { return Rate{*rc::gen::inRange<std::int64_t>(1, kMaxRate.bits_per_second)}; }
Duration any_duration() { return Duration{*rc::gen::inRange<std::int64_t>(0, kMaxLatency.picoseconds)}; }

std::string any_text() {
  const auto words = {"x",
                      " ",
                      "\"",
                      "\\",
                      ":",
                      "- ",
                      "#",
                      "{",
                      "&",
                      "*",
                      "~",
                      "null",
                      "é",
                      "網",
                      "\xF0\x9F\x98\x80",
                      "\xC2\x85",
                      "\xE2\x80\xA8",
                      "\xEF\xBB\xBF",
                      "'",
                      "%",
                      "@",
                      "true",
                      "1",
                      ",",
                      "]"};
  std::string out;
  for (const std::string& piece : *rc::gen::container<std::vector<std::string>>(
           rc::gen::elementOf(std::vector<std::string>(words.begin(), words.end()))))
    if (out.size() < 900) out += piece;
  return out;
}

HostsSpec any_hosts() {
  HostsSpec h;
  h.gpu = kGpuGenerations[*rc::gen::inRange<std::size_t>(0, kGpuGenerations.size())].name;
  h.gpus = any_below(1, 9);
  h.nics = h.gpus * any_below(1, 4);
  h.rails = *rc::gen::suchThat(rc::gen::inRange<std::uint32_t>(1, h.nics + 1),
                               [&](std::uint32_t r) { return h.nics % r == 0; });
  h.ports_per_nic = any_below(1, 5);
  h.nic_rate = Rate::gbps(100) * h.ports_per_nic * any_below(1, 9);
  if (*rc::gen::arbitrary<bool>()) h.pcie_rate = any_rate();
  const std::uint32_t domain_hosts = any_below(1, 10);
  h.count = domain_hosts * any_below(1, 20'000);
  h.scale_up = {h.gpus * domain_hosts, any_rate(), any_duration(), *rc::gen::arbitrary<bool>()};
  return h;
}

TopologySpec any_topology(const HostsSpec& h) {
  TopologySpec t;
  t.kind = *rc::gen::element(TopologyKind::kFatTree, TopologyKind::kRailOptimized, TopologyKind::kRailOnly,
                             TopologyKind::kMultiPlane);
  t.tiers = any_below(t.kind == TopologyKind::kRailOnly ? 1 : 2, 4);
  t.leaf_oversubscription = any_real(0.01, 1000);
  if (t.tiers == 3) t.spine_oversubscription = any_real(0.01, 1000);
  t.leaf_down = maybe(1, 32);
  t.leaf_up = maybe(1, 32);
  t.spine_down = maybe(1, 32);
  t.spine_up = maybe(1, 32);
  t.spines = maybe(1, 1000);
  t.leaves_per_pod = maybe(1, 1000);
  if (t.kind == TopologyKind::kRailOptimized) {
    t.join = t.tiers == 3 ? any_choice<RailJoin>() : *rc::gen::element(RailJoin::kSpine, RailJoin::kNever);
    t.hosts_per_unit = maybe(1, 1000);
  }
  if (t.kind == TopologyKind::kMultiPlane) {
    t.split = any_choice<PlaneSplit>();
    t.planes = t.split == PlaneSplit::kPort ? h.ports_per_nic : h.nics;
  }
  return t;
}

FailureSpec any_failure() {
  FailureSpec f;
  f.target = any_choice<FailureTarget>();
  f.seed = *rc::gen::arbitrary<std::uint64_t>();
  f.rate_factor = any_real(0, 0.99);
  if (*rc::gen::arbitrary<bool>()) f.at = any_duration();
  if (f.at && *rc::gen::arbitrary<bool>()) {
    f.until = *f.at + Duration{1} + Duration{*rc::gen::inRange<std::int64_t>(0, (kMaxLatency - *f.at).picoseconds)};
    if (*rc::gen::arbitrary<bool>()) f.period = *f.until - *f.at;
  }
  if (*rc::gen::arbitrary<bool>()) {
    f.name = "x" + any_text();
    return f;
  }
  if (f.target == FailureTarget::kLink) f.link_tier = any_choice<LinkTier>();
  if (f.target == FailureTarget::kSwitch) f.switch_tier = any_choice<NodeKind>();
  if (*rc::gen::arbitrary<bool>()) f.count = any_below(1, 1'000'000);
  if (!f.count) f.fraction = any_real(0, 1);
  return f;
}

std::optional<PartPrice> maybe_part() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return PartPrice{any_real(0, 1e9), any_real(0, 1e6), any_text()};
}

std::optional<Duration> maybe_time() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return Duration{*rc::gen::inRange<std::int64_t>(1, kMaxLatency.picoseconds)};
}
Bytes any_bytes(std::int64_t low, std::int64_t high) { return Bytes{*rc::gen::inRange<std::int64_t>(low, high)}; }

SwitchSpec any_switch() {
  SwitchSpec s;
  s.model = any_text();
  s.leaf_radix = any_below(64, 4097);
  s.spine_radix = any_below(64, 4097);
  s.core_radix = any_below(64, 4097);
  s.latency = any_duration();
  s.buffer = any_bytes(100'000, kMaxBuffer.count);
  s.ecn = {Bytes{any_below(0, 1000)}, Bytes{any_below(1000, 2000)}, any_real(0, 1)};
  s.pfc = *rc::gen::arbitrary<bool>();
  s.lossless_priorities = *rc::gen::element<std::string>("3", "3,4", " 0, 3");
  s.alpha_ingress = any_real(0.001, 1000);
  s.alpha_egress = any_real(0.001, 1000);
  if (*rc::gen::arbitrary<bool>()) s.xoff = any_bytes(1000, 100'000);
  s.xon_offset = Bytes{any_below(0, 1000)};
  // Delays of a second do not fit any buffer: with PFC a share of it that does.
  if (s.pfc || *rc::gen::arbitrary<bool>()) s.headroom = any_bytes(0, s.buffer.count / (4096 * 8));
  s.scheduling = any_choice<QueueScheduling>();
  if (s.scheduling == QueueScheduling::kDwrr) s.weights = *rc::gen::element<std::string>("", "3=4,5=1", "0=1000");
  s.cut_through = *rc::gen::arbitrary<bool>();
  s.trimming = *rc::gen::arbitrary<bool>();
  return s;
}

RoutingSpec any_routing() {
  RoutingSpec r;
  r.kind = any_choice<RoutingKind>();
  r.hash_seed = any_choice<HashSeed>();
  r.seed = *rc::gen::arbitrary<std::uint64_t>();
  r.hash_udp_source_port = *rc::gen::arbitrary<bool>();
  r.resilient = *rc::gen::arbitrary<bool>();
  if (r.kind == RoutingKind::kSpray) r.spray_paths = any_below(0, 65'537);
  if (r.kind == RoutingKind::kAdaptive) r.adaptive_unit = any_choice<AdaptiveUnit>();
  if (r.kind == RoutingKind::kFlowlet) r.flowlet_gap = any_duration();
  r.convergence = any_duration();
  return r;
}

TransportSpec any_transport() {
  TransportSpec t;
  t.kind = any_choice<TransportKind>();
  t.mtu = 256U << any_below(0, 5);
  t.header_bytes = any_below(0, 1025);
  t.qps_per_connection = any_below(1, 1025);
  t.congestion_control = any_choice<CongestionControl>();
  t.dcqcn.rpg_byte_reset = any_bytes(1, kMaxBuffer.count);
  t.dcqcn.rpg_ai_rate = any_rate();
  t.dcqcn.g = any_real(0.0001, 1);
  t.dcqcn.cnp_limit = any_choice<CnpLimit>();
  if (*rc::gen::arbitrary<bool>()) t.hpcc.additive_increase = any_bytes(0, 1'000'000);
  t.swift.base_target = maybe_time();
  t.swift.fs_max_cwnd = any_real(1, 1e6);
  t.timely.min_rtt = maybe_time();
  t.dctcp.initial_window_packets = any_real(1, 1e6);
  t.nscc.target_queuing_delay = maybe_time();
  t.nscc.eta = any_real(0, 1000);
  if (*rc::gen::arbitrary<bool>()) t.window = any_bytes(4096, kMaxBuffer.count);
  t.recovery = any_choice<LossRecovery>();
  t.ack_every = any_below(1, 65'537);
  t.retry_count = any_below(0, 8);
  t.ack_priority = any_below(0, 8);
  t.cnp_priority = any_below(0, 8);
  return t;
}

FabricSpec any_spec() {
  FabricSpec s;
  s.name = "n" + any_text();
  s.hosts = any_hosts();
  s.topology = any_topology(s.hosts);
  s.switches = any_switch();
  s.links = {
      {any_rate(), any_duration(), any_real(0, 0.001)}, {std::nullopt, any_duration()}, {any_rate(), any_duration()}};
  s.routing = any_routing();
  s.transport = any_transport();
  const std::uint32_t failures = any_below(0, 4);
  for (std::uint32_t i = 0; i < failures; ++i) s.failures.push_back(any_failure());
  s.parts.leaf_switch = maybe_part();
  s.parts.nic = maybe_part();
  s.parts.spine_core_link = maybe_part();
  return s;
}

void expect_same(const FabricSpec& spec) {
  const std::string text = to_yaml(spec);
  const auto again = parse_spec(text, "f.yaml");
  if (!again) RC_FAIL(again.error().text() + "\n" + text);
  RC_ASSERT(*again == spec);
  RC_ASSERT(to_yaml(*again) == text);
  RC_ASSERT(spec_digest(*again) == spec_digest(spec));
}

TEST(SpecProperty, CanonicalTextParsesBackToTheSameSpec) {
  EXPECT_TRUE(rc::check("parse(to_yaml(x)) == x", [] { expect_same(any_spec()); }));
}

TEST(SpecProperty, ExplicitTopologyParsesBackToTheSameSpec) {
  EXPECT_TRUE(rc::check("parse(to_yaml(x)) == x", [] {
    FabricSpec s;
    s.name = "graph";
    s.hosts.count = any_below(1, 50);
    s.topology.kind = TopologyKind::kExplicit;
    const std::uint32_t switches = any_below(2, 20);
    for (std::uint32_t i = 0; i < switches; ++i)
      s.topology.switches.push_back({"sw" + std::to_string(i), any_choice<NodeKind>()});
    for (std::uint32_t i = 1; i < switches; ++i) {
      ExplicitLink link{"sw" + std::to_string(any_below(0, i)), "sw" + std::to_string(i), {}, {}, any_below(1, 9)};
      if (*rc::gen::arbitrary<bool>()) link.rate = any_rate();
      if (*rc::gen::arbitrary<bool>()) link.delay = any_duration();
      s.topology.links.push_back(link);
    }
    for (std::uint32_t h = 0; h < s.hosts.count; ++h)
      s.topology.links.push_back(
          {"host" + std::to_string(h) + ".nic" + std::to_string(any_below(0, 8)), "sw0", {}, {}, 1});
    expect_same(s);
  }));
}

TEST(SpecProperty, OneWrongLetterInAKeyIsRefusedAtItsLine) {
  const std::string text = "name: a\nhosts:\n  count: 4\nrouting:\n  kind: ecmp\nswitch:\n  radix: 32\n";
  EXPECT_TRUE(rc::check("unknown keys", [&] {
    std::string wrong = text;
    const std::string key =
        *rc::gen::element<std::string>("name", "hosts", "count", "routing", "kind", "switch", "radix");
    const std::size_t at = text.find(key) + *rc::gen::inRange<std::size_t>(0, key.size());
    wrong[at] = 'Z';
    const auto spec = parse_spec(wrong, "f.yaml");
    RC_ASSERT(!spec);
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    RC_ASSERT(spec.error().place.line == static_cast<std::uint32_t>(line));
    RC_ASSERT(spec.error().way_out == "did you mean " + key + "?");
  }));
}

TEST(SpecProperty, EveryOverrideOfADefaultChangesNothing) {
  const std::string text = "name: a\nhosts: {count: 4}\n";
  const auto plain = parse_spec(text, "f.yaml");
  ASSERT_TRUE(plain);
  std::uint32_t checked = 0;
  const auto visit = [&](const auto& self, const SpecKey& key, const std::string& path) -> void {
    for (const SpecKey& child : key.children) {
      const std::string child_path = path.empty() ? child.name : path + "." + child.name;
      if (child.name != "parts" && child.type != ValueType::kList) self(self, child, child_path);
      if (child.default_text.empty() || child_path.starts_with("parts")) continue;
      const std::vector<std::string> overrides{child_path + "=" + child.default_text};
      const auto same = parse_spec(text, "f.yaml", overrides);
      ASSERT_TRUE(same) << same.error().text();
      EXPECT_EQ(*same, *plain) << overrides[0];
      ++checked;
    }
  };
  visit(visit, spec_keys(), "");
  EXPECT_GT(checked, 100U);
}

}  // namespace
}  // namespace weft
