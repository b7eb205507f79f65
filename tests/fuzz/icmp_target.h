// What must hold for any bytes that a trace of paths hears; shared by libFuzzer and the replay test.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <string_view>
#include <vector>

#include "dpdk/checks/icmp.h"
#include "dpdk/checks/path_trace.h"

namespace weft {

// Answers everything with the same frame.
class OneAnswer final : public dpdk::FrameIo {
 public:
  explicit OneAnswer(std::span<const std::uint8_t> frame) : frame_(frame) {}
  bool send(std::span<const std::uint8_t> /*frame*/) override { return true; }
  std::size_t receive(std::span<std::uint8_t> buffer) override {
    const std::size_t size = std::min(buffer.size(), frame_.size());
    std::copy_n(frame_.begin(), size, buffer.begin());
    return size;
  }
  [[nodiscard]] std::size_t largest_frame() const override { return 9216; }

 private:
  std::span<const std::uint8_t> frame_;
};

// The parts of an error that are read before the BTH, which is read where it is there.
inline bool same_error(const dpdk::IcmpError& a, const dpdk::IcmpError& b) {
  return a.from == b.from && a.kind == b.kind && a.code == b.code && a.destination == b.destination &&
         a.identification == b.identification && a.source_port == b.source_port &&
         a.destination_port == b.destination_port;
}

// A shorter frame is no error or the same one, and so is a longer one; whatever comes, a trace ends with as many hops
// and answers as it asked for. True where the frame is an ICMP error about a UDP packet.
inline bool check_icmp_input(std::string_view text) {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto error = dpdk::parse_icmp_error(bytes);
  if (!bytes.empty()) {  // cut where its last byte says; memory of exactly this size: a read past it would be seen
    const std::size_t size = bytes.size() * bytes.back() / 256;
    const std::vector<std::uint8_t> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto shorter = dpdk::parse_icmp_error(part);
    WEFT_CHECK(!shorter || (error && same_error(*shorter, *error)));
  }
  if (error) {
    std::vector<std::uint8_t> padded(bytes.begin(), bytes.end());
    padded.resize(padded.size() + 46);
    const auto longer = dpdk::parse_icmp_error(padded);
    WEFT_CHECK(longer && same_error(*longer, *error) && !error->from.is_none());
  }
  OneAnswer io(bytes);
  wire::Ipv6Header v6;
  v6.source[15] = 1;
  v6.destination[15] = 2;
  dpdk::FrameProbeHeaders headers{{}, dpdk::Address(0x0A000901), dpdk::Address(0x0A000902), 26};
  if (text.size() % 2 == 1) headers = {{}, dpdk::Address(v6.source), dpdk::Address(v6.destination), 26};
  const auto prober = dpdk::make_frame_prober(io, headers);
  dpdk::TraceOptions options;
  options.source_ports = {0xC000, 0xC001};
  options.last_hop = 3;
  options.attempts = 1;
  options.wait = Duration{};
  options.probes_per_second = 1e12;
  const std::atomic<bool> stop{false};
  const auto trace = dpdk::trace_paths(*prober, options, stop);
  WEFT_CHECK(trace && trace->paths.size() == 2 && trace->answers <= trace->probes && trace->probes <= 6);
  for (const dpdk::TracedPath& path : trace->paths)
    WEFT_CHECK(path.hops.size() <= 3 && (!path.reached || (!path.hops.empty() && !path.hops.back().is_none())));
  return error.has_value();
}

}  // namespace weft
