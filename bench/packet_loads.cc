#include "bench/packet_loads.h"

#include <fmt/format.h>
#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>

#include "bench/packet_apart.h"
#include "emulator/packet/simulation.h"
#include "topologies/build.h"

namespace weft::bench {
namespace {

template <typename T>
T must(Expected<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "weft: error: {}\n", result.error().text());
  std::exit(3);
}

// Ends the simulation with the last message.
class CountDown final : public packet::Listener {
 public:
  CountDown(packet::Simulation& simulation, std::uint64_t messages) : simulation_(simulation), left_(messages) {}
  void on_received(std::uint32_t /*qp*/, std::uint32_t /*message*/) override {
    if (--left_ == 0) simulation_.stop();
  }
  void on_acknowledged(std::uint32_t /*qp*/, std::uint32_t /*message*/) override {}
  void on_failed(std::uint32_t qp) override { fmt::print(stderr, "weft: error: QP {} failed\n", qp); }
  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  packet::Simulation& simulation_;
  std::uint64_t left_;
};

// Callgrind counts what happens in here (bench/packet_speed.cc).
[[gnu::noinline]] void measured_run(packet::Simulation& simulation, const PacketLoad& load) {
  const auto pulse = [&] { return load.most_bytes == 0 || status_bytes("VmRSS") < load.most_bytes; };
  if (load.until > 0) {
    const auto ps = static_cast<std::uint64_t>(load.until * 1e12);
    ns3::Simulator::Schedule(ns3::TimeStep(ps), &packet::Simulation::stop, &simulation);
  }
  static_cast<void>(simulation.run(pulse));
}

void post_all(packet::Simulation& simulation, const PacketLoad& load) {
  packet::Network& network = simulation.network();
  for (const Message& m : load.messages) {
    const auto endpoints = simulation.forwarding().endpoints({GpuId{m.from}, GpuId{m.to}, 0}, Via::kAuto, 0);
    packet::QpRequest request;
    request.endpoints = endpoints.value();
    request.from = GpuId{m.from};
    request.to = GpuId{m.to};
    if (endpoints->scale_up_only) request.leg = packet::QpRequest::Leg::kScaleUp;
    const std::uint32_t qp = must(network.create_qp(request));
    for (std::uint32_t i = 0; i < load.repeat; ++i) network.post(qp, Bytes{load.bytes});
  }
}

}  // namespace

FabricSpec fat_tree(std::uint32_t radix, std::uint32_t tiers, std::uint32_t hosts) {
  FabricSpec s;
  s.name = "bench";
  s.hosts.count = hosts;
  s.hosts.gpus = s.hosts.nics = s.hosts.rails = s.hosts.scale_up.domain_gpus = 1;
  s.hosts.nic_rate = Rate::gbps(100);
  s.topology.kind = TopologyKind::kFatTree;
  s.topology.tiers = tiers;
  s.switches.leaf_radix = s.switches.spine_radix = s.switches.core_radix = radix;
  s.switches.latency = Duration::ns(0);
  s.switches.pfc = true;
  s.links.host.delay = s.links.leaf_spine.delay = s.links.spine_core.delay = Duration::us(1);
  s.routing.kind = RoutingKind::kEcmp;
  s.transport.mtu = 4096;
  s.transport.ack_every = 16;
  s.transport.congestion_control = CongestionControl::kDcqcn;
  return s;
}

std::vector<Message> permutation(std::uint32_t hosts, std::uint64_t seed) {
  std::vector<std::uint32_t> to(hosts);
  std::iota(to.begin(), to.end(), 0U);
  std::mt19937_64 random(seed);
  // Sattolo: one cycle, so nobody sends to itself.
  for (std::uint32_t i = hosts - 1; i > 0; --i)
    std::swap(to[i], to[std::uniform_int_distribution<std::uint32_t>(0, i - 1)(random)]);
  std::vector<Message> out;
  for (std::uint32_t from = 0; from < hosts; ++from) out.push_back({from, to[from]});
  return out;
}

std::vector<Message> all_to_all(std::uint32_t hosts) {
  std::vector<Message> out;
  for (std::uint32_t shift = 1; shift < hosts; ++shift) {
    for (std::uint32_t from = 0; from < hosts; ++from) out.push_back({from, (from + shift) % hosts});
  }
  return out;
}

std::vector<Message> shift(std::uint32_t gpus, std::uint32_t distance) {
  std::vector<Message> out;
  for (std::uint32_t from = 0; from < gpus; ++from) out.push_back({from, (from + distance) % gpus});
  return out;
}

std::vector<Message> incast(std::uint32_t n) {
  std::vector<Message> out;
  for (std::uint32_t from = 1; from <= n; ++from) out.push_back({from, 0});
  return out;
}

LoadResult run_load(const PacketLoad& load) {
  const auto topology = must(build_topology(load.fabric));
  const double rss = status_bytes("VmRSS"), start = cpu_seconds();
  const auto simulation = must(packet::Simulation::create(*topology, {}));
  packet::Network& network = simulation->network();
  CountDown count(*simulation, std::uint64_t{load.repeat} * load.messages.size());
  network.add_listener(&count);
  post_all(*simulation, load);
  LoadResult result;
  const double ready = cpu_seconds();
  result.setup_cpu = ready - start;
  result.setup_bytes = status_bytes("VmRSS") - rss;
  measured_run(*simulation, load);
  result.run_cpu = cpu_seconds() - ready;
  const packet::NetworkCounters& c = network.counters();
  result.hops = c.data_hops;
  result.packets = c.data_frames;
  result.events = ns3::Simulator::GetEventCount();
  result.acks = c.acks;
  result.cnps = c.cnps;
  result.marks = c.marks;
  result.pauses = c.pauses;
  result.drops = c.drops;
  result.retransmissions = c.retransmissions;
  result.end_bytes = status_bytes("VmRSS") - rss;
  result.links = topology->link_count();
  result.most_frames = network.most_frames();
  result.received = std::uint64_t{load.repeat} * load.messages.size() - count.left();
  result.peak_bytes = status_bytes("VmHWM");
  result.simulated = static_cast<double>(network.now()) * 1e-12;
  result.finished = count.left() == 0;
  network.remove_listener(&count);
  return result;
}

}  // namespace weft::bench
