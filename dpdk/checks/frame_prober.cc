// Probes as whole RoCEv2 frames over a port; answers are read from what comes in.
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "dpdk/checks/icmp.h"
#include "dpdk/checks/path_trace.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {
namespace {

// A QP that no NIC hands out: the packet is dropped at the end, silently.
constexpr std::uint32_t kNobodysQp = 0xFFFFFE;

// RoCEv2 leaves it 0, which hosts without RDMA drop silently over IPv6 (RFC 8200, section 8.1), and a host that answers
// is where a path ends. The ICRC does not cover it.
void set_udp_checksum(std::vector<std::uint8_t>& frame) {
  const auto layout = wire::find_layout(frame).value();
  const auto at = [&](std::size_t offset) { return frame.begin() + static_cast<std::ptrdiff_t>(offset); };
  const std::size_t end = layout.icrc + wire::kIcrcSize, size = end - layout.udp;
  constexpr std::size_t kAddresses = 8;  // in the IPv6 header
  std::vector<std::uint8_t> covered(at(layout.ip + kAddresses), at(layout.ip + wire::Ipv6Header::kSize));
  for (const std::size_t byte : {std::size_t{0}, std::size_t{0}, size >> 8, size & 0xFF, std::size_t{0}, std::size_t{0},
                                 std::size_t{0}, std::size_t{wire::kProtocolUdp}})
    covered.push_back(static_cast<std::uint8_t>(byte));
  covered.insert(covered.end(), at(layout.udp), at(end));
  const std::uint16_t sum = internet_checksum(covered);
  frame[layout.udp + 6] = static_cast<std::uint8_t>((sum == 0 ? 0xFFFF : sum) >> 8);
  frame[layout.udp + 7] = static_cast<std::uint8_t>(sum == 0 ? 0xFFFF : sum);
}

class FrameProber final : public Prober {
 public:
  FrameProber(FrameIo& io, const FrameProbeHeaders& headers) : io_(io), given_(headers) {}

  // The TTL travels in the identification, which the answer quotes; over IPv6 in the PSN.
  Expected<void> send(const Probe& probe) override {
    wire::FrameHeaders headers;
    headers.ethernet = given_.ethernet;
    if (given_.destination.is_v4()) {
      wire::Ipv4Header ip;
      ip.source = given_.source.v4();
      ip.destination = given_.destination.v4();
      ip.dscp = given_.dscp;
      ip.ttl = probe.ttl;
      ip.identification = probe.ttl;
      headers.ip = ip;
    } else {
      wire::Ipv6Header ip;
      ip.source = given_.source.v6();
      ip.destination = given_.destination.v6();
      ip.dscp = given_.dscp;
      ip.hop_limit = probe.ttl;
      ip.flow_label = probe.source_port & 0x3FFFU;  // udp_source_port_from_flow_label() makes the port of it
      headers.ip = ip;
    }
    headers.bth.psn = probe.ttl;
    headers.udp.source_port = probe.source_port;
    headers.bth.opcode = wire::opcode(wire::Transport::kUc, wire::Operation::kSendOnly);
    headers.bth.dest_qp = kNobodysQp;
    constexpr std::array<std::uint8_t, 16> kPayload{};
    auto frame = wire::build_frame(headers, kPayload);
    if (!frame) return input_error("cannot build a probe", frame.error().text());
    if (!given_.destination.is_v4()) set_udp_checksum(*frame);
    for (int attempt = 0; attempt < 1000; ++attempt) {
      if (io_.send(*frame)) return {};
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
    return environment_error("the port takes no frames", {}, "is its link up?");
  }

  Expected<std::optional<ProbeAnswer>> receive(Duration wait) override {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + std::chrono::microseconds(wait.picoseconds / 1'000'000);
    do {
      const std::size_t size = io_.receive(buffer_);
      if (size == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        continue;
      }
      const auto error = parse_icmp_error(std::span(buffer_).first(size));
      if (!error || error->destination != given_.destination || error->destination_port != wire::kRoceV2Port) continue;
      return ProbeAnswer{
          {error->source_port, static_cast<std::uint8_t>(error->from.is_v4() ? error->identification : error->psn)},
          error->from,
          error->from == given_.destination || is_port_unreachable(*error)};
    } while (Clock::now() < until);
    return std::nullopt;
  }

 private:
  FrameIo& io_;
  FrameProbeHeaders given_;
  std::array<std::uint8_t, 9216> buffer_{};
};

}  // namespace

std::unique_ptr<Prober> make_frame_prober(FrameIo& io, const FrameProbeHeaders& headers) {
  return std::make_unique<FrameProber>(io, headers);
}

}  // namespace weft::dpdk
