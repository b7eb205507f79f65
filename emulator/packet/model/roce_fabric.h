// A fabric as an ns-3 object: the fields of a fabric file as attributes, what happens in it as trace sources.
#pragma once

#include <ns3/callback.h>
#include <ns3/data-rate.h>
#include <ns3/node.h>
#include <ns3/nstime.h>
#include <ns3/object.h>
#include <ns3/traced-callback.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulator/packet/failure_player.h"
#include "emulator/packet/model/fabric_nodes.h"
#include "emulator/packet/model/spec_attributes.h"
#include "emulator/packet/model/wire_bytes.h"
#include "emulator/packet/network.h"

namespace weft::packet {

/// How a QP is to be; what is left out is as the fabric says.
struct QpOptions {
  std::uint8_t priority = 255;  ///< 255: the fabric's data_priority
  bool send = false;            ///< SEND instead of WRITE: the receiver must have posted receives
  std::uint32_t channel = 0;    ///< with the pair's names it picks the QP numbers, hence the UDP source port and path
  std::uint32_t index = 0;      ///< of the channel's QPs
  std::uint32_t tag = 0;
};

/// A RoCE fabric: Topology, Forwarding and Network in one object.
///
/// Set it up: SetSpec() or Load(), then attributes on top of it, then Build(). Attributes that were changed from their
/// defaults before SetSpec() (Config::SetDefault, a command line, an ObjectFactory) stay in force over the file's
/// values. After Build() the attributes of the spec are fixed: setting one fails.
///
/// Parts go by weft's names: "gpu3", "host3" (its first NIC port), "host3.nic1", "host3.nic1.port0", "leaf0", and
/// "leaf0>spine1" for a directed link. QPs are numbers, as of Network.
class RoceFabric : public ns3::Object, public SpecHolder, private Observer, private Listener {
 public:
  static ns3::TypeId GetTypeId();
  RoceFabric();
  ~RoceFabric() override;

  /// REQUIRES: not built.
  void SetSpec(const FabricSpec& spec);
  Expected<void> Load(const std::string& fabric_file);
  /// Errors: those of a fabric file with these values, of its topology, and of Network::create.
  Expected<void> Build();
  bool IsBuilt() const { return network_ != nullptr; }
  const FabricSpec& GetSpec() const override { return spec_; }

  // All below REQUIRES: built.
  const Topology& GetTopology() const { return *topology_; }
  Forwarding& GetForwarding() { return *forwarding_; }
  Network& GetNetwork() { return *network_; }
  const NetworkCounters& GetCounters() const { return network_->counters(); }

  /// Between two GPUs (through their domain's switch where they share one) or two NIC ports.
  /// Errors: a name that is no part of the fabric; no path; GPUs that need a proxy (PXN), which is two QPs.
  Expected<std::uint32_t> CreateQp(const std::string& from, const std::string& to, const QpOptions& options = {});
  void Post(std::uint32_t qp, std::uint64_t bytes);
  /// Called when a message of this QP is acknowledged (with its number), and when the QP fails.
  void SetQpCallbacks(std::uint32_t qp, ns3::Callback<void, std::uint32_t> acknowledged, ns3::Callback<void> failed);
  ns3::DataRate GetRate(std::uint32_t qp) const;
  /// What its packets say of themselves.
  WireIds GetWireIds(std::uint32_t qp) const;

  Expected<LinkId> FindLink(const std::string& name) const;
  Expected<PortId> FindPort(const std::string& name) const;
  /// Both directions of the link's cable. 0: dead; 1: as built.
  void SetLinkRate(LinkId link, double factor);
  /// The receiver of this NIC port stops and pauses its leaf, a storm's usual cause.
  void StallReceiver(PortId port, bool stalled);

  FabricNodes& GetNodes() { return *nodes_; }

  // Attributes that are not of the spec.
  void SetSeed(std::uint64_t seed) { options_.seed = seed; }
  std::uint64_t GetSeed() const { return options_.seed; }
  void SetRnrTimer(ns3::Time time) { options_.rnr_timer = time.GetPicoSeconds(); }
  ns3::Time GetRnrTimer() const { return ns3::PicoSeconds(static_cast<std::uint64_t>(options_.rnr_timer)); }
  void SetStormAfter(ns3::Time time) { options_.storm_after = time.GetPicoSeconds(); }
  ns3::Time GetStormAfter() const { return ns3::PicoSeconds(static_cast<std::uint64_t>(options_.storm_after)); }
  void SetNicXoff(std::uint32_t bytes) { options_.nic_xoff = bytes; }
  std::uint32_t GetNicXoff() const { return options_.nic_xoff; }
  void SetMaxFrames(std::uint32_t frames) { options_.max_frames = frames; }
  std::uint32_t GetMaxFrames() const { return options_.max_frames; }
  void SetMaxQps(std::uint32_t qps) { options_.max_qps = qps; }
  std::uint32_t GetMaxQps() const { return options_.max_qps; }

  /// Signatures of the trace sources.
  typedef void (*FrameCallback)(LinkId link, const Frame& frame);
  typedef void (*TransmitCallback)(LinkId link, const Frame& frame, ns3::Time start);
  typedef void (*PauseCallback)(LinkId link, std::uint8_t priority);
  typedef void (*QueueCallback)(LinkId link, std::uint8_t priority, std::uint32_t bytes);
  typedef void (*QpCallback)(std::uint32_t qp);
  typedef void (*RateCallback)(std::uint32_t qp, ns3::DataRate rate, std::uint64_t window);
  typedef void (*LinkCallback)(LinkId link, bool up);
  typedef void (*MessageCallback)(std::uint32_t qp, std::uint32_t message);

  /// Of the trace sources: someone connected or disconnected.
  void TracesChanged();
  /// Of devices: a port and its way back are wanted or not.
  void Watch(LinkId link, bool watched);

 protected:
  void DoDispose() override;
  FabricSpec* editable_spec() override { return network_ == nullptr ? &spec_ : nullptr; }

 private:
  void on_transmit(LinkId link, const Frame& frame, Ps start) override;
  void on_queue(LinkId link, std::uint8_t priority, std::uint32_t bytes, Ps at) override;
  void on_pause_frame(LinkId link, std::uint8_t priority, bool pause, Ps start) override;
  void on_drop(LinkId link, const Frame& frame) override { drop_(link, frame); }
  void on_mark(LinkId link, const Frame& frame) override { mark_(link, frame); }
  void on_pause(LinkId link, std::uint8_t priority, bool pause) override { (pause ? pause_ : resume_)(link, priority); }
  void on_cnp(std::uint32_t qp) override;
  void on_rate(std::uint32_t qp) override;
  void on_link(LinkId link, bool up) override;
  void on_received(std::uint32_t qp, std::uint32_t message) override { received_(qp, message); }
  void on_acknowledged(std::uint32_t qp, std::uint32_t message) override;
  void on_failed(std::uint32_t qp) override;

  static void add_engine_attributes(ns3::TypeId& tid);
  static void add_traces(ns3::TypeId& tid);
  void carry(LinkId link, ns3::Ptr<ns3::Packet> packet, Ps start, Ps line, bool intact);
  void arrive(LinkId link, ns3::Ptr<const ns3::Packet> packet);

  struct Place {  // what a name means as an end of a QP
    bool is_gpu = false;
    GpuId gpu;
    PortId port;
  };
  Expected<Place> find_place(const std::string& name) const;
  Expected<QpRequest> request_between(const Place& from, const Place& to, const QpOptions& options, WireIds& ids) const;

  FabricSpec spec_;
  NetworkOptions options_;
  std::unique_ptr<Topology> topology_;
  std::unique_ptr<Forwarding> forwarding_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<FabricNodes> nodes_;
  std::unique_ptr<FailurePlayer> failures_;
  struct QpCallbacks {
    ns3::Callback<void, std::uint32_t> acknowledged;
    ns3::Callback<void> failed;
  };
  std::unordered_map<std::uint32_t, QpCallbacks> callbacks_;                   // by QP
  std::unordered_map<std::uint32_t, WireIds> ids_;                             // by QP
  std::unordered_map<std::uint32_t, std::pair<double, std::uint64_t>> rates_;  // last told, by QP
  std::unordered_map<std::uint32_t, std::uint32_t> watchers_;                  // by link: devices with a sink
  bool observing_ = false, listening_ = false, watching_all_ = false;

  ns3::TracedCallback<LinkId, const Frame&, ns3::Time> transmit_;
  ns3::TracedCallback<LinkId, const Frame&> drop_, mark_;
  ns3::TracedCallback<LinkId, std::uint8_t> pause_, resume_;
  ns3::TracedCallback<LinkId, std::uint8_t, std::uint32_t> queue_;
  ns3::TracedCallback<std::uint32_t> cnp_, failed_;
  ns3::TracedCallback<std::uint32_t, ns3::DataRate, std::uint64_t> rate_;
  ns3::TracedCallback<LinkId, bool> link_;
  ns3::TracedCallback<std::uint32_t, std::uint32_t> received_, acknowledged_;
};

}  // namespace weft::packet
