// A frame of the data plane as the bytes of a RoCEv2 packet: made only where someone looks.
#pragma once

#include <cstdint>
#include <vector>

#include "emulator/packet/network.h"

namespace weft::packet {

// What a QP's packets say of themselves. Data goes to destination_qpn, answers to source_qpn.
struct WireIds {
  std::uint32_t source_qpn = 0, destination_qpn = 0;
  std::uint16_t udp_source_port = 0;
};

// For QPs that were made without: numbers of the QP's index.
[[nodiscard]] WireIds default_wire_ids(std::uint32_t qp);

// MAC address of the sending end of a link: 02:00 and the link's id, locally administered.
[[nodiscard]] std::array<std::uint8_t, 6> port_mac(LinkId link);

// Without preamble and FCS; with padding and a valid ICRC. Empty for frames of a scale-up domain, which are not RoCE.
// IPv4 addresses are the NIC ports' of topologies/hash.h; MAC addresses those of the link's two ends; TTL counts the
// switches; DSCP 8 x priority, and 26 for priority 3. Payload byte at offset i of message m: (i + m) mod 251.
// A trimmed packet keeps its headers and has no payload.
[[nodiscard]] std::vector<std::uint8_t> wire_bytes(Network& network, const WireIds& ids, LinkId link,
                                                   const Frame& frame);

// A PFC frame (IEEE 802.1Qbb) of that sender: the longest pause, or 0 to resume.
[[nodiscard]] std::vector<std::uint8_t> pause_bytes(LinkId sender, std::uint8_t priority, bool pause);

}  // namespace weft::packet
