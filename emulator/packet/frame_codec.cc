#include "emulator/packet/frame_codec.h"

#include <cstring>
#include <type_traits>

#include "fabric/error.h"

namespace weft::packet {
namespace {

// The first byte: a FrameKind and what else the record has, or a pause.
constexpr std::uint8_t kKindMask = 0x07;
constexpr std::uint8_t kHasEntropy = 0x08;
constexpr std::uint8_t kHasSack = 0x10;
constexpr std::uint8_t kHasAnswer = 0x20;  // packets, marked, received
constexpr std::uint8_t kHasHops = 0x40;
constexpr std::uint8_t kPauseRecord = 0x80, kResumeRecord = 0x81;

// Processes of one program on machines of one kind: fields go as they are.
class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}
  template <typename... T>
  void put(const T&... fields) {
    (put_one(fields), ...);
  }

 private:
  template <typename T>
  void put_one(const T& field) {
    static_assert(std::is_arithmetic_v<T>);
    const std::size_t at = out_.size();
    out_.resize(at + sizeof field);
    std::memcpy(out_.data() + at, &field, sizeof field);
  }
  std::vector<std::uint8_t>& out_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t>& in) : in_(in) {}
  template <typename... T>
  void get(T&... fields) {
    (get_one(fields), ...);
  }

 private:
  template <typename T>
  void get_one(T& field) {
    static_assert(std::is_arithmetic_v<T>);
    WEFT_CHECK(in_.size() >= sizeof field);
    std::memcpy(&field, in_.data(), sizeof field);
    in_ = in_.subspan(sizeof field);
  }
  std::span<const std::uint8_t>& in_;
};

void take_frame(std::uint8_t what, Reader& in, Crossing& out) {
  Frame& f = out.frame;
  f.kind = static_cast<FrameKind>(what & kKindMask);
  WEFT_CHECK(f.kind <= FrameKind::kCnp);
  in.get(f.qp, f.psn, f.wire, f.payload, f.priority, f.flags, f.hop, f.at, f.sent);
  if ((what & kHasEntropy) != 0) in.get(f.entropy);
  if ((what & kHasSack) != 0) in.get(f.sack);
  if ((what & kHasAnswer) != 0) in.get(f.packets, f.marked, f.received);
  if ((what & kHasHops) == 0) return;
  IntRecord& record = out.hops.emplace();
  std::uint8_t hops = 0;
  in.get(hops);
  WEFT_CHECK(hops <= kMaxIntHops);
  record.hops = hops;
  for (std::uint32_t i = 0; i < hops; ++i) {
    IntHop& hop = record.hop[i];
    in.get(hop.tx_bytes, hop.stamp, hop.queue_bytes, hop.bytes_per_ps);
  }
}

}  // namespace

void append_frame(LinkId link, const Frame& f, const IntRecord* telemetry, std::vector<std::uint8_t>& out) {
  auto what = static_cast<std::uint8_t>(f.kind);
  if (f.entropy != 0) what |= kHasEntropy;
  if (f.sack != 0) what |= kHasSack;
  if (f.packets != 0 || f.marked != 0 || f.received != 0) what |= kHasAnswer;
  if (telemetry != nullptr) what |= kHasHops;
  Writer to(out);
  to.put(what, link.value, f.qp, f.psn, f.wire, f.payload, f.priority, f.flags, f.hop, f.at, f.sent);
  if ((what & kHasEntropy) != 0) to.put(f.entropy);
  if ((what & kHasSack) != 0) to.put(f.sack);
  if ((what & kHasAnswer) != 0) to.put(f.packets, f.marked, f.received);
  if (telemetry == nullptr) return;
  to.put(static_cast<std::uint8_t>(telemetry->hops));
  for (std::uint32_t i = 0; i < telemetry->hops; ++i) {
    const IntHop& hop = telemetry->hop[i];
    to.put(hop.tx_bytes, hop.stamp, hop.queue_bytes, hop.bytes_per_ps);
  }
}

void append_pause(LinkId link, std::uint8_t priority, bool pause, Ps at, std::vector<std::uint8_t>& out) {
  Writer(out).put(pause ? kPauseRecord : kResumeRecord, link.value, priority, at);
}

std::optional<Crossing> take_crossing(std::span<const std::uint8_t>& bytes) {
  if (bytes.empty()) return std::nullopt;
  Reader in(bytes);
  Crossing out;
  std::uint8_t what = 0;
  in.get(what, out.link.value);
  if (what >= kPauseRecord) {
    out.kind = what == kPauseRecord ? Crossing::Kind::kPause : Crossing::Kind::kResume;
    in.get(out.priority, out.at);
  } else {
    take_frame(what, in, out);
  }
  return out;
}

}  // namespace weft::packet
