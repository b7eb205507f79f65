#include "fabric/wire/pause.h"

namespace weft::wire {

std::vector<std::uint8_t> build_pause(const PauseFrame& frame) {
  EthernetHeader ethernet = frame.ethernet;
  ethernet.ether_type = kEtherTypeMacControl;
  std::vector<std::uint8_t> out;
  out.reserve(kPauseFrameSize);
  append(out, ethernet);
  std::visit(
      [&]<typename Pause>(Pause pause) {
        pause.opcode = Pause::kOpcode;
        append(out, pause);
      },
      frame.pause);
  out.resize(kPauseFrameSize);
  return out;
}

WireExpected<PauseFrame> parse_pause(std::span<const std::uint8_t> frame) {
  constexpr std::size_t kOpcodeAt = EthernetHeader::kSize;
  if (frame.size() < kOpcodeAt + 2) return wire_error(WireFault::kTruncated, 0, "MAC control frame");
  PauseFrame parsed{decode<EthernetHeader>(frame), {}};
  if (parsed.ethernet.ether_type != kEtherTypeMacControl)
    return wire_error(WireFault::kNotMacControl, kOpcodeAt - 2, EthernetHeader::kName);
  const auto body = frame.subspan(kOpcodeAt);
  const unsigned opcode = (unsigned{body[0]} << 8) | body[1];
  const auto take = [&]<typename Pause>(Pause) -> WireExpected<PauseFrame> {
    if (body.size() < Pause::kSize) return wire_error(WireFault::kTruncated, kOpcodeAt, Pause::kName);
    parsed.pause = decode<Pause>(body);
    return parsed;
  };
  if (opcode == PfcPause::kOpcode) return take(PfcPause{});
  if (opcode == GlobalPause::kOpcode) return take(GlobalPause{});
  return wire_error(WireFault::kNotPause, kOpcodeAt, "MAC control frame");
}

Duration pause_duration(std::uint16_t quanta, Rate rate) {
  constexpr std::int64_t kQuantumBytes = 512 / 8;
  return Bytes{quanta * kQuantumBytes} / rate;
}

}  // namespace weft::wire
