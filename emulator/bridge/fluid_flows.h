// The flow-level engine on ns-3's clock: flows that start and finish as events, beside packets or alone.
#pragma once

#include <ns3/callback.h>
#include <ns3/data-rate.h>
#include <ns3/event-id.h>
#include <ns3/nstime.h>
#include <ns3/object.h>
#include <ns3/ptr.h>
#include <ns3/traced-callback.h>

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulator/fluid/maxmin_warm.h"
#include "emulator/packet/model/roce_fabric.h"
#include "topologies/routing.h"

namespace weft::bridge {

/// Flows from GPU to GPU that share links max-min fairly at every moment (emulator/fluid). Routed by the fluid engine's
/// Router: the same QPs, ports and hashes as in a prediction. Rates are solved again, once for each moment of simulated
/// time, when flows start or finish or a link changes; only what feels the change is solved.
///
/// With LoadPackets set, a RoceFabric's links lose to packets what fluid flows take: background load at no cost per
/// packet. One way only: packets do not slow fluid flows down, so keep their sum below capacity.
class FluidFlows : public ns3::Object {
 public:
  static ns3::TypeId GetTypeId();
  FluidFlows();
  ~FluidFlows() override;

  /// Over the same fabric, whose link changes it follows at once. REQUIRES: built; called once, before any flow.
  Expected<void> Attach(ns3::Ptr<packet::RoceFabric> fabric);
  /// Alone. REQUIRES: as Attach.
  Expected<void> Attach(const FabricSpec& spec);

  /// From now on. Errors: the same GPU twice, a GPU beyond the fabric's, no path.
  Expected<std::uint32_t> StartFlow(std::uint32_t source, std::uint32_t destination, std::uint64_t bytes);
  /// Its rate now, payload; 0 where it has finished.
  ns3::DataRate GetFlowRate(std::uint32_t flow);
  std::uint32_t GetActiveFlows() const { return static_cast<std::uint32_t>(flows_.size()); }
  std::uint64_t GetSolves() const { return solves_; }

  /// Both directions of the cable; 0: dead, its flows take other paths at once, or stand still where there is none.
  Expected<void> SetLinkRate(const std::string& link, double factor);

  typedef void (*FlowCallback)(std::uint32_t flow, ns3::Time duration);

 protected:
  void DoDispose() override;

 private:
  struct Part {  // one QP's path, a variable of the max-min problem
    std::uint32_t flow = 0;
    double bits = 0, rate = 0;  // left at `since`; payload bits/s
    std::int64_t since = 0;     // ps
    std::uint32_t version = 0;  // of its finish in the queue
    bool live = false;
  };
  struct Flow {
    GpuId source, destination;
    std::int64_t started = 0;
    std::uint32_t parts_left = 0;
    Duration delay{};  // of the longest path: the last byte arrives that much later
    std::vector<std::uint32_t> variables;
  };
  struct Finish {
    std::int64_t at;
    std::uint32_t variable, version;
    bool operator>(const Finish& o) const { return at != o.at ? at > o.at : variable > o.variable; }
  };

  Expected<void> route_fabric();
  Expected<void> add_parts(std::uint32_t id, Flow& flow, double bits);
  [[nodiscard]] double capacity_of(std::uint32_t resource) const;
  void start_solver();
  void solve_soon();
  void solve();
  void bring_up_to_date(std::uint32_t variable, double rate, std::int64_t now);
  void finish_due();
  void schedule_finish();
  void end_part(std::uint32_t variable);
  void tell(std::uint32_t flow, ns3::Time duration);
  void load_packets();
  void on_link(LinkId link, bool up);
  Expected<void> reroute();

  ns3::Ptr<packet::RoceFabric> fabric_;
  bool load_packets_ = false;
  std::uint64_t seed_ = 1;
  FabricSpec spec_;
  std::unique_ptr<Topology> topology_;
  std::unique_ptr<Router> router_;
  MaxMinArrays arrays_;  // no variables: all are added
  Incidence incidence_;
  std::unique_ptr<WarmMaxMin> solver_;
  std::unordered_map<std::string, double> link_factors_;
  std::unordered_map<std::uint32_t, Flow> flows_;
  std::vector<Part> parts_;  // by variable
  std::priority_queue<Finish, std::vector<Finish>, std::greater<>> finishes_;
  std::vector<double> link_load_;  // bits/s, by link; LoadPackets only
  std::uint32_t next_flow_ = 0;
  std::uint64_t solves_ = 0;
  ns3::EventId solve_event_, finish_event_;
  ns3::TracedCallback<std::uint32_t, ns3::Time> flow_finished_;
};

}  // namespace weft::bridge
