// Messages as packets.
#include <gtest/gtest.h>

#include <string>

#include "fabric/wire/segments.h"

namespace weft::wire {
namespace {

std::string drawn(Transport transport, MessageKind kind, std::int64_t size, std::int64_t mtu) {
  const auto segments = MessageSegments::create(transport, kind, Bytes{size}, Bytes{mtu});
  if (!segments) return segments.error().text();
  std::string out;
  for (std::uint32_t i = 0; i < segments->count(); ++i) {
    const Segment s = (*segments)[i];
    out += find_opcode(s.opcode)->name() + ' ' + std::to_string(s.offset.count) + '+' + std::to_string(s.size.count) +
           (s.last ? "." : ", ");
  }
  return out;
}

TEST(Segments, FirstMiddleLastAndOnly) {
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kWrite, 2500, 1024),
            "RC RDMA_WRITE_FIRST 0+1024, RC RDMA_WRITE_MIDDLE 1024+1024, RC RDMA_WRITE_LAST 2048+452.");
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kWrite, 1024, 1024), "RC RDMA_WRITE_ONLY 0+1024.");
  EXPECT_EQ(drawn(Transport::kUc, MessageKind::kSendImm, 512, 256), "UC SEND_FIRST 0+256, UC SEND_LAST_IMM 256+256.");
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kWriteImm, 1, 4096), "RC RDMA_WRITE_ONLY_IMM 0+1.");
  EXPECT_EQ(drawn(Transport::kXrc, MessageKind::kSendInvalidate, 257, 256),
            "XRC SEND_FIRST 0+256, XRC SEND_LAST_INVALIDATE 256+1.");
  EXPECT_EQ(
      drawn(Transport::kRc, MessageKind::kReadResponse, 600, 256),
      "RC RDMA_READ_RESPONSE_FIRST 0+256, RC RDMA_READ_RESPONSE_MIDDLE 256+256, RC RDMA_READ_RESPONSE_LAST 512+88.");
  EXPECT_EQ(drawn(Transport::kUd, MessageKind::kSend, 4096, 4096), "UD SEND_ONLY 0+4096.");
}

TEST(Segments, EmptyMessageIsOnePacket) {
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kSend, 0, 4096), "RC SEND_ONLY 0+0.");
}

TEST(Segments, LongestMessageCostsNothing) {
  const auto segments =
      MessageSegments::create(Transport::kRc, MessageKind::kWrite, Bytes{std::int64_t{1} << 31}, Bytes{256});
  ASSERT_TRUE(segments.has_value());
  EXPECT_EQ(segments->count(), 1U << 23);
  EXPECT_TRUE((*segments)[(1U << 23) - 1].last);
}

TEST(Segments, RefusalsNameTheWayOut) {
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kSend, 1, 1500),
            "no RDMA path MTU: '1500B'; 256, 512, 1024, 2048 or 4096 bytes");
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kSend, (std::int64_t{1} << 31) + 1, 1024),
            "no size of an RDMA message: '2147483649'; 0 to 2^31 bytes");
  EXPECT_EQ(drawn(Transport::kRc, MessageKind::kSend, -1, 1024), "no size of an RDMA message: '-1'; 0 to 2^31 bytes");
  for (const auto& [transport, kind] :
       {std::pair{Transport::kUd, MessageKind::kWrite}, std::pair{Transport::kUc, MessageKind::kReadResponse},
        std::pair{Transport::kUc, MessageKind::kSendInvalidate}})
    EXPECT_TRUE(drawn(transport, kind, 1, 1024).starts_with("the transport has no such message"));
  EXPECT_EQ(drawn(Transport::kUd, MessageKind::kSend, 1025, 1024),
            "a UD message is one packet: '1025B'; at most the MTU");
}

}  // namespace
}  // namespace weft::wire
