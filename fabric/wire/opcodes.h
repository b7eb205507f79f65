// Every BTH opcode: what follows it and which part of a message it is. IBTA volume 1, section 9.2, table of opcodes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::wire {

// The upper three bits of an opcode.
enum class Transport : std::uint8_t { kRc = 0x00, kUc = 0x20, kRd = 0x40, kUd = 0x60, kCnp = 0x80, kXrc = 0xA0 };

// The lower five bits.
enum class Operation : std::uint8_t {
  kSendFirst = 0x00,
  kSendMiddle = 0x01,
  kSendLast = 0x02,
  kSendLastImm = 0x03,
  kSendOnly = 0x04,
  kSendOnlyImm = 0x05,
  kWriteFirst = 0x06,
  kWriteMiddle = 0x07,
  kWriteLast = 0x08,
  kWriteLastImm = 0x09,
  kWriteOnly = 0x0A,
  kWriteOnlyImm = 0x0B,
  kReadRequest = 0x0C,
  kReadResponseFirst = 0x0D,
  kReadResponseMiddle = 0x0E,
  kReadResponseLast = 0x0F,
  kReadResponseOnly = 0x10,
  kAck = 0x11,
  kAtomicAck = 0x12,
  kCompareSwap = 0x13,
  kFetchAdd = 0x14,
  kResync = 0x15,  // RD only
  kSendLastInvalidate = 0x16,
  kSendOnlyInvalidate = 0x17,
};

[[nodiscard]] constexpr std::uint8_t opcode(Transport transport, Operation operation) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(transport) | static_cast<unsigned>(operation));
}
inline constexpr std::uint8_t kOpcodeCnp = 0x81;  // annex A17: congestion notification packet

// Extension headers in the order in which they stand behind the BTH; a set of them is an OR of bits.
enum ExtensionBit : std::uint16_t {
  kHasRdeth = 1 << 0,
  kHasDeth = 1 << 1,
  kHasXrcEth = 1 << 2,
  kHasReth = 1 << 3,
  kHasAtomicEth = 1 << 4,
  kHasAeth = 1 << 5,
  kHasAtomicAckEth = 1 << 6,
  kHasImmDt = 1 << 7,
  kHasIeth = 1 << 8,
  kHasCnpReserved = 1 << 9,
};

struct OpcodeInfo {
  std::uint8_t opcode = 0;
  Transport transport = Transport::kRc;
  std::string_view operation;         // "RDMA_WRITE_FIRST"
  std::uint16_t extensions = 0;       // ExtensionBits
  std::uint16_t extension_bytes = 0;  // their sum
  bool payload = false;               // may carry payload
  bool request = false;               // sent by the requester, not an answer
  bool starts = false;                // first packet of its message
  bool ends = false;                  // last packet of its message

  [[nodiscard]] bool has(ExtensionBit extension) const { return (extensions & extension) != 0; }
  [[nodiscard]] std::string name() const;  // "RC RDMA_WRITE_FIRST", "CNP"
};

// Ascending; RC 23, UC 12, RD 22, UD 2, CNP 1, XRC 23.
[[nodiscard]] std::span<const OpcodeInfo> all_opcodes();

// Null where the opcode is reserved or a manufacturer's own (0xC0 and up).
[[nodiscard]] const OpcodeInfo* find_opcode(std::uint8_t opcode);

// Bytes of a set of ExtensionBits.
[[nodiscard]] std::uint16_t extension_bytes(unsigned extensions);

}  // namespace weft::wire
