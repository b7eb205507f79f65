// A message as packets: which opcode each has and which bytes it carries. IBTA volume 1 section 9.7 (RC), 9.8 (UC and
// UD).
#pragma once

#include <cstdint>

#include "fabric/units.h"
#include "fabric/wire/opcodes.h"

namespace weft::wire {

enum class MessageKind : std::uint8_t { kSend, kSendImm, kSendInvalidate, kWrite, kWriteImm, kReadResponse };

struct Segment {
  std::uint8_t opcode = 0;
  Bytes offset{};  // in the message
  Bytes size{};
  bool last = false;
};

// Packets are computed when asked for, so that a message of 2 GiB costs nothing. A message of 0 bytes is one packet.
class MessageSegments {
 public:
  static constexpr Bytes kLongestMessage{std::int64_t{1} << 31};  // IBTA volume 1 section 9.7.7

  // Errors: an MTU other than 256, 512, 1024, 2048, 4096; a negative size or one above kLongestMessage; a kind that the
  // transport has not (READ and invalidate on UC, all but SEND on UD); more than one packet on UD.
  [[nodiscard]] static Expected<MessageSegments> create(Transport transport, MessageKind kind, Bytes size, Bytes mtu);

  [[nodiscard]] std::uint32_t count() const { return count_; }
  // REQUIRES: index < count().
  [[nodiscard]] Segment operator[](std::uint32_t index) const;

 private:
  MessageSegments(Transport transport, MessageKind kind, Bytes size, Bytes mtu, std::uint32_t count)
      : transport_(transport), kind_(kind), size_(size), mtu_(mtu), count_(count) {}

  Transport transport_;
  MessageKind kind_;
  Bytes size_, mtu_;
  std::uint32_t count_;
};

}  // namespace weft::wire
