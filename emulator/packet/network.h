// The data plane: ports, switches, NICs and QPs, moved by ns-3's simulator. No ns-3 object in here but events; the
// model classes around it (fabric.h, net_device.h) give it attributes, trace sources and a place in a script.
#pragma once

#include <ns3/simulator-impl.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulator/packet/frame.h"
#include "emulator/packet/injector.h"
#include "emulator/packet/observer.h"
#include "emulator/packet/pfc_watch.h"
#include "emulator/packet/port.h"
#include "emulator/packet/qp.h"
#include "emulator/packet/reorder.h"
#include "emulator/packet/retransmit_timers.h"
#include "fabric/priorities.h"
#include "fabric/topology.h"
#include "topologies/forwarding.h"

namespace weft::packet {

class Boundary;

// Contexts of events: a port's is its link, which with these tells all apart (see link_order_scheduler.h).
inline constexpr std::uint32_t kPauseContext = 1U << 30;     // and the link that is paused
inline constexpr std::uint32_t kTimerContext = 1U << 31;     // and the QP
inline constexpr std::uint32_t kSliceContext = 0xFFFF'FFFE;  // of all QPs together

using CongestionControlKind = weft::CongestionControl;

// DWRR: bytes that each priority of a port may still send in this round.
struct Deficits {
  std::array<std::int32_t, kPriorities> credit{};
  std::uint32_t turn = 0;
};

// The next hop that a flow keeps at one switch until it pauses.
struct Flowlet {
  Ps last = 0;
  std::uint32_t link = kNone, switch_id = kNone;
};

// A switch's shared buffer. Scale-up switches have none to speak of: credits keep them lossless.
struct SwitchBuffer {
  std::uint64_t used = 0;
  std::uint64_t shared = 0;  // what dynamic thresholds share: buffer less headroom
  std::uint64_t total = 0;
  std::uint32_t pausing = 0;  // (link, priority) pairs told to pause now. Above 0 departures are followed exactly
  std::uint32_t first_port = 0, port_count = 0;  // in Network::switch_ports_
  std::uint64_t peak = 0;
  bool scale_up = false;
};

struct NetworkCounters {
  std::uint64_t data_frames = 0;  // that NICs started, retransmissions included
  std::uint64_t data_hops = 0;    // data frames times links: what the speed benchmark counts
  std::uint64_t delivered_packets = 0, delivered_bytes = 0;
  std::uint64_t acks = 0, naks = 0, cnps = 0, rnr_naks = 0;
  std::uint64_t marks = 0, drops = 0, corrupted = 0, lost_on_dead_links = 0, trims = 0;
  std::uint64_t retransmissions = 0, timeouts = 0, failed_qps = 0;
  std::uint64_t pauses = 0, resumes = 0;
  std::uint64_t flowlets = 0;  // times that a flow chose a next hop
  std::uint64_t events = 0;
};

// What a spec leaves to the engine.
struct NetworkOptions {
  std::uint64_t seed = 1;
  std::uint32_t max_frames = 1U << 26;  // 4 GiB of address space
  std::uint32_t max_qps = 1U << 24;
  Ps rnr_timer = 640'000'000;        // 0.64 ms: IBTA code 12, perftest's default
  std::uint32_t nic_xoff = 262'144;  // bytes in a NIC's receive buffer at which it pauses (assumed)
  Ps storm_after =
      100'000'000'000;  // a port paused for this long without a break is a storm (100 ms: SONiC's watchdog)
};

// One QP to be made: one leg of a connection.
struct QpRequest {
  enum class Leg : std::uint8_t {
    kNetwork,     // NIC port to NIC port, as `endpoints` says
    kScaleUp,     // GPU to GPU through their domain's switch
    kToDomain,    // `from` to the domain's switch, which adds up (in-network reduction)
    kFromDomain,  // the domain's switch to `to` (multicast)
    kExplicit,    // by `path` and `back_path`, link after link; stays there whatever fails
  };
  Leg leg = Leg::kNetwork;
  Forwarding::Endpoints endpoints{};    // kNetwork
  GpuId from, to;                       // scale-up
  std::vector<LinkId> path, back_path;  // kExplicit; the way back may be empty: acknowledged out of band
  std::optional<Rate> rate_limit;       // of the payload, on top of congestion control
  bool send = false;                    // SEND instead of WRITE: needs posted receives
  std::uint8_t priority = 255;          // 255: the spec's data_priority
  std::uint16_t spray_paths = 0;        // of this QP, in place of the spec's routing.spray_paths; 0: those
  std::uint32_t tag = 0;
};

// The simulator's events are parts of it: end the simulator (ns3::Simulator::Destroy) before its life ends.
class Network {
 public:
  // Errors: kInput for a link too long (4 ms) or a fabric that the engine cannot hold.
  [[nodiscard]] static Expected<std::unique_ptr<Network>> create(const Topology& topology, Forwarding& forwarding,
                                                                 const NetworkOptions& options);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Each is told of everything; what it points to must outlive the network or be removed.
  void add_listener(Listener* listener);
  void remove_listener(Listener* listener);
  void add_observer(Observer* observer);
  void remove_observer(Observer* observer);
  // Frames, queues and pause frames of this link go to the observers (kWatched).
  void watch(LinkId link, bool watched);

  // Errors: kInput where there is no path.
  [[nodiscard]] Expected<std::uint32_t> create_qp(const QpRequest& request);
  void destroy_qp(std::uint32_t qp);
  // One message behind those posted before. Messages of one size are cheapest.
  void post(std::uint32_t qp, Bytes size);
  void post_receives(std::uint32_t qp, std::uint32_t count);

  // Link state, both directions. A dead cable loses what is on it; routing follows after spec.routing.convergence.
  void set_cable(std::uint32_t cable, double rate_factor);
  [[nodiscard]] double rate_factor(LinkId link) const;  // of the last set_cable, background left out; 1 before
  // This share of the link's rate goes to traffic that the engine does not carry; packets share the rest. In [0, 1).
  void set_background(LinkId link, double share);
  // Cuts both directions of a cable: one end of it is simulated by another process, in a Network of the same fabric,
  // options and QPs, all created there in the same order. Before the run; one boundary for all cables.
  void cut(std::uint32_t cable, Boundary& boundary);
  // What the other process handed to its boundary. REQUIRES: a link that is cut; `at` (f.at) is in the future.
  void frame_arrives(LinkId link, const Frame& f, const IntRecord* telemetry);
  void pause_arrives(LinkId link, std::uint8_t priority, bool pause, Ps at);
  // post() for a QP that sends in another process and receives in this one.
  void announce(std::uint32_t qp, Bytes size);
  // The NIC port's receiver stops: it pauses its leaf for ever (a PFC storm's usual cause).
  void stall_receiver(PortId port, bool stalled);

  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] const NetworkCounters& counters() const { return counters_; }
  [[nodiscard]] Port& port(LinkId link) { return ports_[link.value]; }
  [[nodiscard]] const Port& port(LinkId link) const { return ports_[link.value]; }
  [[nodiscard]] Qp& qp(std::uint32_t index) { return qps_[index]; }
  [[nodiscard]] const Qp& qp(std::uint32_t index) const { return qps_[index]; }
  [[nodiscard]] Frame& frame(std::uint32_t index) { return frames_[index]; }
  [[nodiscard]] SwitchBuffer& buffer(std::uint32_t switch_index) { return switches_[switch_index]; }
  [[nodiscard]] std::uint32_t switch_count() const { return static_cast<std::uint32_t>(switches_.size()); }
  [[nodiscard]] std::uint32_t switch_index(NodeRef node) const;
  [[nodiscard]] std::span<const std::uint32_t> ports_of(std::uint32_t switch_index) const {
    const SwitchBuffer& s = switches_[switch_index];
    return {switch_ports_.data() + s.first_port, s.port_count};
  }
  // NIC ports of a QP that is routed from one to another.
  [[nodiscard]] PortId from_port(const Qp& q) const { return port_of(path(q).front()); }
  [[nodiscard]] PortId to_port(const Qp& q) const { return port_of(path(q).back()); }
  // Of a full packet and its ACK through empty queues.
  [[nodiscard]] Ps base_rtt(const Qp& q) const;
  [[nodiscard]] std::span<const std::uint32_t> path(const Qp& q) const { return route(q.path, q.hops); }
  [[nodiscard]] std::span<const std::uint32_t> back_path(const Qp& q) const { return route(q.back_path, q.back_hops); }
  [[nodiscard]] std::uint32_t live_frames() const { return frames_.live(); }
  [[nodiscard]] std::uint32_t most_frames() const { return frames_.high_water(); }  // at the fullest moment so far
  [[nodiscard]] std::uint32_t live_qps() const { return qps_.live(); }
  [[nodiscard]] std::uint32_t payload_of(const Qp& q, std::uint32_t psn) const;
  // Where a packet that is not acknowledged yet stands among the messages.
  [[nodiscard]] MessageRun run_of(const Qp& q, std::uint32_t psn) const {
    return (q.flags & kQpMixed) == 0 ? q.run : later_run_of(q, psn);
  }
  // What a port holds of one priority.
  [[nodiscard]] const Lane& lane(const Port& p, std::uint32_t priority) const {
    static constexpr Lane kEmpty;
    const std::uint32_t lane = lane_number_[priority];
    if (lane < kPortLanes) return p.lanes[lane];
    return more_lanes_.empty() ? kEmpty : more_lanes_[ports_.index_of(p)][lane - kPortLanes];
  }
  // Bytes waiting at a port now, of one priority.
  [[nodiscard]] std::uint32_t queue_bytes(LinkId link, std::uint8_t priority);
  // A bit error hits the frame on this link. The same at every call: decided by frame, link and arrival.
  [[nodiscard]] bool corrupted(const Port& p, const Frame& f) const;
  // Adaptive by flow: a QP's path depends on the QPs made before it.
  [[nodiscard]] bool places_flows() const { return !placed_.empty(); }
  [[nodiscard]] PfcWatch& pfc_watch() { return *pfc_watch_; }
  [[nodiscard]] Ps now() const { return simulator_->Now().GetTimeStep(); }

 private:
  friend struct Port;
  Network(const Topology& topology, Forwarding& forwarding, const NetworkOptions& options);

  // network_build.cc
  Expected<void> build();
  Expected<void> build_port(LinkId link);
  void build_switches();
  void set_rate(Port& p, Rate rate);
  void order_lanes();
  void open_lane(std::uint8_t priority);
  // REQUIRES: open_lane(priority).
  [[nodiscard]] Lane& lane_of(Port& p, std::uint32_t priority) {
    const std::uint32_t lane = lane_number_[priority];
    return lane < kPortLanes ? p.lanes[lane] : more_lanes_[ports_.index_of(p)][lane - kPortLanes];
  }
  [[nodiscard]] FrameQueue& queue(Port& p, std::uint32_t priority) { return lane_of(p, priority).queue; }
  [[nodiscard]] Rate rate_now(LinkId link) const;
  [[nodiscard]] bool place_flow(PortId from, PortId to, std::uint64_t digest, std::vector<LinkId>& out);
  void take_reorder(Qp& q);
  void give_back(std::uint32_t index);
  std::uint32_t append_message(std::uint32_t index, Bytes size);
  void unplace_flow(const Qp& q);
  void build_dwrr(const PriorityWeights& weights);
  Expected<void> route_network(Qp& q, PortId from, PortId to);
  void route_scale_up(Qp& q, const QpRequest& request);
  Expected<void> route_qp(Qp& q, const QpRequest& request);
  void set_path(std::array<std::uint32_t, kInlinePath>& path, std::uint8_t& hops, std::span<const std::uint32_t> links);
  [[nodiscard]] Ps one_way(std::span<const std::uint32_t> links, std::uint32_t bytes) const;
  [[nodiscard]] std::uint32_t injector_of(std::uint32_t link);
  [[nodiscard]] double ps_per_byte_of(const Qp& q) const {
    const double least = (q.flags & kQpRateLimited) != 0 ? rate_limits_.at(qps_.index_of(q)) : 0.0;
    return std::max(q.control.ps_per_byte(), least);
  }
  // Null where packets arrive in order or not at all.
  [[nodiscard]] Reorder* reorder_of(const Qp& q) const {
    return (q.flags & kQpReorder) != 0 ? reorders_[qps_.index_of(q)].get() : nullptr;
  }
  [[nodiscard]] std::uint32_t sacked_of(const Qp& q) const {
    const Reorder* reorder = reorder_of(q);
    return reorder == nullptr ? 0 : reorder->sacked;
  }
  [[nodiscard]] std::uint32_t headers_of(const Qp& q) const { return (q.flags & kQpScaleUp) != 0 ? 0 : header_bytes_; }
  // The link behind link `hop` of the path, for Frame::onward.
  [[nodiscard]] std::uint32_t onward_of(const Qp& q, std::uint32_t hop) const {
    return (q.flags & kQpPerPacket) == 0 && hop + 1 < q.hops ? path(q)[hop + 1] : kNone;
  }
  [[nodiscard]] Port& sending_port(const Qp& q) { return ports_[path(q)[0]]; }
  [[nodiscard]] const CongestionParams& params_of(const Qp& q) const {
    return (q.flags & kQpScaleUp) != 0 ? scale_up_control_ : network_control_;
  }
  [[nodiscard]] PortId port_of(std::uint32_t host_link) const {
    return PortId{(host_link - topology_.first_host_link()) / 2};
  }
  [[nodiscard]] std::span<const std::uint32_t> route(const std::array<std::uint32_t, kInlinePath>& inline_path,
                                                     std::uint8_t hops) const {
    return hops <= kInlinePath ? std::span(inline_path.data(), hops) : std::span(&long_paths_[inline_path[0]], hops);
  }

  // port.cc: the transmitter
  void on_port(Port& p);
  void schedule(Port& p, Ps at);
  void advance(Port& p, Ps now);
  bool advance_injecting(Port& p, Ps now, std::uint8_t available);
  [[nodiscard]] Ps next_start(Port& p);
  void advance_and_schedule(Port& p, Ps now);
  void ensure_event(Port& p, Ps now);
  // An event for every start, not only for arrivals.
  [[nodiscard]] bool follows_departures(const Port& p) const {
    return p.is(kWatched) || (p.at_switch != kNone && switches_[p.at_switch].pausing != 0);
  }
  void send(Port& p, std::uint32_t frame, Ps start);
  void read_ahead(const Port& p, bool near) const;
  void put_on_wire(Port& p, std::uint32_t frame);
  void leave(Port& p, std::uint32_t frame);
  [[nodiscard]] std::uint32_t pick_queue(Port& p, std::uint8_t available);
  std::uint32_t dequeue(Port& p, std::uint32_t priority, Ps start);
  void append(Port& p, std::uint32_t frame);
  void deliver(Port& p, std::uint32_t frame, Ps now);
  void free_frame(std::uint32_t frame);
  void mark(Port& p, Frame& f, std::uint32_t queued);
  void stamp(Port& p, Frame& f, Ps start);
  [[nodiscard]] bool ends_here(const Frame& f) const;

  // switch.cc: admission, PFC
  void forward(Port& in, std::uint32_t frame, Ps now);
  [[nodiscard]] std::uint32_t next_link(const Port& in, const Frame& f, Ps now);
  [[nodiscard]] std::uint32_t next_of(const Qp& q, std::span<const std::uint32_t> links, const Port& in, const Frame& f,
                                      bool back);
  void enqueue(Port& in, Port& out, std::uint32_t frame, Ps now);
  bool admit(SwitchBuffer& s, Port& in, Port& out, std::uint32_t frame, Ps now);
  bool admit_lossless(SwitchBuffer& s, Port& in, const Frame& f, Ps now);
  bool admit_lossy(SwitchBuffer& s, const Port& out, const Frame& f, Ps now);
  bool trim(Frame& f);
  void release(const Frame& f, std::uint32_t at_switch);
  void catch_up(const SwitchBuffer& s, Ps now);
  void drop(Port& at, std::uint32_t frame);
  void send_pause(std::uint32_t in_link, std::uint8_t priority, bool pause);
  void emit_pause(std::uint32_t in_link, std::uint8_t priority, bool pause);
  void schedule_pause(std::uint32_t link, std::uint8_t priority, bool pause, Ps at);
  void look_for_trouble();
  void watch_pauses();
  void resume(SwitchBuffer& s, std::uint32_t link, std::uint8_t priority);
  void take_pause(std::uint32_t link, std::uint8_t priority, bool pause);
  [[nodiscard]] double free_share(const SwitchBuffer& s) const;
  [[nodiscard]] double pause_threshold(const SwitchBuffer& s) const;
  [[nodiscard]] std::uint64_t headroom_of(LinkId link) const;

  // multipath.cc: switches that choose for each packet
  [[nodiscard]] std::uint32_t choose_link(const Port& in, const Frame& f, Ps now);
  [[nodiscard]] std::uint32_t any_live(const NextHops& hops, std::uint64_t draw) const;
  [[nodiscard]] std::uint32_t least_backlog(const NextHops& hops, std::uint64_t draw, Ps now) const;
  [[nodiscard]] Ps backlog(const Port& p, std::uint8_t priority, Ps now) const;
  [[nodiscard]] std::uint32_t flowlet(Qp& q, const Frame& f, const NextHops& hops, Ps now);

  // faults.cc
  [[nodiscard]] double bit_error_rate(LinkTier tier) const;
  [[nodiscard]] Rate nominal_rate(LinkId link) const;
  void flush(Port& p);
  void reroute(std::uint32_t cable, bool alive);

  // nic.cc: the sender
  [[nodiscard]] Ps next_pull(const Injector& inj, const Port& p) const;
  void collect_paced(Injector& inj, Ps until);
  [[nodiscard]] std::uint32_t join_paced(std::uint32_t a, std::uint32_t b);
  [[nodiscard]] std::uint32_t join_children(std::uint32_t first);
  [[nodiscard]] int highest_ready(const Injector& inj, const Port& p, Ps start) const;
  void push_ring(Injector& inj, std::uint32_t qp);
  [[nodiscard]] bool may_send(const Qp& q) const;
  [[nodiscard]] bool fits_window(const Qp& q) const;
  void make_ready(Qp& q, std::uint32_t index, Ps from);
  void kick(Qp& q, std::uint32_t index, Ps now);
  std::uint32_t pull(Injector& inj, Port& p, Ps start, std::uint8_t priority);
  std::uint32_t make_data(Qp& q, std::uint32_t index, Ps start);
  [[nodiscard]] std::uint32_t take_psn(Qp& q);
  [[nodiscard]] std::uint32_t next_entropy(const Qp& q, Reorder& reorder) const;
  void take_answer(Frame& f, Ps now);
  void take_nak(Qp& q, std::uint32_t index, Frame& f, Ps now);
  void end_rnr_wait(Qp* q);
  void acknowledge(Qp& q, std::uint32_t index, const Frame& f, Ps now);
  [[nodiscard]] MessageRun later_run_of(const Qp& q, std::uint32_t psn) const;
  void retire_runs(Qp& q, std::uint32_t index);

  // retransmit.cc
  void run_timer(Qp& q, std::uint32_t index, Ps now);
  void wait_for_timeout(Qp& q, std::uint32_t index);
  void open_timer_slice();
  void look_at_timer(std::uint32_t index);
  void on_timer(std::uint32_t index);
  void time_out(Qp& q, std::uint32_t index, Ps now);
  void fail(Qp& q, std::uint32_t index);

  // receiver.cc
  void receive(Port& p, std::uint32_t frame, Ps now);
  void take_data(Port& p, Frame& f, Ps now);
  [[nodiscard]] bool ack_is_owed(Qp& q, const Frame& f);
  void take_trimmed(Qp& q, Frame& f, Ps now);
  [[nodiscard]] bool receive_is_posted(Qp& q, const Frame& f, Ps now);
  void answer(Qp& q, std::uint32_t index, const Frame& f, FrameKind kind, Ps now);
  void send_back(Qp& q, std::uint32_t frame, Ps now);
  void direct_answer(std::uint32_t frame);
  void notify_congestion(Qp& q, std::uint32_t index, const Port& p, Ps now);
  void complete_messages(Qp& q, std::uint32_t index, std::uint32_t before, Ps in_memory);
  void tell_received(std::uint32_t qp, std::uint32_t message);
  [[nodiscard]] Ps drain(Port& p, std::uint32_t payload, Ps now);
  void resume_drain(std::uint32_t link);

  const Topology& topology_;
  Forwarding& forwarding_;
  const FabricSpec& spec_;
  NetworkOptions options_;
  ns3::SimulatorImpl* simulator_;
  Listener* listener_ = nullptr;  // null, the only one, or listeners_
  Observer* observer_ = nullptr;
  Boundary* boundary_ = nullptr;  // where cables are cut
  ListenerFanOut listeners_;
  ObserverFanOut observers_;
  std::uint32_t mtu_, header_bytes_;
  double bus_ps_per_byte_ = 0;  // PCIe; 0: no limit
  std::uint8_t lossless_ = 0;   // priorities
  bool per_packet_ = false;     // switches choose for each packet
  bool unordered_ = false;      // and packets of one QP overtake each other
  bool looking_ = false;        // a look for storms and deadlocks is due
  CongestionParams network_control_, scale_up_control_;
  Arena<Port> ports_;
  std::array<std::uint8_t, kPriorities> lane_number_{};  // by priority
  std::vector<std::array<Lane, kPriorities - kPortLanes>>
      more_lanes_;  // by link; empty while few priorities are in use
  Arena<Frame> frames_;
  Arena<Qp> qps_;
  Arena<IntRecord> telemetry_;
  std::vector<Injector> injectors_;
  RetransmitTimers timers_;
  std::unordered_map<std::uint32_t, double> rate_limits_;  // by QP with kQpRateLimited: least ps per wire byte
  std::unordered_map<std::uint32_t, std::uint32_t> posted_receives_;  // by QP with kQpSend
  std::vector<SwitchBuffer> switches_;
  std::vector<std::uint32_t> switch_ports_;  // links out of each switch
  std::uint32_t first_spine_ = 0, first_core_ = 0, first_scale_up_ = 0;
  std::vector<std::uint32_t> long_paths_;
  std::vector<std::array<IntHop, kMaxIntHops>> last_hops_;                // HPCC, by QP
  std::vector<std::unique_ptr<Reorder>> reorders_;                        // by QP
  std::vector<std::uint16_t> placed_;                                     // adaptive by flow: flows on each link
  std::unordered_map<std::uint32_t, std::deque<MessageRun>> later_runs_;  // by QP: behind Qp::run, in order
  std::vector<Flowlet> flowlets_;                                         // by QP and hop
  std::vector<Deficits> dwrr_;                                            // by link; empty where scheduling is strict
  PriorityWeights dwrr_quantum_{};
  std::unordered_map<std::uint32_t, std::uint32_t>
      pause_level_;                                         // link * 8 + priority: ingress bytes when it was paused
  std::unordered_map<std::uint32_t, double> rate_factors_;  // by cable, where not 1
  std::unordered_map<std::uint32_t, double> background_;    // by link, where not 0
  std::unique_ptr<PfcWatch> pfc_watch_;
  NetworkCounters counters_;
};

}  // namespace weft::packet
