#include "emulator/packet/mpi/mpi_boundary.h"

#include <ns3/boolean.h>
#include <ns3/callback.h>
#include <ns3/mpi-interface.h>
#include <ns3/mpi-receiver.h>
#include <ns3/node.h>
#include <ns3/nstime.h>
#include <ns3/simple-channel.h>
#include <ns3/simple-net-device.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <span>

#include "emulator/packet/frame_codec.h"

namespace weft::packet {
namespace {

// ns-3 reads at most MAX_MPI_MSG_SIZE = 2000 bytes at once; its own headers of a packet are below 100.
constexpr std::size_t kMostBytes = 1'880;

// Of the least crossing time so much is for filling a batch, the rest is lookahead.
constexpr Ps kHeldShare = 4;

ns3::Time time_of(Ps ps) { return ns3::TimeStep(static_cast<std::uint64_t>(ps)); }

}  // namespace

Expected<std::unique_ptr<MpiBoundary>> MpiBoundary::create(Network& network, const Partition& partition) {
  const std::uint32_t own = ns3::MpiInterface::GetSystemId();
  WEFT_CHECK(partition.parts() == ns3::MpiInterface::GetSize());
  std::unique_ptr<MpiBoundary> boundary(new MpiBoundary(network, partition.parts()));
  const Topology& topology = network.topology();
  boundary->part_of_link_.resize(topology.link_count());
  for (std::uint32_t link = topology.first_fabric_link(); link < topology.link_count(); ++link) {
    if (!partition.crosses(LinkId{link})) continue;
    const LinkEnds ends = topology.ends(LinkId{link});
    const std::uint32_t from = partition.part_of(ends.from), to = partition.part_of(ends.to);
    boundary->part_of_link_[link] = static_cast<std::uint16_t>(to);
    if ((from == own || to == own) && link % 2 == 0) network.cut(link / 2, *boundary);
  }
  boundary->least_ = boundary->least_crossing_time(partition);
  if (boundary->least_ < kHeldShare)
    return input_error("links between pods without delay", "", "several processes need links.*.delay above 0");
  boundary->lookahead_ = boundary->least_ - boundary->least_ / kHeldShare;
  boundary->make_channels(own);
  return boundary;
}

// What crosses arrives later than this after it was handed over: the same in every process.
Ps MpiBoundary::least_crossing_time(const Partition& partition) const {
  const Topology& topology = network_.topology();
  const bool pauses = topology.spec().switches.pfc;
  Ps least = kNever;
  for (std::uint32_t link = topology.first_fabric_link(); link < topology.link_count(); ++link) {
    if (!partition.crosses(LinkId{link})) continue;
    const Ps frame = network_.port(LinkId{link}).delay;
    least = std::min(least, pauses ? std::min(frame, topology.delay(LinkId{link}).picoseconds) : frame);
  }
  return least;
}

void MpiBoundary::make_channels(std::uint32_t own) {
  const auto parts = static_cast<std::uint32_t>(trunks_.size());
  std::vector<ns3::Ptr<ns3::Node>> nodes;
  for (std::uint32_t part = 0; part < parts; ++part) {
    nodes.push_back(ns3::CreateObject<ns3::Node>(part));
    WEFT_CHECK(nodes.back()->GetId() == part);
  }
  const auto device_on = [&](std::uint32_t part, const ns3::Ptr<ns3::SimpleChannel>& channel) {
    const auto device = ns3::CreateObject<ns3::SimpleNetDevice>();
    device->SetAttribute("PointToPointMode", ns3::BooleanValue(true));
    nodes[part]->AddDevice(device);
    device->SetChannel(channel);
    const auto receiver = ns3::CreateObject<ns3::MpiReceiver>();
    receiver->SetReceiveCallback(ns3::MakeCallback(&MpiBoundary::take, this));
    device->AggregateObject(receiver);
    return device->GetIfIndex();
  };
  for (std::uint32_t a = 0; a < parts; ++a) {
    for (std::uint32_t b = a + 1; b < parts; ++b) {
      const auto channel = ns3::CreateObject<ns3::SimpleChannel>();
      channel->SetAttribute("Delay", ns3::TimeValue(time_of(lookahead_)));
      const std::uint32_t on_a = device_on(a, channel), on_b = device_on(b, channel);
      if (a == own) trunks_[b].device = on_b;
      if (b == own) trunks_[a].device = on_a;
    }
  }
}

void MpiBoundary::frame_leaves(LinkId link, const Frame& f, const IntRecord* telemetry) {
  const std::uint32_t part = part_of_link_[link.value];
  append_frame(link, f, telemetry, batch_to(part));
  WEFT_CHECK(f.at > trunks_[part].take_at);
  send_if_full(part);
}

void MpiBoundary::pause_leaves(LinkId link, std::uint8_t priority, bool pause, Ps at) {
  const std::uint32_t part = part_of_link_[link.value ^ 1U];  // where the link's sender is
  append_pause(link, priority, pause, at, batch_to(part));
  WEFT_CHECK(at > trunks_[part].take_at);
  send_if_full(part);
}

// A batch opened now is sent after the first part of the least crossing time, and read after the rest: by then nothing
// in it has arrived, since all of it left after the batch was opened.
std::vector<std::uint8_t>& MpiBoundary::batch_to(std::uint32_t part) {
  Trunk& trunk = trunks_[part];
  ++records_;
  if (!trunk.open) {
    trunk.open = true;
    trunk.take_at = network_.now() + least_;
    ns3::Simulator::Schedule(time_of(least_ - lookahead_), &MpiBoundary::close, this, part);
  }
  return trunk.batch;
}

void MpiBoundary::send_if_full(std::uint32_t part) {
  if (trunks_[part].batch.size() + kMaxRecordBytes > kMostBytes) send(part);
}

void MpiBoundary::send(std::uint32_t part) {
  Trunk& trunk = trunks_[part];
  if (trunk.batch.empty()) return;
  ++packets_;
  const auto packet = ns3::Create<ns3::Packet>(trunk.batch.data(), static_cast<std::uint32_t>(trunk.batch.size()));
  ns3::MpiInterface::SendPacket(packet, time_of(trunk.take_at), part, trunk.device);
  trunk.batch.clear();
}

void MpiBoundary::close(std::uint32_t part) {
  send(part);
  trunks_[part].open = false;
}

void MpiBoundary::take(ns3::Ptr<ns3::Packet> packet) {
  taken_.resize(packet->GetSize());
  packet->CopyData(taken_.data(), packet->GetSize());
  std::span<const std::uint8_t> left(taken_);
  while (const auto crossing = take_crossing(left)) {
    if (crossing->kind == Crossing::Kind::kFrame)
      network_.frame_arrives(crossing->link, crossing->frame, crossing->hops ? &*crossing->hops : nullptr);
    else
      network_.pause_arrives(crossing->link, crossing->priority, crossing->kind == Crossing::Kind::kPause,
                             crossing->at);
  }
}

}  // namespace weft::packet
