// Cables that are cut: what leaves for another process, and what comes from there.
//
// The far side's port, which sends nothing itself over there, holds the wire: a frame that comes is put on it and
// arrives by the port's own event, at the time and in the order in which it would have in one process. The near side's
// wire is always empty, so that side has an event for each start, and hands a frame over before any of its time is
// gone.
#include <ns3/nstime.h>

#include "emulator/packet/boundary.h"
#include "emulator/packet/network.h"

namespace weft::packet {

void Network::cut(std::uint32_t cable, Boundary& boundary) {
  WEFT_CHECK(boundary_ == nullptr || boundary_ == &boundary);
  boundary_ = &boundary;
  for (std::uint32_t link = 2 * cable; link < 2 * cable + 2; ++link) ports_[link].flags |= kCrossing;
}

void Network::leave(Port& p, std::uint32_t index) {
  const Frame& f = frames_[index];
  boundary_->frame_leaves(LinkId{ports_.index_of(p)}, f, f.telemetry == kNone ? nullptr : &telemetry_[f.telemetry]);
  free_frame(index);
}

void Network::frame_arrives(LinkId link, const Frame& f, const IntRecord* telemetry) {
  Port& p = ports_[link.value];
  const std::uint32_t index = frames_.take();
  Frame& own = frames_[index];
  own = f;
  own.next = own.in_link = own.telemetry = kNone;
  if (telemetry != nullptr) {
    own.telemetry = telemetry_.take();
    telemetry_[own.telemetry] = *telemetry;
  }
  ++qps_[f.qp].frames;
  if (p.wire_head == kNone || frames_[p.wire_tail].at < f.at) {
    put_on_wire(p, index);
  } else {  // MPI hands over what came together in any order
    std::uint32_t* before = &p.wire_head;
    while (frames_[*before].at < f.at) before = &frames_[*before].next;
    own.next = *before;
    *before = index;
  }
  if (f.at < p.event_at) schedule(p, f.at);
}

void Network::pause_arrives(LinkId link, std::uint8_t priority, bool pause, Ps at) {
  schedule_pause(link.value, priority, pause, at);
}

// The record of a QP whose sender is in another process: its messages, for the receiver to tell where they end.
void Network::announce(std::uint32_t index, Bytes size) { qps_[index].end_psn += append_message(index, size); }

}  // namespace weft::packet
