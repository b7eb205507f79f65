// Small fabrics, a topology that hides that it is a Clos, and walks along routes, for the routing tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/clos.h"
#include "topologies/routing.h"

namespace weft::testing {

// The same fabric without its arithmetic: Router::create then routes it as a graph, an independent oracle.
class OpaqueTopology final : public Topology {
 public:
  explicit OpaqueTopology(const Topology& inner) : Topology(inner.spec()), inner_(&inner) {}
  std::uint32_t link_count() const override { return inner_->link_count(); }
  LinkTier tier(LinkId link) const override { return inner_->tier(link); }
  Rate rate(LinkId link) const override { return inner_->rate(link); }
  Duration delay(LinkId link) const override { return inner_->delay(link); }
  LinkEnds ends(LinkId link) const override { return inner_->ends(link); }
  std::uint32_t switch_count(NodeKind kind) const override { return inner_->switch_count(kind); }
  std::uint32_t plane_count() const override { return inner_->plane_count(); }
  std::string name(NodeRef node) const override { return inner_->name(node); }
  std::string name(LinkId link) const override { return inner_->name(link); }
  std::optional<LinkId> find_link(std::string_view name) const override { return inner_->find_link(name); }
  std::optional<NodeRef> find_node(std::string_view name) const override { return inner_->find_node(name); }

 private:
  const Topology* inner_;
};

inline std::unique_ptr<Topology> build(const FabricSpec& spec) {
  auto topology = build_topology(spec);
  if (!topology) ADD_FAILURE() << topology.error().text();
  return topology ? std::move(*topology) : nullptr;
}

inline std::unique_ptr<Router> router_of(const Topology& topology, std::uint64_t seed = 1) {
  auto router = Router::create(topology, seed);
  if (!router) ADD_FAILURE() << router.error().text();
  return router ? std::move(*router) : nullptr;
}

inline FabricSpec rails(std::uint32_t hosts, std::uint32_t radix, std::uint32_t tiers, RailJoin join) {
  FabricSpec s = fat_tree(hosts, radix, tiers, 4);
  s.topology.kind = TopologyKind::kRailOptimized;
  s.topology.join = join;
  s.name = "rails";
  return s;
}

inline FabricSpec rail_only() {
  FabricSpec s = fat_tree(8, 16, 1, 4);
  s.topology.kind = TopologyKind::kRailOnly;
  s.name = "rail only";
  return s;
}

inline FabricSpec planes(PlaneSplit split) {
  FabricSpec s = fat_tree(16, 8, 2, 4);
  s.topology.kind = TopologyKind::kMultiPlane;
  s.topology.split = split;
  s.topology.planes = 4;
  if (split == PlaneSplit::kPort) s.hosts.ports_per_nic = 4;
  if (split == PlaneSplit::kPort) s.switches.leaf_radix = s.switches.spine_radix = 16;
  s.name = split == PlaneSplit::kPort ? "planes by port" : "planes by nic";
  return s;
}

inline FabricSpec small_dual_tor(std::uint32_t tiers) {
  FabricSpec s = fat_tree(16, 16, tiers, 4);
  s.topology.kind = TopologyKind::kDualTor;
  s.hosts.ports_per_nic = 2;
  s.topology.segment_hosts = 4;
  s.topology.backup_ports = 0;
  s.topology.segments_per_pod = 2;
  s.topology.leaf_up = 4;
  s.topology.spines = 4;
  s.switches.leaf_radix = 8;
  s.switches.spine_radix = s.switches.core_radix = 32;
  if (tiers == 3) {
    s.topology.spine_down = 8;
    s.topology.spine_up = 4;
  }
  s.name = "dual tor";
  return s;
}

// Four parallel links of each leaf-spine pair.
inline FabricSpec trunked() {
  FabricSpec s = fat_tree(64, 16, 2);
  s.topology.spines = 2;
  s.switches.spine_radix = 64;
  s.name = "trunked";
  return s;
}

// One of every kind, small enough to enumerate.
inline std::vector<FabricSpec> every_kind() {
  return {fat_tree(32, 8, 2),
          fat_tree(128, 8, 3),
          rails(32, 8, 3, RailJoin::kSpine),
          rails(16, 16, 2, RailJoin::kSpine),
          rails(32, 8, 3, RailJoin::kCore),
          rails(32, 8, 3, RailJoin::kNever),
          rail_only(),
          planes(PlaneSplit::kPort),
          planes(PlaneSplit::kNic),
          small_dual_tor(2),
          small_dual_tor(3),
          superpod(64),
          trunked()};
}

inline FailureSpec dead(std::string name, double rate_factor = 0) {
  FailureSpec f;
  f.target = name.find('>') == std::string::npos ? FailureTarget::kSwitch : FailureTarget::kLink;
  f.name = std::move(name);
  f.rate_factor = rate_factor;
  return f;
}

inline FailureSpec random_links(LinkTier tier, double fraction, std::uint64_t seed, double rate_factor = 0) {
  FailureSpec f;
  f.link_tier = tier;
  f.fraction = fraction;
  f.seed = seed;
  f.rate_factor = rate_factor;
  return f;
}

// The single path is connected, alive, starts at the source GPU or one of its ports and ends at the destination's.
inline ::testing::AssertionResult connected(const Topology& t, const Connection& c, const Route& route) {
  const auto at = [&](std::size_t i) { return t.ends(LinkId{route.resources[i]}); };
  const auto mine = [&](NodeRef node, GpuId gpu) {
    if (node.kind == NodeKind::kGpu) return node.index == gpu.value;
    for (std::uint32_t k = 0; k < t.ports_per_gpu(); ++k) {
      if (node == NodeRef{NodeKind::kNicPort, t.port_of(gpu, k).value}) return true;
    }
    return false;
  };
  if (route.resources.empty()) return ::testing::AssertionFailure() << "no links";
  for (std::size_t i = 0; i < route.resources.size(); ++i) {
    const LinkId link{route.resources[i]};
    if (t.rate(link).bits_per_second == 0) return ::testing::AssertionFailure() << "dead " << t.name(link);
    if (i == 0 || at(i).from == at(i - 1).to) continue;
    // From the proxy GPU of PXN into its NIC port.
    const NodeRef gpu = at(i - 1).to;
    if (gpu.kind == NodeKind::kGpu && mine(at(i).from, GpuId{gpu.index})) continue;
    return ::testing::AssertionFailure() << "gap before " << t.name(link);
  }
  if (!mine(at(0).from, c.source)) return ::testing::AssertionFailure() << "starts at " << t.name(at(0).from);
  if (!mine(at(route.resources.size() - 1).to, c.destination)) return ::testing::AssertionFailure() << "wrong end";
  return ::testing::AssertionSuccess();
}

// Load of each link per unit rate of the connection, pools unfolded.
inline std::map<std::uint32_t, double> link_loads(const Router& router, const Route& route) {
  std::map<std::uint32_t, double> loads;
  for (std::size_t i = 0; i < route.resources.size(); ++i) {
    const std::uint32_t links = router.pool_size(route.resources[i]);
    const double weight = route.weights.empty() ? 1.0 : route.weights[i];
    for (std::uint32_t k = 0; k < links; ++k) loads[router.pool_link(route.resources[i], k).value] += weight / links;
  }
  return loads;
}

}  // namespace weft::testing
