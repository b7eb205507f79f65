// InfiniBand transport headers, IBTA specification volume 1, section 9.3 in its order.
#pragma once

#include <array>
#include <cstdint>

#include "fabric/wire/fields.h"

namespace weft::wire {

inline constexpr std::uint32_t kMask24 = 0xFFFFFF;  // QP numbers, PSNs and MSNs have 24 bits
inline constexpr std::size_t kIcrcSize = 4;

// Base Transport Header, section 9.2. FECN and BECN as in annex A17 and annex A10 (congestion control).
struct Bth {
  static constexpr std::size_t kSize = 12;
  static constexpr const char* kName = "BTH";
  std::uint8_t opcode = 0;  // see opcodes.h
  bool solicited_event = false;
  bool migrated = true;             // MigReq; 1 is the state of a QP that does not migrate
  std::uint8_t pad_count = 0;       // 0 to 3 bytes behind the payload, so that its end is 4-byte aligned
  std::uint8_t header_version = 0;  // TVer; only 0 exists
  std::uint16_t p_key = 0xFFFF;     // the default partition
  bool fecn = false;
  bool becn = false;
  std::uint8_t reserved6 = 0;
  std::uint32_t dest_qp = 0;  // 24 bits
  bool ack_request = false;
  std::uint8_t reserved7 = 0;
  std::uint32_t psn = 0;  // 24 bits

  bool operator==(const Bth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<8>, h.opcode);
    v(kBits<1>, h.solicited_event);
    v(kBits<1>, h.migrated);
    v(kBits<2>, h.pad_count);
    v(kBits<4>, h.header_version);
    v(kBits<16>, h.p_key);
    v(kBits<1>, h.fecn);
    v(kBits<1>, h.becn);
    v(kBits<6>, h.reserved6);
    v(kBits<24>, h.dest_qp);
    v(kBits<1>, h.ack_request);
    v(kBits<7>, h.reserved7);
    v(kBits<24>, h.psn);
  }
};

// Reliable Datagram Extended Transport Header, section 9.3.
struct Rdeth {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "RDETH";
  std::uint8_t reserved = 0;
  std::uint32_t ee_context = 0;  // 24 bits

  bool operator==(const Rdeth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<8>, h.reserved);
    v(kBits<24>, h.ee_context);
  }
};

// Datagram Extended Transport Header, section 9.3.
struct Deth {
  static constexpr std::size_t kSize = 8;
  static constexpr const char* kName = "DETH";
  std::uint32_t q_key = 0;
  std::uint8_t reserved = 0;
  std::uint32_t source_qp = 0;  // 24 bits

  bool operator==(const Deth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<32>, h.q_key);
    v(kBits<8>, h.reserved);
    v(kBits<24>, h.source_qp);
  }
};

// XRC Extended Transport Header, annex A14.
struct XrcEth {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "XRCETH";
  std::uint8_t reserved = 0;
  std::uint32_t srq = 0;  // 24 bits: the receiver's XRC shared receive queue

  bool operator==(const XrcEth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<8>, h.reserved);
    v(kBits<24>, h.srq);
  }
};

// RDMA Extended Transport Header, section 9.3.
struct Reth {
  static constexpr std::size_t kSize = 16;
  static constexpr const char* kName = "RETH";
  std::uint64_t virtual_address = 0;
  std::uint32_t rkey = 0;
  std::uint32_t dma_length = 0;  // bytes of the whole message

  bool operator==(const Reth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<64>, h.virtual_address);
    v(kBits<32>, h.rkey);
    v(kBits<32>, h.dma_length);
  }
};

// Atomic Extended Transport Header, section 9.3. FetchAdd adds `swap_or_add` and ignores `compare`.
struct AtomicEth {
  static constexpr std::size_t kSize = 28;
  static constexpr const char* kName = "AtomicETH";
  std::uint64_t virtual_address = 0;
  std::uint32_t rkey = 0;
  std::uint64_t swap_or_add = 0;
  std::uint64_t compare = 0;

  bool operator==(const AtomicEth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<64>, h.virtual_address);
    v(kBits<32>, h.rkey);
    v(kBits<64>, h.swap_or_add);
    v(kBits<64>, h.compare);
  }
};

// What an AETH says, bits 6 and 5 of the syndrome (section 9.7.5). Bit 7 is 0.
enum class AckKind : std::uint8_t { kAck = 0, kRnrNak = 1, kReserved = 2, kNak = 3 };

// NAK codes, section 9.7.5.
enum class NakCode : std::uint8_t {
  kPsnSequenceError = 0,
  kInvalidRequest = 1,
  kRemoteAccessError = 2,
  kRemoteOperationalError = 3,
  kInvalidRdRequest = 4,
};

// ACK Extended Transport Header, section 9.3.
struct Aeth {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "AETH";
  bool reserved = false;
  AckKind kind = AckKind::kAck;
  std::uint8_t value = 31;  // 5 bits: credit count (31: not used), RNR timer, or NakCode, by `kind`
  std::uint32_t msn = 0;    // 24 bits

  bool operator==(const Aeth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<1>, h.reserved);
    v(kBits<2>, h.kind);
    v(kBits<5>, h.value);
    v(kBits<24>, h.msn);
  }
};

// Atomic ACK Extended Transport Header, section 9.3: what the memory held before.
struct AtomicAckEth {
  static constexpr std::size_t kSize = 8;
  static constexpr const char* kName = "AtomicAckETH";
  std::uint64_t original = 0;

  bool operator==(const AtomicAckEth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<64>, h.original);
  }
};

// Immediate Data Extended Transport Header, section 9.3.
struct ImmDt {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "ImmDt";
  std::uint32_t data = 0;

  bool operator==(const ImmDt&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<32>, h.data);
  }
};

// Invalidate Extended Transport Header, section 9.3.
struct Ieth {
  static constexpr std::size_t kSize = 4;
  static constexpr const char* kName = "IETH";
  std::uint32_t rkey = 0;

  bool operator==(const Ieth&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<32>, h.rkey);
  }
};

// The 16 reserved bytes behind the BTH of a congestion notification packet, annex A17. Sent as zeros.
struct CnpReserved {
  static constexpr std::size_t kSize = 16;
  static constexpr const char* kName = "CNP reserved bytes";
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const CnpReserved&) const = default;
  template <typename Self, typename Visitor>
  static constexpr void visit(Self& h, Visitor& v) {
    v(kBits<128>, h.bytes);
  }
};

static_assert(size_matches_fields<Bth>() && size_matches_fields<Rdeth>() && size_matches_fields<Deth>() &&
              size_matches_fields<XrcEth>() && size_matches_fields<Reth>() && size_matches_fields<AtomicEth>() &&
              size_matches_fields<Aeth>() && size_matches_fields<AtomicAckEth>() && size_matches_fields<ImmDt>() &&
              size_matches_fields<Ieth>() && size_matches_fields<CnpReserved>());

}  // namespace weft::wire
