#include "fabric/wire/segments.h"

#include <algorithm>
#include <array>

namespace weft::wire {
namespace {

struct KindRow {
  Operation first, middle, last, only;
};

// In the order of MessageKind.
constexpr std::array<KindRow, 6> kKinds{{
    {Operation::kSendFirst, Operation::kSendMiddle, Operation::kSendLast, Operation::kSendOnly},
    {Operation::kSendFirst, Operation::kSendMiddle, Operation::kSendLastImm, Operation::kSendOnlyImm},
    {Operation::kSendFirst, Operation::kSendMiddle, Operation::kSendLastInvalidate, Operation::kSendOnlyInvalidate},
    {Operation::kWriteFirst, Operation::kWriteMiddle, Operation::kWriteLast, Operation::kWriteOnly},
    {Operation::kWriteFirst, Operation::kWriteMiddle, Operation::kWriteLastImm, Operation::kWriteOnlyImm},
    {Operation::kReadResponseFirst, Operation::kReadResponseMiddle, Operation::kReadResponseLast,
     Operation::kReadResponseOnly},
}};

const KindRow& row_of(MessageKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

}  // namespace

Expected<MessageSegments> MessageSegments::create(Transport transport, MessageKind kind, Bytes size, Bytes mtu) {
  constexpr std::array<std::int64_t, 5> kMtus{256, 512, 1024, 2048, 4096};
  if (std::ranges::find(kMtus, mtu.count) == kMtus.end())
    return input_error("no RDMA path MTU", to_text(mtu), "256, 512, 1024, 2048 or 4096 bytes");
  if (size < Bytes{} || size > kLongestMessage)
    return input_error("no size of an RDMA message", std::to_string(size.count), "0 to 2^31 bytes");
  const OpcodeInfo* only = find_opcode(opcode(transport, row_of(kind).only));
  if (only == nullptr || !only->payload)
    return input_error("the transport has no such message", {}, "SEND on UD; SEND and WRITE on UC; all on RC and XRC");
  const auto packets = std::max<std::int64_t>(1, (size.count + mtu.count - 1) / mtu.count);
  if (packets > 1 && transport == Transport::kUd)
    return input_error("a UD message is one packet", to_text(size), "at most the MTU");
  return MessageSegments(transport, kind, size, mtu, static_cast<std::uint32_t>(packets));
}

Segment MessageSegments::operator[](std::uint32_t index) const {
  WEFT_CHECK(index < count_);
  const KindRow& row = row_of(kind_);
  const bool first = index == 0, last = index + 1 == count_;
  const Operation operation = first && last ? row.only : first ? row.first : last ? row.last : row.middle;
  const Bytes offset = mtu_ * index;
  return {opcode(transport_, operation), offset, last ? size_ - offset : mtu_, last};
}

}  // namespace weft::wire
