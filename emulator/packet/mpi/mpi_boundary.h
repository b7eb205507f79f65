// Boundary over ns-3's MPI engine (DistributedSimulatorImpl).
#pragma once

#include <ns3/net-device.h>
#include <ns3/packet.h>
#include <ns3/ptr.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "emulator/packet/boundary.h"
#include "emulator/packet/network.h"
#include "emulator/packet/partition.h"

namespace weft::packet {

// To ns-3 each process is a node, and two that share cut cables are joined by one point-to-point channel, whose "Delay"
// is the lookahead. What leaves within a quarter of the time that every crossing takes at least goes as one
// ns3::Packet, since a packet costs ns-3 and MPI more than the hops of a frame cost the engine; the rest of that time
// is the lookahead.
class MpiBoundary final : public Boundary {
 public:
  // Cuts the network's cables. Errors: kInput for a crossing link without delay. REQUIRES: MpiInterface is enabled, and
  // its rank and size are the partition's.
  [[nodiscard]] static Expected<std::unique_ptr<MpiBoundary>> create(Network& network, const Partition& partition);

  void frame_leaves(LinkId link, const Frame& f, const IntRecord* telemetry) override;
  void pause_leaves(LinkId link, std::uint8_t priority, bool pause, Ps at) override;

  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] Ps lookahead() const { return lookahead_; }

 private:
  // The way to one other process.
  struct Trunk {
    std::uint32_t device = 0;  // over there
    bool open = false;         // a batch is being filled
    Ps take_at = 0;            // when the other side reads it
    std::vector<std::uint8_t> batch;
  };

  MpiBoundary(Network& network, std::uint32_t parts) : network_(network), trunks_(parts) {}
  [[nodiscard]] Ps least_crossing_time(const Partition& partition) const;
  void make_channels(std::uint32_t own);
  std::vector<std::uint8_t>& batch_to(std::uint32_t part);
  void send_if_full(std::uint32_t part);
  void send(std::uint32_t part);
  void close(std::uint32_t part);
  void take(ns3::Ptr<ns3::Packet> packet);

  Network& network_;
  std::vector<Trunk> trunks_;                // by part
  std::vector<std::uint16_t> part_of_link_;  // that a cut link leads to
  std::vector<std::uint8_t> taken_;
  Ps least_ = 0, lookahead_ = 0;
  std::uint64_t records_ = 0, packets_ = 0;
};

}  // namespace weft::packet
