// Probes as whole RoCEv2 frames over a port; answers are read from what comes in.
#include <array>
#include <chrono>
#include <thread>

#include "dpdk/checks/icmp.h"
#include "dpdk/checks/path_trace.h"
#include "fabric/wire/frame.h"

namespace weft::dpdk {
namespace {

// A QP that no NIC hands out: the packet is dropped at the end, silently.
constexpr std::uint32_t kNobodysQp = 0xFFFFFE;

class FrameProber final : public Prober {
 public:
  FrameProber(FrameIo& io, const FrameProbeHeaders& headers) : io_(io), given_(headers) {}

  // The TTL travels in the identification, which the answer quotes.
  Expected<void> send(const Probe& probe) override {
    wire::FrameHeaders headers;
    headers.ethernet = given_.ethernet;
    wire::Ipv4Header ip;
    ip.source = given_.source;
    ip.destination = given_.destination;
    ip.dscp = given_.dscp;
    ip.ttl = probe.ttl;
    ip.identification = probe.ttl;
    headers.ip = ip;
    headers.udp.source_port = probe.source_port;
    headers.bth.opcode = wire::opcode(wire::Transport::kUc, wire::Operation::kSendOnly);
    headers.bth.dest_qp = kNobodysQp;
    constexpr std::array<std::uint8_t, 16> kPayload{};
    const auto frame = wire::build_frame(headers, kPayload);
    if (!frame) return input_error("cannot build a probe", frame.error().text());
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
      return ProbeAnswer{{error->source_port, static_cast<std::uint8_t>(error->identification)},
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
