#include "bench/packet_stock.h"

#include <fmt/format.h>
#include <ns3/data-rate.h>
#include <ns3/inet-socket-address.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4-address-helper.h>
#include <ns3/ipv4-static-routing-helper.h>
#include <ns3/ipv4-static-routing.h>
#include <ns3/node-container.h>
#include <ns3/on-off-helper.h>
#include <ns3/packet-sink-helper.h>
#include <ns3/packet-sink.h>
#include <ns3/point-to-point-helper.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/traffic-control-helper.h>
#include <ns3/uinteger.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "bench/packet_apart.h"
#include "topologies/build.h"
#include "topologies/forwarding.h"

namespace weft::bench {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFU;
constexpr std::uint16_t kUdpPort = 9;

// The load's topology and the path of each message, from weft.
struct Plan {
  std::unique_ptr<Topology> topology;
  std::vector<std::vector<LinkId>> paths;  // by message
  std::uint32_t packets = 0;               // of a message
  std::uint32_t payload = 0;               // bytes of a packet
};

template <typename T>
T must(Expected<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "weft: error: {}\n", result.error().text());
  std::exit(3);
}

Plan plan_of(const PacketLoad& load) {
  Plan plan;
  plan.topology = must(build_topology(load.fabric));
  const auto forwarding = must(Forwarding::create(*plan.topology, 1));
  for (const Message& m : load.messages) {
    const auto ends = forwarding->endpoints({GpuId{m.from}, GpuId{m.to}, 0}, Via::kAuto, 0);
    plan.paths.emplace_back();
    if (!ends || !forwarding->path(ends->from, ends->to, ends->digest, plan.paths.back())) std::exit(3);
  }
  plan.payload = load.fabric.transport.mtu;
  plan.packets = static_cast<std::uint32_t>((load.bytes + plan.payload - 1) / plan.payload) * load.repeat;
  return plan;
}

std::uint64_t hops_of(const Plan& plan) {
  std::uint64_t hops = 0;
  for (const auto& path : plan.paths) hops += std::uint64_t{plan.packets} * path.size();
  return hops;
}

class StockFabric {
 public:
  StockFabric(const Plan& plan, bool queue_discs) : topology_(*plan.topology) {
    internet_.SetIpv6StackInstall(false);
    internet_.SetRoutingHelper(routing_);
    links_.SetDeviceAttribute("Mtu", ns3::UintegerValue(65'535));
    links_.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns3::StringValue("1000000p"));
    for (std::uint32_t link = 0; link < topology_.link_count(); link += 2) {
      if (topology_.tier(LinkId{link}) != LinkTier::kScaleUp) add_cable(LinkId{link}, queue_discs);
    }
  }

  void add_flow(const std::vector<LinkId>& path, std::uint32_t packets, std::uint32_t payload) {
    const auto to =
        devices_.at(path.back().value ^ 1U).first->GetAddress(devices_.at(path.back().value ^ 1U).second, 0);
    for (const LinkId link : path) {
      const auto& [ipv4, interface] = devices_.at(link.value);
      routing_.GetStaticRouting(ipv4)->AddHostRouteTo(to.GetLocal(), interface);
    }
    ns3::OnOffHelper source("ns3::UdpSocketFactory", ns3::InetSocketAddress(to.GetLocal(), kUdpPort));
    source.SetConstantRate(ns3::DataRate(static_cast<std::uint64_t>(topology_.rate(path[0]).bits_per_second)), payload);
    source.SetAttribute("MaxBytes", ns3::UintegerValue(std::uint64_t{packets} * payload));
    source.Install(node_at(topology_.ends(path.front()).from));
    ns3::PacketSinkHelper sink("ns3::UdpSocketFactory", ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kUdpPort));
    sinks_.Add(sink.Install(node_at(topology_.ends(path.back()).to)));
  }

  [[nodiscard]] std::uint64_t received_bytes() const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < sinks_.GetN(); ++i) sum += sinks_.Get(i)->GetObject<ns3::PacketSink>()->GetTotalRx();
    return sum;
  }

 private:
  using Interface = std::pair<ns3::Ptr<ns3::Ipv4>, std::uint32_t>;

  // A host has one NIC of one port.
  ns3::Ptr<ns3::Node> node_at(NodeRef at) {
    auto& node = nodes_[{at.kind, at.index}];
    if (!node) {
      node = ns3::CreateObject<ns3::Node>();
      internet_.Install(node);
    }
    return node;
  }

  void add_cable(LinkId link, bool queue_discs) {
    const LinkEnds ends = topology_.ends(link);
    links_.SetDeviceAttribute("DataRate",
                              ns3::DataRateValue(static_cast<std::uint64_t>(topology_.rate(link).bits_per_second)));
    links_.SetChannelAttribute(
        "Delay",
        ns3::TimeValue(ns3::NanoSeconds(static_cast<std::uint64_t>(topology_.delay(link).picoseconds / 1000))));
    const ns3::NetDeviceContainer pair = links_.Install(node_at(ends.from), node_at(ends.to));
    const ns3::Ipv4InterfaceContainer interfaces = addresses_.Assign(pair);
    addresses_.NewNetwork();
    if (!queue_discs) ns3::TrafficControlHelper().Uninstall(pair);
    devices_[link.value] = interfaces.Get(0);
    devices_[link.value ^ 1U] = interfaces.Get(1);
  }

  const Topology& topology_;
  ns3::InternetStackHelper internet_;
  ns3::Ipv4StaticRoutingHelper routing_;
  ns3::PointToPointHelper links_;
  ns3::Ipv4AddressHelper addresses_{"10.0.0.0", "255.255.255.252"};
  std::map<std::pair<NodeKind, std::uint32_t>, ns3::Ptr<ns3::Node>> nodes_;
  std::map<std::uint32_t, Interface> devices_;  // by link: the sending side
  ns3::ApplicationContainer sinks_;
};

// Callgrind counts what happens in here (bench/packet_speed.cc).
[[gnu::noinline]] void measured_run_of_ns3() { ns3::Simulator::Run(); }

class BareLoop {
 public:
  BareLoop(const Plan& plan, std::uint64_t wire_bytes) : plan_(plan) {
    const Topology& t = *plan.topology;
    ports_.resize(t.link_count());
    for (std::uint32_t link = 0; link < t.link_count(); ++link) {
      ports_[link].delay = ns3::PicoSeconds(static_cast<std::uint64_t>(t.delay(LinkId{link}).picoseconds));
      ports_[link].serialization = ns3::PicoSeconds(wire_bytes * 8'000'000'000'000 /
                                                    std::max<std::uint64_t>(1, t.rate(LinkId{link}).bits_per_second));
    }
    for (std::uint32_t flow = 0; flow < plan.paths.size(); ++flow) {
      for (std::uint32_t i = 0; i < plan.packets; ++i) {
        packets_.push_back({kNone, flow, 0});
        queue(static_cast<std::uint32_t>(packets_.size() - 1));
      }
    }
  }
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  struct BarePacket {
    std::uint32_t next, flow, hop;
  };
  struct BarePort {
    std::uint32_t head = kNone, tail = kNone;
    bool busy = false;
    ns3::Time delay, serialization;
  };

  BarePort& port_of(const BarePacket& p) { return ports_[plan_.paths[p.flow][p.hop].value]; }
  void queue(std::uint32_t packet) {
    BarePort& port = port_of(packets_[packet]);
    packets_[packet].next = kNone;
    (port.head == kNone ? port.head : packets_[port.tail].next) = packet;
    port.tail = packet;
    if (!port.busy) start(port);
  }
  void start(BarePort& port) {
    port.busy = true;
    ns3::Simulator::Schedule(port.serialization, &BareLoop::sent, this, &port);
  }
  void sent(BarePort* port) {
    const std::uint32_t packet = port->head;
    port->head = packets_[packet].next;
    port->busy = false;
    ns3::Simulator::Schedule(port->delay, &BareLoop::arrived, this, packet);
    if (port->head != kNone) start(*port);
  }
  void arrived(std::uint32_t packet) {
    BarePacket& p = packets_[packet];
    if (++p.hop == plan_.paths[p.flow].size())
      ++received_;
    else
      queue(packet);
  }

  const Plan& plan_;
  std::vector<BarePort> ports_;
  std::vector<BarePacket> packets_;
  std::uint64_t received_ = 0;
};

}  // namespace

StockResult run_stock(const PacketLoad& load, bool queue_discs) {
  const Plan plan = plan_of(load);
  StockResult result;
  result.hops = hops_of(plan);
  const double rss = status_bytes("VmRSS"), start = cpu_seconds();
  StockFabric fabric(plan, queue_discs);
  for (const auto& path : plan.paths) fabric.add_flow(path, plan.packets, plan.payload);
  const double ready = cpu_seconds();
  result.setup_cpu = ready - start;
  result.setup_bytes = status_bytes("VmRSS") - rss;
  measured_run_of_ns3();
  result.run_cpu = cpu_seconds() - ready;
  result.finished = fabric.received_bytes() == std::uint64_t{plan.packets} * plan.payload * plan.paths.size();
  ns3::Simulator::Destroy();
  return result;
}

StockResult run_bare_loop(const PacketLoad& load) {
  const Plan plan = plan_of(load);
  ns3::Time::SetResolution(ns3::Time::PS);
  StockResult result;
  result.hops = hops_of(plan);
  BareLoop loop(plan, plan.payload + load.fabric.transport.header_bytes);
  const double ready = cpu_seconds();
  measured_run_of_ns3();
  result.run_cpu = cpu_seconds() - ready;
  result.finished = loop.received() == std::uint64_t{plan.packets} * plan.paths.size();
  ns3::Simulator::Destroy();
  return result;
}

}  // namespace weft::bench
