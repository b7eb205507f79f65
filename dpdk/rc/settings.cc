#include "dpdk/rc/settings.h"

#include <array>

namespace weft::dpdk::rc {

Psn unwrap(std::uint32_t bits, Psn near) {
  const auto ahead = static_cast<std::uint32_t>(bits - on_wire(near)) & wire::kMask24;
  if (ahead < (1U << 23)) return near + ahead;
  const Psn behind = (1U << 24) - ahead;
  return near >= behind ? near - behind : near + ahead;
}

Duration rnr_delay(std::uint8_t code) {
  constexpr std::array<std::int64_t, 32> kMicroseconds{
      655'360, 10,     20,     30,     40,     60,      80,      120,     160,     240,    320,
      480,     640,    960,    1'280,  1'920,  2'560,   3'840,   5'120,   7'680,   10'240, 15'360,
      20'480,  30'720, 40'960, 61'440, 81'920, 122'880, 163'840, 245'760, 327'680, 491'520};
  return Duration::us(kMicroseconds[code & 31U]);
}

std::vector<std::uint8_t> frame_of(const Settings& settings, wire::Operation operation, Psn psn, bool ack_request,
                                   const wire::Extensions& extensions, std::span<const std::uint8_t> payload) {
  wire::FrameHeaders headers = settings.path;
  headers.bth.opcode = wire::opcode(wire::Transport::kRc, operation);
  headers.bth.dest_qp = settings.remote_qp;
  headers.bth.psn = on_wire(psn);
  headers.bth.ack_request = ack_request;
  headers.extensions = extensions;
  auto frame = wire::build_frame(headers, payload);
  WEFT_CHECK(frame.has_value());
  return std::move(*frame);
}

}  // namespace weft::dpdk::rc
