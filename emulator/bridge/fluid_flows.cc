#include "emulator/bridge/fluid_flows.h"

#include <fmt/format.h>
#include <ns3/boolean.h>
#include <ns3/simulator.h>
#include <ns3/uinteger.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "topologies/build.h"

namespace weft::bridge {
namespace {

constexpr double kPs = 1e12;
// What background may take of a link at most, so that packets still move.
constexpr double kMostBackground = 0.99;

std::int64_t now_ps() { return ns3::Simulator::Now().GetPicoSeconds(); }

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(FluidFlows);

ns3::TypeId FluidFlows::GetTypeId() {
  static ns3::TypeId tid =
      ns3::TypeId("weft::bridge::FluidFlows")
          .SetParent<ns3::Object>()
          .SetGroupName("Weft")
          .AddConstructor<FluidFlows>()
          .AddAttribute("LoadPackets", "links of the attached fabric lose to packets what fluid flows take",
                        ns3::BooleanValue(false), ns3::MakeBooleanAccessor(&FluidFlows::load_packets_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Seed", "of QP numbers and hashes; an attached fabric's counts instead", ns3::UintegerValue(1),
                        ns3::MakeUintegerAccessor(&FluidFlows::seed_), ns3::MakeUintegerChecker<std::uint64_t>())
          .AddTraceSource("FlowFinished", "the last byte of a flow has arrived",
                          ns3::MakeTraceSourceAccessor(&FluidFlows::flow_finished_),
                          "weft::bridge::FluidFlows::FlowCallback");
  return tid;
}

FluidFlows::FluidFlows() = default;
FluidFlows::~FluidFlows() = default;

Expected<void> FluidFlows::Attach(ns3::Ptr<packet::RoceFabric> fabric) {
  WEFT_CHECK(fabric->IsBuilt());
  fabric_ = fabric;
  seed_ = fabric->GetSeed();
  auto attached = Attach(fabric->GetSpec());
  if (attached) fabric->TraceConnectWithoutContext("LinkState", ns3::MakeCallback(&FluidFlows::on_link, this));
  return attached;
}

Expected<void> FluidFlows::Attach(const FabricSpec& spec) {
  WEFT_CHECK(topology_ == nullptr);
  spec_ = spec;
  // Timed failures come as link changes.
  std::erase_if(spec_.failures, [](const FailureSpec& f) { return f.at.has_value(); });
  return route_fabric();
}

// The fabric as it is now: what the file says, and on top of it what SetLinkRate has changed.
Expected<void> FluidFlows::route_fabric() {
  FabricSpec spec = spec_;
  std::vector<std::string> names;
  for (const auto& [name, factor] : link_factors_) {
    if (factor < 1) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    FailureSpec failure;
    failure.name = name;
    failure.rate_factor = link_factors_[name];
    spec.failures.push_back(failure);
  }
  auto topology = build_topology(spec);
  if (!topology) return tl::unexpected(topology.error());
  auto router = Router::create(**topology, seed_);
  if (!router) return tl::unexpected(router.error());
  topology_ = std::move(*topology);
  router_ = std::move(*router);
  start_solver();
  return {};
}

// Payload that the resource can carry: packets have headers, scale-up links none.
double FluidFlows::capacity_of(std::uint32_t resource) const {
  const TransportSpec& t = spec_.transport;
  const bool scale_up = topology_->tier(router_->pool_link(resource, 0)) == LinkTier::kScaleUp;
  return router_->capacity(resource) * (scale_up ? 1.0 : double{1.0 * t.mtu} / (t.mtu + t.header_bytes));
}

void FluidFlows::start_solver() {
  arrays_ = {};
  for (std::uint32_t r = 0; r < router_->resource_count(); ++r) arrays_.capacity.push_back(capacity_of(r));
  incidence_ = transpose(arrays_.view());
  solver_ = std::make_unique<WarmMaxMin>(arrays_.view(), incidence_);
  parts_.clear();
  finishes_ = {};
}

Expected<void> FluidFlows::add_parts(std::uint32_t id, Flow& flow, double bits) {
  const Connection connection{flow.source, flow.destination, 0};
  const std::uint32_t qps = router_->qps(connection, Via::kAuto);
  Route route;
  for (std::uint32_t qp = 0; qp < qps; ++qp) {
    if (!router_->route(connection, Via::kAuto, qp, route)) {
      return input_error("no path between two GPUs",
                         fmt::format("gpu{} to gpu{}", flow.source.value, flow.destination.value),
                         "see failures in the fabric file");
    }
    const std::uint32_t variable = solver_->add(route.resources, route.weights);
    if (parts_.size() <= variable) parts_.resize(variable + 1);
    parts_[variable] = {id, bits / qps, 0, now_ps(), 0, true};
    flow.variables.push_back(variable);
    ++flow.parts_left;
    flow.delay = std::max(flow.delay, route.delay);
  }
  return {};
}

Expected<std::uint32_t> FluidFlows::StartFlow(std::uint32_t source, std::uint32_t destination, std::uint64_t bytes) {
  WEFT_CHECK(topology_ != nullptr);
  const std::uint32_t largest = std::max(source, destination);
  if (largest >= topology_->gpu_count())
    return input_error("no such GPU", fmt::format("{}", largest), fmt::format("0 to {}", topology_->gpu_count() - 1));
  if (source == destination)
    return input_error("a flow from a GPU to itself", fmt::format("{}", source), "name two GPUs");
  Flow flow{GpuId{source}, GpuId{destination}, now_ps(), 0, {}, {}};
  const std::uint32_t id = next_flow_++;
  if (auto added = add_parts(id, flow, 8.0 * static_cast<double>(bytes)); !added) return tl::unexpected(added.error());
  flows_.emplace(id, std::move(flow));
  solve_soon();
  return id;
}

ns3::DataRate FluidFlows::GetFlowRate(std::uint32_t flow) {
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return ns3::DataRate(0);
  if (solve_event_.IsRunning()) {
    ns3::Simulator::Cancel(solve_event_);
    solve();
  }
  double rate = 0;
  for (const std::uint32_t variable : found->second.variables)
    rate += parts_[variable].live ? parts_[variable].rate : 0;
  return ns3::DataRate(static_cast<std::uint64_t>(std::llround(rate)));
}

// Whatever else changes at this moment is solved with it.
void FluidFlows::solve_soon() {
  if (!solve_event_.IsRunning()) solve_event_ = ns3::Simulator::ScheduleNow(&FluidFlows::solve, this);
}

void FluidFlows::solve() {
  ++solves_;
  const WarmStats stats = solver_->resolve();
  const std::int64_t now = now_ps();
  const auto rates = solver_->rates();
  const auto update = [&](std::uint32_t variable) {
    if (variable < parts_.size() && parts_[variable].live) bring_up_to_date(variable, rates[variable], now);
  };
  if (stats.cold) {
    for (std::uint32_t v = 0; v < parts_.size(); ++v) update(v);
  } else {
    for (const std::uint32_t v : solver_->changed()) update(v);
  }
  schedule_finish();
  if (load_packets_ && fabric_ != nullptr) load_packets();
}

void FluidFlows::bring_up_to_date(std::uint32_t variable, double rate, std::int64_t now) {
  Part& part = parts_[variable];
  part.bits = std::max(0.0, part.bits - part.rate * static_cast<double>(now - part.since) / kPs);
  part.since = now;
  part.rate = rate;
  ++part.version;
  const bool moves = rate > 0 || part.bits == 0;
  if (!moves) return;  // stands still until something changes
  const double left = part.bits == 0 ? 0 : std::ceil(part.bits / rate * kPs);
  finishes_.push({now + static_cast<std::int64_t>(left), variable, part.version});
}

void FluidFlows::schedule_finish() {
  while (!finishes_.empty()) {
    const Finish& next = finishes_.top();
    if (parts_[next.variable].live && parts_[next.variable].version == next.version) break;
    finishes_.pop();
  }
  ns3::Simulator::Cancel(finish_event_);
  if (finishes_.empty()) return;
  const std::int64_t wait = std::max<std::int64_t>(0, finishes_.top().at - now_ps());
  finish_event_ =
      ns3::Simulator::Schedule(ns3::PicoSeconds(static_cast<std::uint64_t>(wait)), &FluidFlows::finish_due, this);
}

void FluidFlows::finish_due() {
  const std::int64_t now = now_ps();
  while (!finishes_.empty() && finishes_.top().at <= now) {
    const Finish due = finishes_.top();
    finishes_.pop();
    if (parts_[due.variable].live && parts_[due.variable].version == due.version) end_part(due.variable);
  }
  solve_soon();
}

void FluidFlows::end_part(std::uint32_t variable) {
  Part& part = parts_[variable];
  part.live = false;
  solver_->remove(variable);
  const auto flow = flows_.find(part.flow);
  if (--flow->second.parts_left != 0) return;
  const auto delay = ns3::PicoSeconds(static_cast<std::uint64_t>(flow->second.delay.picoseconds));
  const auto took = ns3::PicoSeconds(static_cast<std::uint64_t>(now_ps() - flow->second.started)) + delay;
  ns3::Simulator::Schedule(delay, &FluidFlows::tell, this, flow->first, took);
  flows_.erase(flow);
}

void FluidFlows::tell(std::uint32_t flow, ns3::Time duration) { flow_finished_(flow, duration); }

// --- links that change

Expected<void> FluidFlows::SetLinkRate(const std::string& link, double factor) {
  const auto id = topology_->find_link(link);
  if (!id) return input_error("no such link", link, fmt::format("name it like {}", topology_->name(LinkId{0})));
  const std::string upwards = topology_->name(LinkId{id->value & ~1U});
  if (const double before = std::exchange(link_factors_.try_emplace(upwards, 1.0).first->second, factor);
      before == factor)
    return {};
  return reroute();
}

void FluidFlows::on_link(LinkId link, bool up) {
  if ((link.value & 1U) != 0) return;  // told of both directions
  const double factor = up ? fabric_->GetNetwork().rate_factor(link) : 0.0;
  const auto changed = SetLinkRate(topology_->name(link), factor);
  WEFT_CHECK(changed);  // flows without a path stand still
}

// The routes of all flows by the fabric as it is now. A flow without a way keeps its bytes and stands still.
Expected<void> FluidFlows::reroute() {
  const std::int64_t now = now_ps();
  std::unordered_map<std::uint32_t, double> bits_left;
  for (const Part& part : parts_) {
    if (part.live)
      bits_left[part.flow] += std::max(0.0, part.bits - part.rate * static_cast<double>(now - part.since) / kPs);
  }
  if (auto routed = route_fabric(); !routed) return routed;
  std::vector<std::uint32_t> ids;
  for (const auto& [id, flow] : flows_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const std::uint32_t id : ids) {
    Flow& flow = flows_[id];
    flow.parts_left = 0;
    flow.variables.clear();
    flow.delay = {};
    if (add_parts(id, flow, bits_left[id])) continue;
    const std::uint32_t variable = solver_->add({}, {}, 0.0);
    parts_.resize(std::max<std::size_t>(parts_.size(), variable + 1));
    parts_[variable] = {id, bits_left[id], 0, now, 0, true};
    flow.variables.push_back(variable);
    ++flow.parts_left;
  }
  solve_soon();
  return {};
}

// Packets see each link with what the flows on it leave.
void FluidFlows::load_packets() {
  std::vector<double> load(topology_->link_count());
  for (std::uint32_t v = 0; v < parts_.size(); ++v) {
    if (!parts_[v].live) continue;
    for (const std::uint32_t resource : solver_->entries(v)) {
      const std::uint32_t size = router_->pool_size(resource);
      for (std::uint32_t i = 0; i < size; ++i) load[router_->pool_link(resource, i).value] += parts_[v].rate / size;
    }
  }
  link_load_.resize(load.size());
  for (std::uint32_t link = 0; link < load.size(); ++link) {
    if (load[link] == link_load_[link]) continue;
    const double capacity = capacity_of(link);
    const double taken = capacity == 0 ? 0 : std::min(kMostBackground, load[link] / capacity);
    fabric_->GetNetwork().set_background(LinkId{link}, taken);
  }
  link_load_ = std::move(load);
}

void FluidFlows::DoDispose() {
  fabric_ = nullptr;
  ns3::Object::DoDispose();
}

}  // namespace weft::bridge
