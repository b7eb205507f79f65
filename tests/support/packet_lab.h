// A fabric, a simulator and QPs for tests of the packet engine: builds a spec written in code, runs it, and keeps when
// every message arrived.
#pragma once

#include <gtest/gtest.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/simulator.h>

#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "emulator/packet/network.h"
#include "tests/support/specs.h"
#include "topologies/build.h"

namespace weft::testing {

using packet::Network;
using packet::NetworkOptions;
using packet::Ps;
using packet::QpRequest;

inline constexpr Ps kUs = 1'000'000;  // picoseconds
inline constexpr Ps kMs = 1'000 * kUs;

// Single-NIC hosts on one switch: links of 100G and 1 us, a switch that adds no time, nothing that marks or limits.
inline FabricSpec star(std::uint32_t hosts) {
  FabricSpec s = fat_tree(hosts, std::max(hosts, 2U), 1);
  s.topology.kind = TopologyKind::kRailOnly;
  s.hosts.nic_rate = Rate::gbps(100);
  s.switches.latency = Duration::ns(0);
  s.links.host.delay = s.links.leaf_spine.delay = s.links.spine_core.delay = Duration::us(1);
  s.transport.congestion_control = CongestionControl::kNone;
  return s;
}

// The same hosts under a full fat-tree of `tiers`.
inline FabricSpec tree(std::uint32_t hosts, std::uint32_t radix, std::uint32_t tiers) {
  FabricSpec s = star(hosts);
  s.topology.kind = TopologyKind::kFatTree;
  s.topology.tiers = tiers;
  s.switches.leaf_radix = s.switches.spine_radix = s.switches.core_radix = radix;
  return s;
}

// Payload bytes/s of full packets at `rate`.
inline double goodput(const FabricSpec& s, double bits_per_second) {
  return bits_per_second / 8 * s.transport.mtu / (s.transport.mtu + s.transport.header_bytes);
}

class PacketLab : public packet::Listener {
 public:
  // A test that has no fabric stops here.
  explicit PacketLab(const FabricSpec& spec, const NetworkOptions& options = {}) {
    ns3::Simulator::Destroy();
    static const bool in_picoseconds = (ns3::Time::SetResolution(ns3::Time::PS), true);  // ns-3 takes it once
    EXPECT_TRUE(in_picoseconds);
    ns3::ObjectFactory scheduler;
    scheduler.SetTypeId("weft::packet::WheelScheduler");
    ns3::Simulator::SetScheduler(scheduler);
    auto built = build_topology(spec);
    if (!built) throw std::runtime_error(built.error().text());
    topology_ = std::move(*built);
    auto forwarding = Forwarding::create(*topology_, options.seed);
    if (!forwarding) throw std::runtime_error(forwarding.error().text());
    forwarding_ = std::move(*forwarding);
    auto network = Network::create(*topology_, *forwarding_, options);
    if (!network) throw std::runtime_error(network.error().text());
    network_ = std::move(*network);
    network_->add_listener(this);
  }
  ~PacketLab() override {
    ns3::Simulator::Destroy();  // its events are parts of the network
  }
  PacketLab(const PacketLab&) = delete;
  PacketLab& operator=(const PacketLab&) = delete;

  [[nodiscard]] Network& net() { return *network_; }
  [[nodiscard]] Forwarding& forwarding() { return *forwarding_; }
  [[nodiscard]] const Topology& topology() const { return *topology_; }
  [[nodiscard]] const packet::NetworkCounters& counters() const { return network_->counters(); }
  [[nodiscard]] LinkId up(std::uint32_t port) const { return topology_->host_link(PortId{port}, false); }
  [[nodiscard]] LinkId down(std::uint32_t port) const { return topology_->host_link(PortId{port}, true); }
  [[nodiscard]] LinkId link(const std::string& name) const { return topology_->find_link(name).value(); }

  std::uint32_t connect(const QpRequest& request) {
    auto qp = network_->create_qp(request);
    if (!qp) throw std::runtime_error(qp.error().text());
    if (received_.size() <= *qp) {
      received_.resize(*qp + 1);
      acknowledged_.resize(*qp + 1);
    }
    return *qp;
  }
  std::uint32_t connect(std::uint32_t from, std::uint32_t to, std::uint64_t digest = 1, std::uint8_t priority = 255) {
    QpRequest request;
    request.endpoints.from = PortId{from};
    request.endpoints.to = PortId{to};
    request.endpoints.digest = digest;
    request.priority = priority;
    return connect(request);
  }
  // One QP and one message, from now.
  std::uint32_t flow(std::uint32_t from, std::uint32_t to, std::int64_t bytes, std::uint64_t digest = 1,
                     std::uint8_t priority = 255) {
    const std::uint32_t qp = connect(from, to, digest, priority);
    post(qp, bytes);
    return qp;
  }
  void post(std::uint32_t qp, std::int64_t bytes) {
    network_->post(qp, Bytes{bytes});
    ++pending_;
  }
  void at(Ps when, std::function<void()> what) {
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(when - now())), &PacketLab::call, this,
                             std::move(what));
  }

  // Until every message has arrived, `deadline` at the latest. Tells whether they all have.
  bool run(Ps deadline = 10'000 * kMs) {
    stop_when_done_ = true;
    return go(deadline);
  }
  // Until `deadline`, whatever arrives.
  void run_to(Ps deadline) {
    stop_when_done_ = false;
    go(deadline);
  }

  [[nodiscard]] Ps now() const { return network_->now(); }
  [[nodiscard]] std::size_t messages(std::uint32_t qp) const { return received_[qp].size(); }
  // When message m of a QP was complete.
  [[nodiscard]] Ps finish(std::uint32_t qp, std::size_t m = 0) const { return received_[qp].at(m); }
  [[nodiscard]] Ps acknowledged(std::uint32_t qp, std::size_t m = 0) const { return acknowledged_[qp].at(m); }
  [[nodiscard]] Ps last_finish() const { return last_; }
  [[nodiscard]] std::span<const std::uint32_t> failed() const { return failed_; }

 private:
  void call(std::function<void()> what) { what(); }
  bool go(Ps deadline) {
    if (pending_ != 0 || !stop_when_done_) {
      const ns3::EventId end =
          ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(deadline - now())), &PacketLab::stop, this);
      ns3::Simulator::Run();
      ns3::Simulator::Cancel(end);
    }
    return pending_ == 0;
  }
  void stop() { ns3::Simulator::Stop(); }
  void on_received(std::uint32_t qp, std::uint32_t message) override {
    EXPECT_EQ(message, received_[qp].size()) << "qp " << qp;
    received_[qp].push_back(now());
    last_ = now();
    if (--pending_ == 0 && stop_when_done_) ns3::Simulator::Stop();
  }
  void on_acknowledged(std::uint32_t qp, std::uint32_t /*message*/) override { acknowledged_[qp].push_back(now()); }
  void on_failed(std::uint32_t qp) override { failed_.push_back(qp); }

  std::unique_ptr<Topology> topology_;
  std::unique_ptr<Forwarding> forwarding_;
  std::unique_ptr<Network> network_;
  std::vector<std::vector<Ps>> received_, acknowledged_;  // by QP
  std::vector<std::uint32_t> failed_;
  std::uint64_t pending_ = 0;
  bool stop_when_done_ = true;
  Ps last_ = 0;
};

// What N long flows from hosts 0 to N - 1 of a star into host N do between two times.
struct Steady {
  std::vector<double> shares;  // bits/s of wire, each sender's
  double sum = 0;
  double queue = 0, least = 1e18, most = 0;  // bytes: mean, extremes
  double marked = 0;                         // share of packets
};

inline Steady incast_steady(PacketLab& lab, std::uint32_t n, Ps from, Ps to) {
  Steady out;
  std::vector<std::uint32_t> qps;
  for (std::uint32_t i = 0; i < n; ++i) qps.push_back(lab.flow(i, n, 4'000'000'000, i + 1));
  double samples = 0;
  for (Ps t = from; t < to; t += 777'777) {
    lab.at(t, [&] {
      const double queue = lab.net().queue_bytes(lab.down(n), 3);
      out.queue += queue;
      out.least = std::min(out.least, queue);
      out.most = std::max(out.most, queue);
      ++samples;
    });
  }
  lab.run_to(from);
  const packet::Port& port = lab.net().port(lab.down(n));
  const double frames = port.tx_frames, marks = port.marks;
  std::vector<std::uint32_t> before;
  for (const std::uint32_t qp : qps) before.push_back(lab.net().qp(qp).expected);
  lab.run_to(to);
  const auto& transport = lab.topology().spec().transport;
  const double bits = 8.0 * (transport.mtu + transport.header_bytes) / (static_cast<double>(to - from) * 1e-12);
  for (std::uint32_t i = 0; i < n; ++i) {
    out.shares.push_back((lab.net().qp(qps[i]).expected - before[i]) * bits);
    out.sum += out.shares.back();
  }
  out.queue /= samples;
  out.marked = (port.marks - marks) / (port.tx_frames - frames);
  EXPECT_EQ(lab.counters().drops, 0U);
  return out;
}

// A random permutation in which nobody keeps its place.
inline std::vector<std::uint32_t> derangement(std::uint32_t n, std::uint64_t seed) {
  std::vector<std::uint32_t> to(n);
  std::mt19937_64 random(seed);
  for (;;) {
    std::iota(to.begin(), to.end(), 0U);
    std::shuffle(to.begin(), to.end(), random);
    bool fixed = false;
    for (std::uint32_t i = 0; i < n; ++i) fixed = fixed || to[i] == i;
    if (!fixed) return to;
  }
}

}  // namespace weft::testing
