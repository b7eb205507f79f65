// What must hold for any frames that reach an RC endpoint: it touches only the memory that it was given, answers each
// frame with a bounded number of packets, and never aborts. Shared by libFuzzer and the replay test.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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
    static constexpr auto kWhole = [] {
      std::array<std::uint8_t, kGuard> marks{};
      marks.fill(kMark);
      return marks;
    }();
    WEFT_CHECK(std::memcmp(bytes_.data(), kWhole.data(), kGuard) == 0);
    WEFT_CHECK(std::memcmp(bytes_.data() + bytes_.size() - kGuard, kWhole.data(), kGuard) == 0);
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr std::uint8_t kMark = 0xA5;
  std::vector<std::uint8_t> bytes_;
};

// An RC endpoint and the peer that the input plays. Each step of it is a frame with any opcode, or more work. What the
// endpoint expects next is as likely as all else together: it gets deep, and soon.
class RcPlay {
 public:
  explicit RcPlay(std::string_view text)
      : input_(text), settings_(settings()), requester_(settings_), responder_(settings_) {
    responder_.add_region({7, 0x1000, region_.memory()});
    for (int i = 0; i < 2; ++i) post_receive();
    for (const auto op : {Op::kRead, Op::kSend, Op::kFetchAdd}) post(op);
    frame_.headers = settings_.path;
  }

  // Returns how many frames the endpoint took.
  std::size_t play() {
    std::size_t taken = 0;
    for (int step = 0; step < 128 && !input_.empty(); ++step) {
      const auto pause = static_cast<std::int64_t>(input_.take(1));
      now_ = now_ + Duration::us(pause < 240 ? pause : 70'000);  // beyond the timeout
      pump(pause % 8 == 0 ? 4 : 1);
      const std::uint64_t choice = input_.take(1);
      if (choice >= 0xF8)
        post_receive();
      else if (choice >= 0xF0)
        post(static_cast<Op>(choice % 7));
      else if (take_frame(choice))
        ++taken;
    }
    for (const Guarded* guarded : {&region_, &buffer_, &read_into_, &word_}) guarded->check();
    WEFT_CHECK(requester_.completions().size() <= works_ && responder_.received().size() <= receives_);
    return taken;
  }

 private:
  using Op = dpdk::rc::Op;

  static dpdk::rc::Settings settings() {
    dpdk::rc::Settings settings;
    settings.path.ip = wire::Ipv4Header{};
    settings.local_qp = 0x11;
    settings.first_psn = settings.expected_psn = kFirstPsn;
    settings.mtu = 256;
    settings.reads = 2;
    settings.rnr_retries = 2;
    return settings;
  }

  void pump(unsigned budget) {
    std::size_t sent = 0;
    const dpdk::rc::Sink sink = [&sent](std::span<const std::uint8_t>) { return ++sent > 0; };
    requester_.pump(now_, sink, budget);
    responder_.pump(sink, 512);
    WEFT_CHECK(sent <= 516);
  }

  void post_receive() { responder_.post_receive(receives_++, buffer_.memory()); }

  // The message is one packet, or two, or three: by turns.
  void post(Op op) {
    const bool atomic = op == Op::kCompareSwap || op == Op::kFetchAdd;
    const std::size_t size = std::array{700, 100, 300}[works_ % 3];
    const auto local = atomic ? word_.memory() : op == Op::kRead ? read_into_.memory() : std::span(data_).first(size);
    requester_.post({works_++, op, local, 0x1000, 7, 5, 0, 1});
  }

  // False where there is no such opcode.
  bool take_frame(std::uint64_t choice) {
    const auto opcodes = wire::all_opcodes();
    auto& bth = frame_.headers.bth;
    bth.opcode = choice < 0x18 ? static_cast<std::uint8_t>(choice) : opcodes[choice % opcodes.size()].opcode;
    const wire::OpcodeInfo* info = wire::find_opcode(bth.opcode);
    if (info == nullptr) return false;
    bth.dest_qp = settings_.local_qp;
    bth.ack_request = input_.take(1) % 2 == 0;
    // Where not the next one, then near it, for far ones are all alike.
    const std::uint64_t place = input_.take(1);
    std::uint32_t& next = info->request ? next_request_ : next_response_;
    bth.psn = (place < 128 ? next++ : static_cast<std::uint32_t>(kFirstPsn + place - 160)) & wire::kMask24;
    take_extensions(*info);
    // As find_layout() and parse_frame() would give it; what is not looked at behind them is left as it is.
    frame_.layout.opcode = info;
    frame_.payload = std::span(payload_).last(info->payload ? payload_size() : 0);
    responder_.take(frame_);
    requester_.take(frame_, now_);
    return true;
  }

  void take_extensions(const wire::OpcodeInfo& info) {
    auto& x = frame_.headers.extensions;
    if (info.has(wire::kHasReth)) x.reth = {address(), rkey(), static_cast<std::uint32_t>(input_.take(2))};
    if (info.has(wire::kHasAtomicEth)) x.atomic = {address(), rkey(), input_.take(1), input_.take(1)};
    if (info.has(wire::kHasAeth))
      x.aeth = {false, static_cast<wire::AckKind>(input_.take(1) % 4), static_cast<std::uint8_t>(input_.take(1) % 32),
                0};
  }
  std::uint64_t address() { return 0x1000 + input_.take(2) % 2048 - 64; }
  std::uint32_t rkey() { return static_cast<std::uint32_t>(7 + input_.take(1) / 240); }
  std::size_t payload_size() {
    const std::uint64_t choice = input_.take(1);
    if (choice < 128) return settings_.mtu;
    return choice < 160 ? kReadSize % settings_.mtu : choice < 192 ? 300 : (choice - 192) * 4;
  }

  static constexpr std::uint32_t kFirstPsn = 100;
  static constexpr std::size_t kReadSize = 1000;

  FuzzBytes input_;
  dpdk::rc::Settings settings_;
  dpdk::rc::Requester requester_;
  dpdk::rc::Responder responder_;
  Guarded region_{1024}, buffer_{600}, read_into_{kReadSize}, word_{8};
  std::vector<std::uint8_t> data_ = std::vector<std::uint8_t>(700, 3), payload_ = std::vector<std::uint8_t>(300, 9);
  wire::ParsedFrame frame_;
  Duration now_{};
  std::uint32_t next_request_ = kFirstPsn, next_response_ = kFirstPsn;
  std::uint64_t works_ = 0, receives_ = 0;
};

inline std::size_t check_rc_input(std::string_view text) { return RcPlay(text).play(); }

}  // namespace weft
