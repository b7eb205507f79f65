#include "fabric/wire/opcodes.h"

#include <array>

#include "fabric/wire/transport_headers.h"

namespace weft::wire {
namespace {

// One row an operation as RC has it; the transports below add to it or leave rows out.
struct OperationRow {
  Operation operation;
  std::string_view name;
  std::uint16_t extensions;
  bool payload, request, starts, ends;
};

constexpr bool kYes = true, kNo = false;
constexpr std::array<OperationRow, 24> kOperations{{
    // operation, name, extension headers, payload, request, starts, ends
    {Operation::kSendFirst, "SEND_FIRST", 0, kYes, kYes, kYes, kNo},
    {Operation::kSendMiddle, "SEND_MIDDLE", 0, kYes, kYes, kNo, kNo},
    {Operation::kSendLast, "SEND_LAST", 0, kYes, kYes, kNo, kYes},
    {Operation::kSendLastImm, "SEND_LAST_IMM", kHasImmDt, kYes, kYes, kNo, kYes},
    {Operation::kSendOnly, "SEND_ONLY", 0, kYes, kYes, kYes, kYes},
    {Operation::kSendOnlyImm, "SEND_ONLY_IMM", kHasImmDt, kYes, kYes, kYes, kYes},
    {Operation::kWriteFirst, "RDMA_WRITE_FIRST", kHasReth, kYes, kYes, kYes, kNo},
    {Operation::kWriteMiddle, "RDMA_WRITE_MIDDLE", 0, kYes, kYes, kNo, kNo},
    {Operation::kWriteLast, "RDMA_WRITE_LAST", 0, kYes, kYes, kNo, kYes},
    {Operation::kWriteLastImm, "RDMA_WRITE_LAST_IMM", kHasImmDt, kYes, kYes, kNo, kYes},
    {Operation::kWriteOnly, "RDMA_WRITE_ONLY", kHasReth, kYes, kYes, kYes, kYes},
    {Operation::kWriteOnlyImm, "RDMA_WRITE_ONLY_IMM", kHasReth | kHasImmDt, kYes, kYes, kYes, kYes},
    {Operation::kReadRequest, "RDMA_READ_REQUEST", kHasReth, kNo, kYes, kYes, kYes},
    {Operation::kReadResponseFirst, "RDMA_READ_RESPONSE_FIRST", kHasAeth, kYes, kNo, kYes, kNo},
    {Operation::kReadResponseMiddle, "RDMA_READ_RESPONSE_MIDDLE", 0, kYes, kNo, kNo, kNo},
    {Operation::kReadResponseLast, "RDMA_READ_RESPONSE_LAST", kHasAeth, kYes, kNo, kNo, kYes},
    {Operation::kReadResponseOnly, "RDMA_READ_RESPONSE_ONLY", kHasAeth, kYes, kNo, kYes, kYes},
    {Operation::kAck, "ACKNOWLEDGE", kHasAeth, kNo, kNo, kYes, kYes},
    {Operation::kAtomicAck, "ATOMIC_ACKNOWLEDGE", kHasAeth | kHasAtomicAckEth, kNo, kNo, kYes, kYes},
    {Operation::kCompareSwap, "COMPARE_SWAP", kHasAtomicEth, kNo, kYes, kYes, kYes},
    {Operation::kFetchAdd, "FETCH_ADD", kHasAtomicEth, kNo, kYes, kYes, kYes},
    {Operation::kResync, "RESYNC", 0, kNo, kYes, kYes, kYes},
    {Operation::kSendLastInvalidate, "SEND_LAST_INVALIDATE", kHasIeth, kYes, kYes, kNo, kYes},
    {Operation::kSendOnlyInvalidate, "SEND_ONLY_INVALIDATE", kHasIeth, kYes, kYes, kYes, kYes},
}};

constexpr std::uint32_t operation_bits(Operation first, Operation last) {
  return ((2U << static_cast<unsigned>(last)) - 1) & ~((1U << static_cast<unsigned>(first)) - 1);
}
constexpr std::uint32_t kInvalidates = operation_bits(Operation::kSendLastInvalidate, Operation::kSendOnlyInvalidate);

struct TransportRow {
  Transport transport;
  std::string_view name;
  std::uint32_t operations;           // bit i: operation i exists
  std::uint16_t always, on_requests;  // further extension headers
};

constexpr std::array<TransportRow, 5> kTransports{{
    {Transport::kRc, "RC", operation_bits(Operation::kSendFirst, Operation::kFetchAdd) | kInvalidates, 0, 0},
    {Transport::kUc, "UC", operation_bits(Operation::kSendFirst, Operation::kWriteOnlyImm), 0, 0},
    {Transport::kRd, "RD", operation_bits(Operation::kSendFirst, Operation::kResync), kHasRdeth, kHasDeth},
    {Transport::kUd, "UD", operation_bits(Operation::kSendOnly, Operation::kSendOnlyImm), kHasDeth, 0},
    {Transport::kXrc, "XRC", operation_bits(Operation::kSendFirst, Operation::kFetchAdd) | kInvalidates, 0, kHasXrcEth},
}};

constexpr std::array<std::size_t, 10> kExtensionSizes{
    Rdeth::kSize, Deth::kSize,         XrcEth::kSize, Reth::kSize, AtomicEth::kSize,
    Aeth::kSize,  AtomicAckEth::kSize, ImmDt::kSize,  Ieth::kSize, CnpReserved::kSize};

constexpr std::uint16_t bytes_of(unsigned extensions) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kExtensionSizes.size(); ++i)
    if ((extensions >> i & 1U) != 0) sum += kExtensionSizes[i];
  return static_cast<std::uint16_t>(sum);
}

constexpr OpcodeInfo combine(const TransportRow& transport, const OperationRow& row) {
  const unsigned extensions = row.extensions | transport.always | (row.request ? transport.on_requests : 0U);
  return {opcode(transport.transport, row.operation),
          transport.transport,
          row.name,
          static_cast<std::uint16_t>(extensions),
          bytes_of(extensions),
          row.payload,
          row.request,
          row.starts,
          row.ends};
}

constexpr std::size_t kOpcodes = 23 + 12 + 22 + 2 + 1 + 23;
constexpr OpcodeInfo kCnpInfo{kOpcodeCnp, Transport::kCnp, "CNP", kHasCnpReserved, CnpReserved::kSize, kNo, kNo, kYes,
                              kYes};

constexpr std::array<OpcodeInfo, kOpcodes> make_table() {
  std::array<OpcodeInfo, kOpcodes> table{};
  std::size_t next = 0;
  for (const TransportRow& transport : kTransports) {
    if (transport.transport == Transport::kXrc) table[next++] = kCnpInfo;
    for (const OperationRow& row : kOperations)
      if ((transport.operations >> static_cast<unsigned>(row.operation) & 1U) != 0)
        table[next++] = combine(transport, row);
  }
  return table;
}
constexpr auto kTable = make_table();
static_assert(kTable.front().opcode == 0x00 && kTable.back().opcode == 0xB7);

constexpr std::uint8_t kAbsent = 0xFF;
constexpr std::array<std::uint8_t, 256> make_index() {
  std::array<std::uint8_t, 256> index{};
  index.fill(kAbsent);
  for (std::size_t i = 0; i < kTable.size(); ++i) index[kTable[i].opcode] = static_cast<std::uint8_t>(i);
  return index;
}
constexpr auto kIndex = make_index();

}  // namespace

std::span<const OpcodeInfo> all_opcodes() { return kTable; }

const OpcodeInfo* find_opcode(std::uint8_t opcode) {
  const std::uint8_t i = kIndex[opcode];
  return i == kAbsent ? nullptr : &kTable[i];
}

std::uint16_t extension_bytes(unsigned extensions) { return bytes_of(extensions); }

std::string OpcodeInfo::name() const {
  for (const TransportRow& row : kTransports)
    if (row.transport == transport) return std::string(row.name) + ' ' + std::string(operation);
  return std::string(operation);
}

}  // namespace weft::wire
