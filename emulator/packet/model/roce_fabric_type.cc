// Attributes and trace sources of RoceFabric.
#include <ns3/nstime.h>
#include <ns3/uinteger.h>

#include "emulator/packet/model/roce_fabric.h"
#include "emulator/packet/model/watched_trace.h"

namespace weft::packet {

NS_OBJECT_ENSURE_REGISTERED(RoceFabric);

ns3::TypeId RoceFabric::GetTypeId() {
  static ns3::TypeId tid = [] {
    ns3::TypeId made = ns3::TypeId("weft::packet::RoceFabric")
                           .SetParent<ns3::Object>()
                           .SetGroupName("Weft")
                           .AddConstructor<RoceFabric>();
    made = add_spec_attributes(made);
    add_engine_attributes(made);
    add_traces(made);
    return made;
  }();
  return tid;
}

void RoceFabric::add_engine_attributes(ns3::TypeId& tid) {
  const NetworkOptions defaults;
  tid.AddAttribute("Seed", "random seed: QP numbers, switches' hashes, marks and bit errors",
                   ns3::UintegerValue(defaults.seed),
                   ns3::MakeUintegerAccessor(&RoceFabric::SetSeed, &RoceFabric::GetSeed),
                   ns3::MakeUintegerChecker<std::uint64_t>())
      .AddAttribute("RnrTimer", "how long a sender waits after an RNR NAK",
                    ns3::TimeValue(ns3::PicoSeconds(static_cast<std::uint64_t>(defaults.rnr_timer))),
                    ns3::MakeTimeAccessor(&RoceFabric::SetRnrTimer, &RoceFabric::GetRnrTimer),
                    ns3::MakeTimeChecker(ns3::Time(0)))
      .AddAttribute("StormAfter", "a port paused this long without a break is a PFC storm",
                    ns3::TimeValue(ns3::PicoSeconds(static_cast<std::uint64_t>(defaults.storm_after))),
                    ns3::MakeTimeAccessor(&RoceFabric::SetStormAfter, &RoceFabric::GetStormAfter),
                    ns3::MakeTimeChecker(ns3::Time(0)))
      .AddAttribute("NicXoff", "bytes in a NIC's receive buffer at which it pauses its leaf (HostsPcieRate)",
                    ns3::UintegerValue(defaults.nic_xoff),
                    ns3::MakeUintegerAccessor(&RoceFabric::SetNicXoff, &RoceFabric::GetNicXoff),
                    ns3::MakeUintegerChecker<std::uint32_t>())
      .AddAttribute("MaxFrames", "frames under way at once, at most: address space of 64 bytes each",
                    ns3::UintegerValue(defaults.max_frames),
                    ns3::MakeUintegerAccessor(&RoceFabric::SetMaxFrames, &RoceFabric::GetMaxFrames),
                    ns3::MakeUintegerChecker<std::uint32_t>(1))
      .AddAttribute("MaxQps", "QPs at once, at most", ns3::UintegerValue(defaults.max_qps),
                    ns3::MakeUintegerAccessor(&RoceFabric::SetMaxQps, &RoceFabric::GetMaxQps),
                    ns3::MakeUintegerChecker<std::uint32_t>(1));
}

void RoceFabric::add_traces(ns3::TypeId& tid) {
  const auto add = [&](const char* name, const char* help, auto source, const char* signature) {
    tid.AddTraceSource(name, help, MakeWatchedTraceAccessor(source),
                       std::string("weft::packet::RoceFabric::") + signature);
  };
  add("Transmit", "a frame begins to leave, on any link; all links follow departures exactly while connected",
      &RoceFabric::transmit_, "TransmitCallback");
  add("Drop", "a frame is lost: no room, dead link, bit error, no way", &RoceFabric::drop_, "FrameCallback");
  add("Mark", "a switch sets congestion experienced", &RoceFabric::mark_, "FrameCallback");
  add("Pause", "the sender of a link is paused for a priority", &RoceFabric::pause_, "PauseCallback");
  add("Resume", "the sender of a link may go on", &RoceFabric::resume_, "PauseCallback");
  add("QueueBytes", "bytes of a priority that wait at a link, after each change; all links follow departures exactly",
      &RoceFabric::queue_, "QueueCallback");
  add("Cnp", "a congestion notification reaches its sender", &RoceFabric::cnp_, "QpCallback");
  add("Rate", "a QP's rate or window is another than told last; looked at with each ACK, NAK and CNP",
      &RoceFabric::rate_, "RateCallback");
  add("LinkState", "a link dies, comes back or changes its rate; once for each direction", &RoceFabric::link_,
      "LinkCallback");
  add("MessageReceived", "the last byte of a message is in the receiver's memory", &RoceFabric::received_,
      "MessageCallback");
  add("MessageAcknowledged", "the sender knows that a message has arrived", &RoceFabric::acknowledged_,
      "MessageCallback");
  add("QpFailed", "a QP has used up its retries", &RoceFabric::failed_, "QpCallback");
}

}  // namespace weft::packet
