// What must hold for any frames that reach an RC endpoint: it touches only the memory that it was given, answers each
// frame with a bounded number of packets, and never aborts. Shared by libFuzzer and the replay test.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dpdk/rc/requester.h"
#include "dpdk/rc/responder.h"

namespace weft {

// Numbers out of the input, zeros behind its end.
class FuzzBytes {
 public:
  explicit FuzzBytes(std::string_view text) : text_(text) {}
  [[nodiscard]] bool empty() const { return text_.empty(); }
  std::uint64_t take(unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      value = value << 8 | (text_.empty() ? 0 : static_cast<std::uint8_t>(text_.front()));
      if (!text_.empty()) text_.remove_prefix(1);
    }
    return value;
  }

 private:
  std::string_view text_;
};

// Memory between two guards.
class Guarded {
 public:
  explicit Guarded(std::size_t size) : bytes_(size + 2 * kGuard, kMark) {}
  [[nodiscard]] std::span<std::uint8_t> memory() {
    return std::span(bytes_).subspan(kGuard, bytes_.size() - 2 * kGuard);
  }
  void check() const {
    const auto whole = [](auto from, auto to) { return std::all_of(from, to, [](auto b) { return b == kMark; }); };
    WEFT_CHECK(whole(bytes_.begin(), bytes_.begin() + kGuard));
    WEFT_CHECK(whole(bytes_.end() - kGuard, bytes_.end()));
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 64;
  static constexpr std::uint8_t kMark = 0xA5;
  std::vector<std::uint8_t> bytes_;
};

// One frame as the input says, with any opcode and any field.
inline wire::FrameHeaders fuzzed_headers(FuzzBytes& input, const dpdk::rc::Settings& settings) {
  wire::FrameHeaders headers = settings.path;
  const auto opcodes = wire::all_opcodes();
  const std::uint64_t choice = input.take(1);
  headers.bth.opcode = choice < 0x18 ? static_cast<std::uint8_t>(choice) : opcodes[choice % opcodes.size()].opcode;
  headers.bth.dest_qp = settings.local_qp;
  headers.bth.ack_request = input.take(1) % 2 == 0;
  // Near to what is expected, for far ones are all alike.
  headers.bth.psn = static_cast<std::uint32_t>(settings.expected_psn + input.take(1) - 64) & wire::kMask24;
  auto& x = headers.extensions;
  x.reth = {0x1000 + input.take(2) - 64, static_cast<std::uint32_t>(7 + input.take(1) / 240),
            static_cast<std::uint32_t>(input.take(2))};
  x.atomic = {0x1000 + input.take(2) - 64, static_cast<std::uint32_t>(7 + input.take(1) / 240), input.take(2),
              input.take(1)};
  x.aeth = {false, static_cast<wire::AckKind>(input.take(1) % 4), static_cast<std::uint8_t>(input.take(1) % 32), 0};
  return headers;
}

// Returns how many frames the endpoint took.
inline std::size_t check_rc_input(std::string_view text) {
  using namespace dpdk::rc;
  Settings settings;
  settings.path.ip = wire::Ipv4Header{};
  settings.local_qp = 0x11;
  settings.first_psn = settings.expected_psn = 100;
  settings.mtu = 256;
  Requester requester(settings);
  Responder responder(settings);
  Guarded region(4096), buffer(600), read_into(1000), word(8);
  std::vector<std::uint8_t> data(700, 3);
  responder.add_region({7, 0x1000, region.memory()});
  for (std::uint64_t i = 0; i < 4; ++i) responder.post_receive(i, buffer.memory());
  requester.post({1, Op::kRead, read_into.memory(), 0, 0, 0, 0, 0});
  requester.post({2, Op::kSend, data, 0, 0, 0, 0, 0});
  requester.post({3, Op::kFetchAdd, word.memory(), 0, 0, 0, 0, 0});
  std::size_t sent = 0, taken = 0;
  const Sink sink = [&](std::span<const std::uint8_t>) { return ++sent > 0; };
  FuzzBytes input(text);
  for (std::int64_t step = 0; step < 256 && !input.empty(); ++step) {
    const Duration now = Duration::us(static_cast<std::int64_t>(input.take(1)) + step * 50);
    sent = 0;
    requester.pump(now, sink, 8);
    responder.pump(sink, 512);
    WEFT_CHECK(sent <= 520);
    const wire::FrameHeaders headers = fuzzed_headers(input, settings);
    const wire::OpcodeInfo* info = wire::find_opcode(headers.bth.opcode);
    const std::vector<std::uint8_t> payload(info != nullptr && info->payload ? input.take(2) % 300 : 0, 9);
    const auto frame = wire::build_frame(headers, payload);
    if (!frame) continue;
    const auto parsed = wire::parse_frame(*frame);
    WEFT_CHECK(parsed.has_value());
    responder.take(*parsed);
    requester.take(*parsed, now);
    ++taken;
  }
  for (const Guarded* guarded : {&region, &buffer, &read_into, &word}) guarded->check();
  WEFT_CHECK(requester.completions().size() <= 3 && responder.received().size() <= 4);
  return taken;
}

}  // namespace weft
