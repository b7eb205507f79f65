#include "emulator/packet/carve_run.h"

#include <fmt/format.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <new>

#include "emulator/packet/simulation.h"
#include "fabric/pfc.h"
#include "topologies/carved.h"

namespace weft::packet {
namespace {

constexpr std::array kSwitchKinds{NodeKind::kLeaf, NodeKind::kSpine, NodeKind::kCore};
// Links of a sprayed path, which is not known: host, leaf, spine and down again.
constexpr double kSprayedLinks = 4;

std::vector<CarvedTopology::Cable> cables_of(const Topology& whole, const CarveOut& carve) {
  std::map<std::uint32_t, double> factors;
  for (const CarvedFlow& flow : carve.flows) {
    for (const auto* path : {&flow.path, &flow.back_path})
      for (const LinkId link : *path) factors.emplace(link.value / 2, 1.0);
    factors.emplace(whole.host_link(flow.from, false).value / 2, 1.0);
    factors.emplace(whole.host_link(flow.to, false).value / 2, 1.0);
  }
  for (const auto& [link, factor] : carve.pool_links) factors.emplace(link.value / 2, factor);
  std::vector<CarvedTopology::Cable> cables;
  cables.reserve(factors.size());
  for (const auto& [cable, factor] : factors) cables.push_back({cable, factor});
  return cables;
}

std::int64_t bytes_of(const CarvedFlow& flow, double scale) {
  return std::max<std::int64_t>(1, std::llround(flow.bits * scale / 8));
}

class Runner final : public Listener {
 public:
  Runner(const CarvedTopology& fabric, const CarveOut& carve, const CarveRunOptions& options, Simulation& simulation)
      : fabric_(fabric), carve_(carve), options_(options), simulation_(simulation), left_(carve.foreground()) {
    out_.finish.assign(carve.flows.size(), -1.0);
    simulation_.network().add_listener(this);
  }
  ~Runner() override { simulation_.network().remove_listener(this); }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Expected<CarveRun> run(const std::function<bool()>& pulse) {
    reserve_headroom();
    for (const auto& [link, share] : carve_.taken) simulation_.network().set_background(fabric_.carved(link), share);
    for (std::size_t i = 0; i < carve_.flows.size(); ++i) {
      if (auto started = start(i); !started) return tl::unexpected(started.error());
    }
    ns3::Simulator::Schedule(ns3::TimeStep(static_cast<std::uint64_t>(time_limit())), &Runner::give_up, this);
    Network& network = simulation_.network();
    const Simulation::End end = simulation_.run([&] { return !network.pfc_watch().deadlocked() && pulse(); });
    if (network.pfc_watch().deadlocked()) return deadlock();
    if (end == Simulation::End::kGivenUp)
      return tl::unexpected(Error{ErrorCode::kInterrupted, "interrupted", {}, {}, {}});
    out_.ended = left_ == 0;
    const NetworkCounters& counters = network.counters();
    out_.hops = counters.data_hops;
    out_.drops = counters.drops;
    out_.marks = counters.marks;
    out_.pauses = counters.pauses;
    return std::move(out_);
  }

 private:
  void on_received(std::uint32_t qp, std::uint32_t /*message*/) override {
    const std::uint32_t flow = simulation_.network().qp(qp).tag;
    out_.finish[flow] = static_cast<double>(simulation_.network().now()) * 1e-12;
    if (carve_.flows[flow].foreground && --left_ == 0) simulation_.stop();
  }
  void on_acknowledged(std::uint32_t, std::uint32_t) override {}
  void on_failed(std::uint32_t) override { simulation_.stop(); }
  void give_up() { simulation_.stop(); }

  [[nodiscard]] double time_limit() const {
    double last = 0;
    for (const CarvedFlow& flow : carve_.flows)
      if (flow.foreground) last = std::max(last, flow.finish * options_.scale + 20 * flow.delay.seconds());
    return std::min(4e18, last * options_.patience * 1e12 + 1e9);
  }

  // The ports that are not here keep their part of each buffer too.
  void reserve_headroom() {
    if (options_.reserved.empty()) return;
    std::uint32_t first = 0;
    for (const NodeKind kind : kSwitchKinds) {
      for (std::uint32_t i = 0; i < fabric_.switch_count(kind); ++i) {
        SwitchBuffer& buffer = simulation_.network().buffer(simulation_.network().switch_index({kind, i}));
        const std::uint64_t reserved = options_.reserved[first + fabric_.whole(NodeRef{kind, i}).index];
        buffer.shared = buffer.total - std::min(buffer.total, reserved);
      }
      first += fabric_.whole().switch_count(kind);
    }
  }

  Expected<void> start(std::size_t index) {
    const CarvedFlow& flow = carve_.flows[index];
    QpRequest request;
    request.tag = static_cast<std::uint32_t>(index);
    if (flow.path.empty()) {
      request.endpoints.from = fabric_.port(flow.from);
      request.endpoints.to = fabric_.port(flow.to);
      request.endpoints.digest = flow.digest;
    } else {
      request.leg = QpRequest::Leg::kExplicit;
      for (const LinkId link : flow.path) request.path.push_back(fabric_.carved(link));
      for (const LinkId link : flow.back_path) request.back_path.push_back(fabric_.carved(link));
    }
    if (flow.limit > 0) request.rate_limit = Rate{std::max<std::int64_t>(1, std::llround(flow.limit))};
    const auto qp = simulation_.network().create_qp(request);
    if (!qp) return tl::unexpected(qp.error());
    simulation_.network().post(*qp, Bytes{bytes_of(flow, options_.scale)});
    return {};
  }

  [[nodiscard]] Expected<CarveRun> deadlock() const {
    PfcWatch& watch = simulation_.network().pfc_watch();
    std::string what;
    for (const PfcFinding& finding : watch.findings())
      if (finding.kind == PfcFinding::Kind::kDeadlock) what = watch.describe(finding);
    return input_error(what, carve_.bottleneck, "see routing, failures and switch.pfc in the fabric file");
  }

  const CarvedTopology& fabric_;
  const CarveOut& carve_;
  const CarveRunOptions& options_;
  Simulation& simulation_;
  std::size_t left_;
  CarveRun out_;
};

}  // namespace

std::vector<std::uint64_t> reserved_headroom(const Topology& whole) {
  const FabricSpec& spec = whole.spec();
  if (!spec.switches.pfc) return {};
  const auto lossless = parse_priorities(spec.switches.lossless_priorities);
  if (!lossless) return {};
  std::array<std::uint32_t, 6> first{};
  std::uint32_t switches = 0;
  for (const NodeKind kind : kSwitchKinds) {
    first[static_cast<std::size_t>(kind)] = switches;
    switches += whole.switch_count(kind);
  }
  std::vector<std::uint64_t> reserved(switches);
  const auto classes = static_cast<std::uint64_t>(std::popcount(lossless->bits));
  for (std::uint32_t l = whole.first_host_link(); l < whole.link_count(); ++l) {
    const LinkId link{l};
    const NodeRef to = whole.ends(link).to;
    const Rate rate = whole.rate(link);
    if (to.kind == NodeKind::kNicPort || rate.bits_per_second == 0) continue;
    const Bytes headroom = spec.switches.headroom.value_or(
        pfc_headroom(rate, whole.delay(link), spec.switches.latency, spec.transport.mtu, spec.transport.header_bytes));
    reserved[first[static_cast<std::size_t>(to.kind)] + to.index] +=
        classes * static_cast<std::uint64_t>(headroom.count);
  }
  return reserved;
}

double packet_hops(const CarveOut& carve, const Topology& whole, double scale) {
  double hops = 0;
  for (const CarvedFlow& flow : carve.flows) {
    const double packets =
        std::ceil(static_cast<double>(bytes_of(flow, scale)) / static_cast<double>(whole.spec().transport.mtu));
    hops += packets * (flow.path.empty() ? kSprayedLinks : static_cast<double>(flow.path.size()));
  }
  return hops;
}

Expected<CarveRun> run_carve(const Topology& whole, const CarveOut& carve, const CarveRunOptions& options,
                             const std::function<bool()>& pulse) {
  try {
    const CarvedTopology fabric(whole, cables_of(whole, carve));
    NetworkOptions network;
    network.seed = options.seed;
    auto simulation = Simulation::create(fabric, network);
    if (!simulation) return tl::unexpected(simulation.error());
    return Runner(fabric, carve, options, **simulation).run(pulse);
  } catch (const std::bad_alloc&) {
    return environment_error("out of memory, or of the packet engine's frames and QPs", carve.bottleneck,
                             "use fewer --threads");
  }
}

}  // namespace weft::packet
